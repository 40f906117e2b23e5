// SPDX-License-Identifier: GPL-2.0-only

//! The generator of the fuzzing in the kernel, run in user space: no packet makes the walk panic,
//! and every kind of packet, rule and connection that is to be compared there does occur.

use hmark::rule::{self, Refusal, Rule};
use hmark::{mark, Family};

#[allow(dead_code, unused_imports)] // each user takes its part
#[path = "../../tests/kmod/generate/mod.rs"]
mod generate;

use generate::{Bytes, Layout, Random};

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

/// The "next header" fields of an IPv6 packet, as far as it has them, and the offset of the header
/// that the last one announces.
fn chain(packet: &[u8]) -> (Vec<u8>, usize) {
    let (mut chain, mut at) = (vec![packet[6]], 40);
    while matches!(chain.last(), Some(0 | 43 | 44 | 60)) {
        let Some(&[next, units]) = packet.get(at..at + 2) else {
            break;
        };
        at += match chain.last() {
            Some(44) => 8,
            _ => (usize::from(units) + 1) * 8,
        };
        chain.push(next);
    }
    (chain, at)
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

#[test]
fn ipv4_packets_have_all_corners() {
    let packets = packets(Family::Ipv4);
    let some = |name: &str, condition: &dyn Fn(&[u8]) -> bool| {
        let count = packets
            .iter()
            .filter(|(packet, _)| condition(packet))
            .count();
        assert!(count >= 10, "only {count} packets: {name}");
    };
    some("options", &|packet| packet[0] & 0x0f > 5);
    some("a header too short", &|packet| packet[0] & 0x0f < 5);
    some("first fragment", &|packet| {
        packet[6] & 0x20 != 0 && packet[6] & 0x1f == 0 && packet[7] == 0
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
        some(&format!("protocol {protocol}"), &|packet| {
            packet[9] == protocol
        });
    }
}

#[test]
fn ipv6_packets_have_all_corners() {
    let packets = packets(Family::Ipv6);
    let chains: Vec<_> = packets
        .iter()
        .map(|(packet, _)| {
            let (chain, at) = chain(packet);
            (chain.len() - 1, chain[chain.len() - 1], packet.get(at))
        })
        .collect();
    for extensions in 0..=13 {
        let count = chains.iter().filter(|chain| chain.0 == extensions).count();
        assert!(count >= 10, "only {count} of {extensions} extensions");
    }
    for last in [6, 17, 33, 50, 51, 58, 59, 132, 136] {
        let count = chains.iter().filter(|chain| chain.1 == last).count();
        assert!(count >= 10, "only {count} end in {last}");
    }
    for message in [0, 1, 2, 3, 4, 127, 128] {
        let errors = |chain: &&(usize, u8, Option<&u8>)| chain.1 == 58 && chain.2 == Some(&message);
        let count = chains.iter().filter(errors).count();
        assert!(count >= 10, "only {count} of message {message}");
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
        let conntrack = generate::connection(Family::Ipv6, &mut Random::new(case));
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
