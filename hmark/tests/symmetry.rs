// SPDX-License-Identifier: GPL-2.0-only

//! Properties of every mark: both directions of a flow have the same one, the ICMP errors about a
//! flow have the flow's, and each is one of the rule's buckets.

use std::net::SocketAddr;

use hmark::rule::v0::{flag, Info};
use hmark::{explain, Connection, Family, Packet};
use packets::{generate, Bytes, Conntrack, Flow, Random};
use proptest::prelude::*;

/// A rule that hashes packets.
fn any_rule() -> impl Strategy<Value = Info> {
    any::<u64>().prop_map(|seed| {
        let rule = generate::rule(&mut Random::new(seed));
        Info {
            flags: rule.flags & !flag::CT,
            hmodulus: rule.hmodulus.max(1),
            ..rule
        }
    })
}

/// A rule that treats source and destination alike.
fn symmetric_rule() -> impl Strategy<Value = Info> {
    let both = |port: u32| (port & 0xffff) | (port << 16);
    any_rule().prop_map(move |rule| Info {
        dst_mask: rule.src_mask,
        port_mask: both(rule.port_mask),
        port_set: both(rule.port_set),
        flags: rule.flags & flag::METHOD_L3,
        ..rule
    })
}

fn flow() -> impl Strategy<Value = Flow> {
    let protocol = prop_oneof![
        Just(6u8),
        Just(17),
        Just(33),
        Just(132),
        Just(136),
        any::<u8>()
    ];
    let ends = prop_oneof![
        any::<[([u8; 4], u16); 2]>().prop_map(|ends| ends.map(SocketAddr::from)),
        any::<[([u8; 16], u16); 2]>().prop_map(|ends| ends.map(SocketAddr::from)),
    ];
    (ends, protocol).prop_map(|([source, destination], protocol)| Flow {
        source,
        destination,
        protocol,
    })
}

/// Returns false if the protocol is an IPv6 extension header, and not a layer-4 protocol.
fn has_layer4(flow: &Flow) -> bool {
    flow.source.is_ipv4() || !matches!(flow.protocol, 0 | 43 | 44 | 59 | 60)
}

/// Returns true if the protocol's header begins with a pair of ports.
fn has_ports(flow: &Flow) -> bool {
    matches!(flow.protocol, 6 | 17 | 33 | 132 | 136)
}

/// A packet of the flow, or an ICMP error about it whose own ends are not the flow's.
fn packet(flow: Flow, error: bool) -> Vec<u8> {
    let mut bytes = Bytes::default();
    if error {
        bytes.error(Flow {
            destination: flow.source,
            ..flow
        });
    }
    bytes.headers(flow, &[]);
    bytes.layer4(flow);
    bytes.as_slice().to_vec()
}

/// The family, by the packet's own IP version.
fn family(packet: &[u8]) -> Family {
    match packet.read(0).map(|[byte]| byte >> 4) {
        Some(4) => Family::Ipv4,
        _ => Family::Ipv6,
    }
}

/// The mark in the family of the packet's own IP version.
fn mark(packet: &[u8], rule: &Info) -> Option<u32> {
    hmark::mark(family(packet), packet, rule)
}

/// The mark of a connection's packet.
fn mark_connection(connection: &Connection, rule: &Info) -> Option<u32> {
    let rule = Info {
        flags: rule.flags | flag::CT,
        ..*rule
    };
    hmark::mark(Family::Ipv4, connection, &rule)
}

/// Whether `mark` is one of the rule's buckets.
fn in_range(mark: u32, rule: &Info) -> bool {
    mark.wrapping_sub(rule.hoffset) < rule.hmodulus
}

proptest! {
    #[test]
    fn explained_steps_end_in_the_mark(flow in flow(), rule in any_rule(), error: bool) {
        let packet = packet(flow, error);
        let explained = explain(family(&packet), &packet[..], &rule);
        prop_assert_eq!(explained.steps.map(|steps| steps.mark), mark(&packet, &rule));
    }

    #[test]
    fn both_directions_have_one_mark(flow in flow(), rule in symmetric_rule()) {
        prop_assume!(has_layer4(&flow));
        let there = mark(&packet(flow, false), &rule);
        prop_assert!(there.is_some());
        prop_assert_eq!(there, mark(&packet(flow.reversed(), false), &rule));
    }

    #[test]
    fn an_icmp_error_has_the_mark_of_its_flow(flow in flow(), rule in symmetric_rule(), back: bool) {
        prop_assume!(has_layer4(&flow));
        let quoted = if back { flow.reversed() } else { flow };
        prop_assert_eq!(mark(&packet(flow, false), &rule), mark(&packet(quoted, true), &rule));
    }

    #[test]
    fn a_mark_is_in_a_bucket_whatever_the_packet(bytes in prop::collection::vec(any::<u8>(), 0..200), rule in any_rule()) {
        for mark in Family::ALL.into_iter().filter_map(|family| hmark::mark(family, &bytes[..], &rule)) {
            prop_assert!(in_range(mark, &rule));
        }
    }

    #[test]
    fn a_mark_is_in_a_bucket_however_short_the_packet(flow in flow(), rule in any_rule(), error: bool) {
        let packet = packet(flow, error);
        for len in 0..packet.len() {
            if let Some(mark) = mark(&packet[..len], &rule) {
                prop_assert!(in_range(mark, &rule));
            }
        }
    }

    #[test]
    fn a_connection_has_the_mark_of_its_packets(flow in flow(), rule in symmetric_rule()) {
        prop_assume!(has_layer4(&flow) && has_ports(&flow));
        let connection = Conntrack::of(flow).connection().expect("an entry");
        let reversed = connection.reversed();
        prop_assert_eq!(mark_connection(&connection, &rule), mark(&packet(flow, false), &rule));
        prop_assert_eq!(mark_connection(&connection, &rule), mark_connection(&reversed, &rule));
    }
}

#[test]
fn flows_spread_over_the_buckets() {
    let rule = Info {
        hmodulus: 4,
        ..generate::sharp_rule()
    };
    let mut flows = [0u32; 4];
    for n in 0..4000u16 {
        let flow = Flow {
            source: ([10, 0, (n >> 8) as u8, n as u8], 32768 + n).into(),
            destination: ([192, 0, 2, 1], 80).into(),
            protocol: 6,
        };
        let bucket = mark(&packet(flow, false), &rule).expect("a TCP packet has a mark");
        flows[bucket as usize] += 1;
    }
    // 1000 of the 4000 flows are expected in each bucket, with a standard deviation of 27: allow
    // five of those either way.
    assert!(flows.iter().all(|n| (860..1140).contains(n)), "{flows:?}");
}
