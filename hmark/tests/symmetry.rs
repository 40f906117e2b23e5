// SPDX-License-Identifier: GPL-2.0-only

//! Properties of every mark: both directions of a flow have the same one, the ICMP errors about a
//! flow have the flow's, and each is one of the rule's buckets.

mod build;

use build::{Ends, Flow};
use hmark::rule::v0::{flag, Info, DEFAULT_RND};
use hmark::{explain, Connection, Family, Packet};
use proptest::prelude::*;

/// A rule that treats source and destination alike, and is random otherwise.
fn symmetric_rule() -> impl Strategy<Value = Info> {
    let port = || any::<u16>().prop_map(|port| (u32::from(port) << 16) | u32::from(port));
    (
        any::<[u32; 4]>(),
        port(),
        port(),
        any::<bool>(),
        any::<(u16, u32, u32)>(),
        1..=u32::MAX,
    )
        .prop_map(
            |(mask, port_mask, port_set, layer3, (proto_mask, hashrnd, hoffset), hmodulus)| Info {
                src_mask: mask,
                dst_mask: mask,
                port_mask,
                port_set,
                flags: if layer3 { flag::METHOD_L3 } else { 0 },
                proto_mask,
                hashrnd,
                hmodulus,
                hoffset,
            },
        )
}

/// A rule of random bits that hashes packets.
fn any_rule() -> impl Strategy<Value = Info> {
    (
        any::<[u32; 4]>(),
        any::<[u32; 4]>(),
        any::<(u32, u32, u32, u16, u32, u32)>(),
        1..=u32::MAX,
    )
        .prop_map(
            |(
                src_mask,
                dst_mask,
                (port_mask, port_set, flags, proto_mask, hashrnd, hoffset),
                hmodulus,
            )| {
                Info {
                    src_mask,
                    dst_mask,
                    port_mask,
                    port_set,
                    flags: flags & !flag::CT,
                    proto_mask,
                    hashrnd,
                    hmodulus,
                    hoffset,
                }
            },
        )
}

/// The rule of `-j HMARK --hmark-mod N`.
fn default_rule(hmodulus: u32) -> Info {
    Info {
        src_mask: [u32::MAX; 4],
        dst_mask: [u32::MAX; 4],
        port_mask: u32::MAX,
        proto_mask: u16::MAX,
        hashrnd: DEFAULT_RND,
        hmodulus,
        ..Info::default()
    }
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
        any::<([u8; 4], [u8; 4])>().prop_map(|(src, dst)| Ends::V4 { src, dst }),
        any::<([u8; 16], [u8; 16])>().prop_map(|(src, dst)| Ends::V6 { src, dst }),
    ];
    (ends, protocol, any::<(u16, u16)>()).prop_map(|(ends, protocol, (sport, dport))| Flow {
        ends,
        protocol,
        sport,
        dport,
    })
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
        let packet = if error { flow.icmp_error() } else { flow.packet() };
        let explained = explain(family(&packet), &packet[..], &rule);
        prop_assert_eq!(explained.steps.map(|steps| steps.mark), mark(&packet, &rule));
    }

    #[test]
    fn both_directions_have_one_mark(flow in flow(), rule in symmetric_rule()) {
        // With an extension header or an ICMP message in place of layer 4 there are no ports.
        prop_assume!(flow.has_layer4());
        let there = mark(&flow.packet(), &rule);
        prop_assert!(there.is_some());
        prop_assert_eq!(there, mark(&flow.reversed().packet(), &rule));
    }

    #[test]
    fn an_icmp_error_has_the_mark_of_its_flow(flow in flow(), rule in symmetric_rule(), back: bool) {
        prop_assume!(flow.has_layer4());
        let quoted = if back { flow.reversed() } else { flow };
        prop_assert_eq!(mark(&flow.packet(), &rule), mark(&quoted.icmp_error(), &rule));
    }

    #[test]
    fn a_mark_is_in_a_bucket_whatever_the_packet(bytes in prop::collection::vec(any::<u8>(), 0..200), rule in any_rule()) {
        for mark in Family::ALL.into_iter().filter_map(|family| hmark::mark(family, &bytes[..], &rule)) {
            prop_assert!(in_range(mark, &rule));
        }
    }

    #[test]
    fn a_mark_is_in_a_bucket_however_short_the_packet(flow in flow(), rule in any_rule(), error: bool) {
        let packet = if error { flow.icmp_error() } else { flow.packet() };
        for len in 0..packet.len() {
            if let Some(mark) = mark(&packet[..len], &rule) {
                prop_assert!(in_range(mark, &rule));
            }
        }
    }

    #[test]
    fn a_connection_has_the_mark_of_its_packets(flow in flow(), rule in symmetric_rule()) {
        prop_assume!(flow.has_layer4() && flow.has_ports());
        let connection = flow.connection();
        let reversed = connection.reversed();
        prop_assert_eq!(mark_connection(&connection, &rule), mark(&flow.packet(), &rule));
        prop_assert_eq!(mark_connection(&connection, &rule), mark_connection(&reversed, &rule));
    }
}

#[test]
fn flows_spread_over_the_buckets() {
    let rule = default_rule(4);
    let mut flows = [0u32; 4];
    for n in 0..4000u16 {
        let flow = Flow {
            ends: Ends::V4 {
                src: [10, 0, (n >> 8) as u8, n as u8],
                dst: [192, 0, 2, 1],
            },
            protocol: 6,
            sport: 32768 + n,
            dport: 80,
        };
        let bucket = mark(&flow.packet(), &rule).expect("a TCP packet has a mark");
        flows[bucket as usize] += 1;
    }
    // 1000 of the 4000 flows are expected in each bucket, with a standard deviation of 27: allow
    // five of those either way.
    assert!(flows.iter().all(|n| (860..1140).contains(n)), "{flows:?}");
}
