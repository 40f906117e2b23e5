// SPDX-License-Identifier: GPL-2.0-only

//! The generator of the fuzzing in the kernel, run in user space: no packet makes the walk panic,
//! and every kind of packet, rule and connection that is to be compared there does occur.

use hmark::rule::{self, Refusal, Rule};
use hmark::{mark, Family};
use packets::{generate, Bytes, Conntrack, Layout, Random};

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
