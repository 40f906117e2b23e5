// SPDX-License-Identifier: GPL-2.0-only

//! The flows that packets belong to.

use hmark::Family;

use super::*;
use crate::flow::Layer4;

#[test]
fn both_directions_are_one_flow() {
    let flows = ["tcp 10.0.0.1:1 10.0.0.2:2", "udp [fd00::1]:1 [fd00::2]:2"];
    for flow in flows {
        let back = flow.parse::<Flow>().unwrap().reply().unwrap().to_string();
        let packets = [flow, &back, flow].map(|flow| whole(packet(flow)));
        let prediction = predict(RULE, &packets);
        assert_eq!(marks(&prediction), [(mark_of(RULE, flow), 1, 3)]);
        assert_eq!(prediction.several, 0);
        assert_eq!(prediction.spread.tuples(), 1);
    }
}

#[test]
fn an_error_belongs_to_the_flow_that_it_quotes() {
    let flow = "tcp 10.0.0.1:1 10.0.0.2:2";
    let quoted = packet(flow);
    // Destination unreachable, from a router.
    let mut error = packet("icmp 192.0.2.1 10.0.0.1 3/1");
    error.extend(&quoted[..28]);
    let len = error.len() as u8;
    error[3] = len;
    let short = |error: &[u8]| {
        let mut short = error[..28 + 10].to_vec();
        short[3] = 38;
        short
    };
    let packets = [whole(quoted), whole(error.clone()), whole(short(&error))];
    let prediction = predict(RULE, &packets);
    assert_eq!(marks(&prediction), [(mark_of(RULE, flow), 1, 2)]);
    let reason = "an ICMP error that quotes too little".to_owned();
    assert_eq!(reasons(&prediction.unmarked), [(reason, 1)]);
}

#[test]
fn a_tuple_of_one_end_shows_flows_with_several_marks() {
    let rule = "--hmark-tuple src --hmark-mod 1000";
    let (flow, back) = ("tcp 10.0.0.1:1 10.0.0.2:2", "tcp 10.0.0.2:2 10.0.0.1:1");
    assert_ne!(mark_of(rule, flow), mark_of(rule, back));
    let prediction = predict(rule, &[flow, back].map(|flow| whole(packet(flow))));
    assert_eq!(prediction.several, 1);
    assert_eq!(prediction.whole().flows, 1);
    // Two flows of one client have one tuple.
    let flows = ["tcp 10.0.0.1:1 10.0.0.2:2", "tcp 10.0.0.1:7 10.0.0.3:2"];
    let prediction = predict(rule, &flows.map(|flow| whole(packet(flow))));
    assert_eq!(
        (prediction.spread.whole().flows, prediction.spread.tuples()),
        (2, 1)
    );
}

#[test]
fn more_flows_than_are_told_apart_are_counted_as_packets() {
    let packets: Vec<_> = (1..=50)
        .map(|port| whole(packet(&format!("tcp 10.0.0.1:{port} 10.0.0.2:2"))))
        .collect();
    let packets = [&packets[..], &packets].concat();
    let mut alone = Alone::read(RULE).unwrap();
    let prediction = predict_by(&mut alone, &packets, 20);
    assert_eq!(
        (prediction.whole().flows, prediction.whole().packets),
        (20, 100)
    );
    assert!(prediction.has_more_flows);
    assert!(!predict_by(&mut alone, &packets, 50).has_more_flows);
    // Who opened the others is not known, and a rule may need that.
    let mut alone = Alone::read("--hmark-tuple ct,src --hmark-mod 4").unwrap();
    let prediction = predict_by(&mut alone, &packets, 20);
    assert_eq!(prediction.cannot_tell.len(), 1);
    assert_eq!(prediction.cannot_tell[0].1.packets, 60);
}

#[test]
fn the_flow_of_a_packets_own_headers_is_what_matches_see() {
    let identities = identity::Identities::new(None);
    for text in [
        "tcp 10.0.0.1:1 10.0.0.2:2",
        "udp [fd00::1]:1 [fd00::2]:2",
        "icmp 10.0.0.1 10.0.0.2 8/0 id 77",
        "icmpv6 fd00::1 fd00::2 128/0 id 77",
        "esp 10.0.0.1 10.0.0.2 spi 0x1234",
        "ah fd00::1 fd00::2 spi 0x1234",
        "gre 10.0.0.1 10.0.0.2",
    ] {
        let flow: Flow = text.parse().unwrap();
        let packet = flow.packet();
        let identity = identities.of(flow.family(), &packet).unwrap();
        assert_eq!(identity.flow(&packet), Some(flow));
        assert!(!identity.is_quoted() && !identity.is_later_fragment(&packet));
    }
    // An error is of its router, and a later fragment has no ports.
    let mut error = packet("icmp 192.0.2.1 10.0.0.1 3/1");
    error.extend(packet("tcp 10.0.0.1:1 10.0.0.2:2"));
    let identity = identities.of(Family::Ipv4, &error[..]).unwrap();
    assert!(identity.is_quoted());
    let own = identity.flow(&error[..]).unwrap();
    assert_eq!(own.to_string(), "icmp 192.0.2.1 10.0.0.1 3/1");
    let mut fragment = packet("udp 10.0.0.1:1 10.0.0.2:2");
    fragment[7] = 1;
    let identity = identities.of(Family::Ipv4, &fragment[..]).unwrap();
    assert!(identity.is_later_fragment(&fragment[..]));
    assert_eq!(identity.flow(&fragment[..]).unwrap().layer4, Layer4::None);
}

/// The number of a flow has all that tells it from another, and nothing of it twice.
#[test]
fn flows_that_differ_in_one_thing_are_told_apart() {
    let mut flows = Vec::new();
    for (a, b) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
        for protocol in ["tcp", "udp"] {
            for (sport, dport) in [(80, 80), (0, 80), (80, 0), (0, 0), (81, 80)] {
                flows.push(match a.contains(':') {
                    true => format!("{protocol} [{a}]:{sport} [{b}]:{dport}"),
                    false => format!("{protocol} {a}:{sport} {b}:{dport}"),
                });
            }
        }
        for protocol in ["esp", "ah"] {
            for spi in ["0x50", "0x500050", "0x500000"] {
                flows.push(format!("{protocol} {a} {b} spi {spi}"));
            }
        }
        flows.push(format!("gre {a} {b}"));
        flows.push(format!("gre {a} {a}"));
        flows.push(format!("gre {b} {b}"));
    }
    let packets: Vec<_> = flows.iter().map(|flow| whole(packet(flow))).collect();
    let prediction = predict(RULE, &packets);
    assert_eq!(prediction.whole().flows, flows.len() as u64);
}
