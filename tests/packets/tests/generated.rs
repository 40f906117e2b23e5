// SPDX-License-Identifier: GPL-2.0-only

//! The generator of the fuzzing in the kernel, run in user space: no packet makes the walk panic,
//! and every kind of packet, rule and connection that is to be compared there does occur.

use hmark::rule::{self, Refusal, Rule};
use hmark::{mark, Family};
use packets::{generate, wire, Bytes, Conntrack, Layout, Random};

const CASES: u64 = 3_000;

/// The packets of the first cases, each with random numbers of its own.
fn packets(family: Family) -> Vec<(Vec<u8>, Random)> {
    let mut bytes = Box::new(Bytes::default());
    (0..CASES)
        .map(|case| {
            let mut random = Random::new(case);
            generate::packet(family, &mut bytes, &mut random);
            assert!(bytes.len() >= family.header_len());
            (bytes.as_slice().to_vec(), random)
        })
        .collect()
}

#[test]
fn every_packet_is_survived() {
    for family in Family::ALL {
        for (packet, mut random) in packets(family) {
            let mut rule = generate::rule(&mut random);
            rule.flags &= !rule::v0::flag::CT;
            let len = random.between(family.header_len(), packet.len());
            for packet in [&packet[..], &packet[..len]] {
                let mark = mark(family, packet, &rule);
                let buckets = rule.hmodulus.max(1);
                assert!(mark.is_none_or(|mark| mark.wrapping_sub(rule.hoffset) < buckets));
            }
        }
    }
}

#[test]
fn layouts_hold_the_whole_packet() {
    for family in Family::ALL {
        for (packet, mut random) in packets(family) {
            let len = random.between(family.header_len(), packet.len());
            let layout = Layout::random(family, len, &mut random);
            let paged: usize = layout.frags.iter().sum();
            assert!(layout.linear >= family.header_len());
            assert_eq!(layout.linear + paged + layout.listed(), len);
        }
    }
}

/// Fails unless the condition holds for a few packets.
fn some(packets: &[(Vec<u8>, Random)], name: &str, condition: impl Fn(&[u8]) -> bool) {
    let count = packets
        .iter()
        .filter(|(packet, _)| condition(packet))
        .count();
    assert!(count >= 10, "only {count} packets: {name}");
}

#[test]
fn ipv4_packets_have_all_corners() {
    let packets = packets(Family::Ipv4);
    let some = |name: &str, condition: &dyn Fn(&[u8]) -> bool| some(&packets, name, condition);
    some("options", &|packet| packet[0] & 0x0f > 5);
    some("a header too short", &|packet| packet[0] & 0x0f < 5);
    some("first fragment", &|packet| {
        packet[6] & 0x3f == 0x20 && packet[7] == 0
    });
    some("later fragment", &|packet| {
        packet[6] & 0x1f != 0 || packet[7] != 0
    });
    some("reserved bit alone", &|packet| packet[6..8] == [0x80, 0]);
    some("source is destination", &|packet| {
        packet[12..16] == packet[16..20]
    });
    some("error in an error", &|packet| {
        packet[0] == 0x45
            && packet[9] == 1
            && packet.get(20) == Some(&3)
            && packet.get(28) == Some(&0x45)
            && packet.get(37) == Some(&1)
            && matches!(packet.get(48), Some(3 | 4 | 5 | 11 | 12))
    });
    for protocol in [1, 6, 17, 33, 50, 51, 132, 136] {
        let name = format!("protocol {protocol}");
        some(&name, &|packet| packet[9] == protocol);
    }
}

/// The number of extension headers of an IPv6 packet, and the header that the last one announces.
fn end(packet: &[u8]) -> (usize, u8, &[u8]) {
    let (mut number, mut next, mut rest) = (0, packet[6], &packet[40..]);
    while let (0 | 43 | 44 | 60, [after, units, ..]) = (next, rest) {
        let len = match next {
            44 => 8,
            _ => (usize::from(*units) + 1) * 8,
        };
        (number, next) = (number + 1, *after);
        rest = rest.get(len..).unwrap_or_default();
    }
    (number, next, rest)
}

#[test]
fn ipv6_packets_have_all_corners() {
    let packets = packets(Family::Ipv6);
    for extensions in 0..=13 {
        let name = format!("{extensions} extensions");
        some(&packets, &name, |packet| end(packet).0 == extensions);
    }
    for last in [6, 17, 33, 50, 51, 58, 59, 132, 136] {
        let name = format!("{last} at the end");
        some(&packets, &name, |packet| end(packet).1 == last);
    }
    for message in [0, 1, 2, 3, 4, 127, 128] {
        let name = format!("message {message}");
        some(
            &packets,
            &name,
            |packet| matches!(end(packet), (_, 58, [first, ..]) if *first == message),
        );
    }
}

#[test]
fn rules_are_taken_and_refused_for_every_reason() {
    let mut results = Vec::new();
    for case in 0..CASES {
        results.push(generate::rule(&mut Random::new(case)).check());
    }
    for result in [
        Ok(()),
        Err(Refusal::NoBuckets),
        Err(Refusal::ProtocolInLayer3),
        Err(Refusal::SpiAndPortMask),
        Err(Refusal::SpiAndPort),
    ] {
        let count = results.iter().filter(|&&other| other == result).count();
        assert!(count >= 10, "only {count} rules: {result:?}");
    }
}

#[test]
fn rules_of_revision_1_are_taken_and_refused_for_every_reason() {
    const RULES: u64 = 40_000;
    let mut results = Vec::new();
    for case in 0..RULES {
        let rule = generate::rule_v1(&mut Random::new(case));
        results.push(rule.check());
        let accepted = naive::Rule::v1(&wire::rule_v1(&rule)).is_accepted();
        assert_eq!(rule.check().is_ok(), accepted, "{rule:x?}");
        let mut mended = rule;
        generate::mend(&mut mended);
        assert_eq!(mended.check(), Ok(()), "{rule:x?} {mended:x?}");
    }
    let count = |wanted: Result<(), Refusal>| results.iter().filter(|&&is| is == wanted).count();
    assert!(count(Ok(())) > RULES as usize / 2);
    for refusal in [
        Refusal::NoBuckets,
        Refusal::ProtocolInLayer3,
        Refusal::SpiAndPortMask,
        Refusal::SpiAndPort,
        Refusal::Unknown,
        Refusal::FlagWithoutValue,
        Refusal::MaskWithHoles,
        Refusal::OffsetOutsideMask,
        Refusal::MarksOutsideMask,
        Refusal::FromOverMarks,
        Refusal::TooManyMarksForWeights,
        Refusal::WeightOfNoMark,
        Refusal::WeightOver100,
        Refusal::NoWeight,
        Refusal::KeyAndSeed,
        Refusal::TunnelPort,
        Refusal::TunnelsOnOnePort,
        Refusal::InnerOfConnection,
        Refusal::ErrorsOfConnection,
    ] {
        let count = count(Err(refusal));
        assert!(count >= 10, "only {count} rules: {refusal:?}");
    }
}

/// A packet's outer protocol, if no extension headers are before it, and what follows the IP header.
fn outer(family: Family, packet: &[u8]) -> Option<(u8, &[u8])> {
    match family {
        Family::Ipv4 if packet[0] & 0x0f == 5 => Some((packet[9], packet.get(20..)?)),
        Family::Ipv4 => None,
        Family::Ipv6 => Some((packet[6], packet.get(40..)?)),
    }
}

#[test]
fn tunnels_have_all_corners() {
    let rule = naive::Rule::v1(&wire::rule_v1(&generate::sharp_rule_v1()));
    let mut bytes = Box::new(Bytes::default());
    let mut counts = std::collections::BTreeMap::new();
    for case in 0..40_000 {
        let mut random = Random::new(case);
        let family = random.pick(&Family::ALL);
        generate::packet_v1(family, &mut bytes, &mut random);
        let packet = bytes.as_slice();
        assert!(packet.len() >= family.header_len());
        let mut count = |name: &'static str, holds: bool| {
            *counts.entry(name).or_insert(0) += u32::from(holds);
        };
        let version = match family {
            Family::Ipv4 => naive::Family::Ipv4,
            Family::Ipv6 => naive::Family::Ipv6,
        };
        let inner = match naive::find(version, packet, &rule) {
            naive::Found::Tuple(place) if place.inner => Some(place),
            _ => None,
        };
        count("nothing to look into", inner.is_none());
        if let Some(place) = inner {
            count("same family", place.family == version);
            count("other family", place.family != version);
            count("an error inside", place.quotes == 1);
            count("an error in an error", place.quotes == 2);
            count("a fragment inside", place.fragment);
        }
        let Some((protocol, rest)) = outer(family, packet) else {
            continue;
        };
        let inside = inner.is_some();
        match (protocol, rest) {
            (17, [_, _, 0x08, 0x68, _, _, _, _, gtpu @ ..]) => {
                let [flags, message, ..] = *gtpu else {
                    continue;
                };
                count("GTP-U", inside);
                count("GTP-U, plain", inside && flags & 7 == 0);
                count("GTP-U, sequence", inside && flags & 7 == 2);
                count("GTP-U, N-PDU", inside && flags & 7 == 1);
                count("GTP-U, extension", inside && flags & 4 != 0);
                count(
                    "GTP-U, extension of 8 bytes",
                    inside && flags & 4 != 0 && gtpu.get(12) == Some(&2),
                );
                count(
                    "GTP-U, extension of no length",
                    flags & 4 != 0 && gtpu.get(12) == Some(&0),
                );
                count("GTP-U, end marker", message == 254);
                count("GTP-U, echo", message == 1);
                let mut next = gtpu.get(11).copied().unwrap_or(0);
                let (mut headers, mut at) = (0, 12);
                while flags & 4 != 0 && next != 0 && gtpu.get(at).is_some_and(|&units| units > 0) {
                    at += usize::from(gtpu[at]) * 4;
                    next = gtpu.get(at - 1).copied().unwrap_or(0);
                    headers += 1;
                }
                count("GTP-U, 8 extensions", inside && headers == 8);
                count("GTP-U, 9 extensions", !inside && headers == 9);
            }
            (17, [_, _, 0x12, 0xb5, _, _, _, _, vxlan @ ..]) => {
                count("VXLAN", inside);
                count(
                    "VXLAN without a network",
                    vxlan.first().is_some_and(|flags| flags & 8 == 0),
                );
                let tag =
                    |at: usize| matches!(vxlan.get(at..at + 2), Some([0x81, 0x00] | [0x88, 0xa8]));
                count("Ethernet, no tag", inside && !tag(20));
                count("Ethernet, one tag", inside && tag(20) && !tag(24));
                count("Ethernet, two tags", inside && tag(20) && tag(24));
                count("Ethernet, three tags", tag(20) && tag(24) && tag(28));
            }
            (17, [_, _, 0x17, 0xc1, _, _, _, _, geneve @ ..]) => {
                let [first, second, ..] = *geneve else {
                    continue;
                };
                count("GENEVE", inside);
                count("GENEVE, options", inside && first & 0x3f != 0);
                count("GENEVE, control", second & 0x80 != 0);
                count("GENEVE, version", first >> 6 != 0);
            }
            (47, [flags, version, a, b, ..]) => {
                count("GRE", inside);
                for (name, bit) in [
                    ("GRE, checksum", 0x80),
                    ("GRE, key", 0x20),
                    ("GRE, sequence", 0x10),
                ] {
                    count(name, inside && flags & bit != 0);
                }
                count("GRE, routing", flags & 0x40 != 0);
                count("GRE, version 1", version & 7 == 1);
                count("GRE, Ethernet", inside && [*a, *b] == [0x65, 0x58]);
                count("GRE, ARP", [*a, *b] == [0x08, 0x06]);
            }
            (4 | 41, _) => {
                for (name, protocol_is, family_is) in [
                    ("IPv4 in IPv4", 4, Family::Ipv4),
                    ("IPv4 in IPv6", 4, Family::Ipv6),
                    ("IPv6 in IPv4", 41, Family::Ipv4),
                    ("IPv6 in IPv6", 41, Family::Ipv6),
                ] {
                    count(
                        name,
                        inside && (protocol, family) == (protocol_is, family_is),
                    );
                }
            }
            _ => {}
        }
    }
    for (name, count) in &counts {
        assert!(*count >= 10, "only {count} packets: {name}: {counts:?}");
    }
    assert_eq!(counts.len(), 39, "{counts:?}");
}

#[test]
fn connections_are_of_every_kind() {
    let mut kinds = [0; 4];
    for case in 0..CASES {
        let conntrack = Conntrack::random(Family::Ipv6, &mut Random::new(case));
        let kind = match (conntrack.ends, conntrack.info) {
            (None, 7) => 0,
            (None, _) => 1,
            (Some([original, _]), _) if original.l3num == 0 => 2,
            (Some(_), _) => 3,
        };
        kinds[kind] += 1;
    }
    assert!(kinds.iter().all(|&count| count > CASES / 20), "{kinds:?}");
}
