// SPDX-License-Identifier: GPL-2.0-only

//! A rule with a key spreads what whoever chooses addresses, or numbers a network, can heap on one
//! mark without it.

use std::net::{Ipv6Addr, SocketAddr};

use hmark::rule::{v0, v1, Rule};
use hmark::Family;
use hmark_cli::chi_square::ChiSquare;
use packets::{generate, Bytes, Flow};

const MARKS: u32 = 70;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A rule that hashes addresses, ports and protocol with a seed.
fn seeded() -> v1::Info {
    v0::Info {
        hmodulus: MARKS,
        hoffset: 0,
        ..generate::sharp_rule()
    }
    .into()
}

/// The same with a key in place of the seed.
fn keyed() -> v1::Info {
    let mut rule = seeded();
    rule.masked.v0.flags = (rule.masked.v0.flags & !v0::flag::RND) | v1::flag::KEY;
    rule.key = *b"sixteen bytes :-";
    rule.check().expect("the rule is valid");
    rule
}

fn mark(flow: Flow, rule: &v1::Info) -> u32 {
    let mut bytes = Bytes::default();
    bytes.headers(flow, &[]);
    bytes.layer4(flow);
    hmark::mark(flow.family(), bytes.as_slice(), rule).expect("there is a mark")
}

fn to_server(source: Ipv6Addr) -> Flow {
    Flow {
        source: (source, 40000).into(),
        destination: (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 443).into(),
        protocol: TCP,
    }
}

/// How many of the flows get each mark.
fn counts(flows: impl Iterator<Item = Flow>, rule: &v1::Info) -> Vec<usize> {
    let mut counts = vec![0; MARKS as usize];
    for flow in flows {
        counts[mark(flow, rule) as usize] += 1;
    }
    counts
}

/// 100,000 addresses of one prefix of 64 bits whose words, XORed, are all alike.
#[test]
fn sources_of_equal_fold_spread() {
    let sources = (0..100_000u32).map(|number| {
        let [a, b] = [(number >> 16) as u16, number as u16];
        to_server(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, a, b, a, b))
    });
    let heaped = counts(sources.clone(), &seeded());
    assert_eq!(heaped.iter().filter(|&&count| count > 0).count(), 1);
    let spread = counts(sources, &keyed());
    assert!(ChiSquare::of(&spread).passes(), "{spread:?}");
}

/// Host n of subnet n, in a numbering plan as people make it.
#[test]
fn numbering_plans_spread() {
    let hosts = (1..=50_000u16)
        .map(|number| to_server(Ipv6Addr::new(0x2001, 0xdb8, 1, number, 0, 0, 0, number)));
    let heaped = counts(hosts.clone(), &seeded());
    assert!(!ChiSquare::of(&heaped).passes(), "{heaped:?}");
    let spread = counts(hosts, &keyed());
    assert!(ChiSquare::of(&spread).passes(), "{spread:?}");
}

/// TCP and UDP between the same ends part, as if they had nothing in common.
#[test]
fn the_protocol_counts() {
    let flows = |protocol| {
        (0..70_000u32).map(move |number| {
            let [_, a, b, c] = number.to_be_bytes();
            let source = SocketAddr::from(([10, a, b, c], 40000));
            let destination = SocketAddr::from(([192, 0, 2, 1], 443));
            Flow {
                source,
                destination,
                protocol,
            }
        })
    };
    let together = |rule: &v1::Info| {
        let pairs = flows(TCP).zip(flows(UDP));
        pairs
            .filter(|&(tcp, udp)| mark(tcp, rule) == mark(udp, rule))
            .count()
    };
    assert!(together(&seeded()) > 69_900);
    // 1 of 70, by chance: 1000 with a standard deviation of 31.
    let by_chance = together(&keyed());
    assert!((845..1155).contains(&by_chance), "{by_chance}");
}

#[test]
fn both_directions_have_one_mark() {
    for number in 0..10_000u16 {
        for (family, ends) in [
            (
                Family::Ipv4,
                [
                    SocketAddr::from(([10, 0, 0, 1], number)),
                    ([10, 0, 0, 1], 443).into(),
                ],
            ),
            (
                Family::Ipv4,
                [
                    SocketAddr::from(([10, 0, 0, 9], number)),
                    ([10, 0, 0, 1], 443).into(),
                ],
            ),
            (
                Family::Ipv6,
                [
                    SocketAddr::from((Ipv6Addr::LOCALHOST, number)),
                    (Ipv6Addr::new(1, number, 0, 0, 0, 0, 0, 0), 443).into(),
                ],
            ),
        ] {
            let flow = Flow {
                source: ends[0],
                destination: ends[1],
                protocol: UDP,
            };
            let marks = [flow, flow.reversed()].map(|flow| mark(flow, &keyed()));
            assert_eq!(marks[0], marks[1], "{family} {flow:?}");
        }
    }
}
