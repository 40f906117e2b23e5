// SPDX-License-Identifier: GPL-2.0-only

//! Predictions by a rule: flows, marks and reasons, counted.

mod connections;

use std::io::Cursor;
use std::path::Path;

use hmark::Family;

use super::*;
use crate::flow::{Flow, Layer4};
use crate::flows::Format;
use crate::host::Host;
use crate::spread::Amount;

const RULE: &str = "--hmark-mod 4 --hmark-offset 100";

/// A pcap file of raw IP packets, each with its length on the wire.
fn pcap(packets: &[(Vec<u8>, u32)]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 101] {
        file.extend(word.to_le_bytes());
    }
    for (packet, len) in packets {
        for word in [7, 0, packet.len() as u32, *len] {
            file.extend(word.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}

fn packet(flow: &str) -> Vec<u8> {
    flow.parse::<Flow>().unwrap().packet().bytes().to_vec()
}

/// The packet, whole.
fn whole(packet: Vec<u8>) -> (Vec<u8>, u32) {
    let len = packet.len() as u32;
    (packet, len)
}

fn predict_by<J: Judge>(judge: &mut J, packets: &[(Vec<u8>, u32)], most: usize) -> Prediction {
    let capture = Capture::open(Cursor::new(pcap(packets))).unwrap();
    let (prediction, error) = of_capture(capture, judge, most, &mut |_| {});
    assert!(error.is_none());
    prediction
}

fn predict(rule: &str, packets: &[(Vec<u8>, u32)]) -> Prediction {
    predict_by(&mut Alone::read(rule).unwrap(), packets, MOST_FLOWS)
}

/// Mark, flows and packets of each mark that has some.
fn marks(prediction: &Prediction) -> Vec<(u32, u64, u64)> {
    let shares = prediction.spread.shares();
    let shares = shares.iter().filter(|share| share.amount.packets > 0);
    shares
        .map(|share| (share.mark, share.amount.flows, share.amount.packets))
        .collect()
}

fn reasons(reasons: &[(Reason, Amount)]) -> Vec<(String, u64)> {
    let reasons = reasons.iter();
    reasons
        .map(|(reason, amount)| (reason.to_string(), amount.packets))
        .collect()
}

/// The mark of a flow by a rule, without any of what is tested here.
fn mark_of(rule: &str, flow: &str) -> u32 {
    let flow: Flow = flow.parse().unwrap();
    let (rule, _) = hmark_text::read(rule, flow.family()).unwrap();
    let mut packet = flow.packet();
    packet.connection = Some(flow.connection());
    hmark::mark(flow.family(), &packet, &rule).unwrap()
}

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
fn what_was_not_captured_is_not_guessed() {
    let flow = "tcp 10.0.0.1:1 10.0.0.2:2";
    let snapped = (packet(flow)[..22].to_vec(), 40);
    let prediction = predict(RULE, &[snapped]);
    let reason = "too little of the packet was captured".to_owned();
    assert_eq!(reasons(&prediction.cannot_tell), [(reason, 1)]);
    assert_eq!(prediction.whole().flows, 0);
    // All that the rule reads is there, but not all that conntrack does.
    let snapped = (packet(flow)[..24].to_vec(), 40);
    let prediction = predict(RULE, &[snapped.clone()]);
    assert_eq!(marks(&prediction), [(mark_of(RULE, flow), 1, 1)]);
    let prediction = predict("--hmark-tuple ct,src --hmark-mod 4", &[snapped]);
    assert_eq!(prediction.cannot_tell.len(), 1);
}

#[test]
fn connections_have_the_direction_of_their_first_packet() {
    let rule = "--hmark-tuple ct,src --hmark-mod 1000";
    for (first, second) in [
        ("tcp 10.0.0.1:1 10.0.0.2:2", "tcp 10.0.0.2:2 10.0.0.1:1"),
        ("tcp 10.0.0.2:2 10.0.0.1:1", "tcp 10.0.0.1:1 10.0.0.2:2"),
    ] {
        let mut answer = packet(second);
        answer[33] = 0x12; // SYN and ACK.
        let packets = [packet(first), answer].map(whole);
        assert_eq!(
            marks(&predict(rule, &packets)),
            [(mark_of(rule, first), 1, 2)]
        );
    }
    let advertisement = whole(packet("icmpv6 fe80::1 ff02::1 134/0"));
    let mut fragment = packet("udp 10.0.0.1:1 10.0.0.2:2");
    fragment[6] = 0x20;
    let prediction = predict(rule, &[advertisement, whole(fragment)]);
    let untracked = "not tracked by conntrack, whose tuple the rule hashes".to_owned();
    assert_eq!(reasons(&prediction.unmarked), [(untracked, 1)]);
    let unknown = "the packet does not tell its connection in conntrack".to_owned();
    assert_eq!(reasons(&prediction.cannot_tell), [(unknown, 1)]);
    assert_eq!(prediction.fragments, 1);
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
fn a_rule_of_one_family_leaves_the_other_alone() {
    let rule = "--hmark-src-prefix 64 --hmark-dst-prefix 64 --hmark-mod 4";
    let packets = ["tcp 10.0.0.1:1 10.0.0.2:2", "tcp [fd00::1]:1 [fd00::2]:2"];
    let prediction = predict(rule, &packets.map(|flow| whole(packet(flow))));
    assert_eq!(marks(&prediction), [(mark_of(rule, packets[1]), 1, 1)]);
    assert_eq!(prediction.unmarked.len(), 1);
    assert!(Alone::read("--hmark-mod 0").is_err());
}

#[test]
fn many_flows_are_shared_as_weights_say() {
    let line = |flow: u32| {
        let (high, low, port) = (flow >> 8, flow & 255, 1024 + flow);
        format!("tcp,10.0.{high}.{low},{port},192.0.2.1,443,2,100\n")
    };
    let text = (0..20_000).map(line).collect::<Vec<_>>().concat();
    let rule = "--hmark-mod 4 --hmark-offset 100 --hmark-weight 1=50,3=0";
    let list = List::new(Cursor::new(text), Format::Csv);
    let mut alone = Alone::read(rule).unwrap();
    let (prediction, error) = of_list(list, &mut alone, MOST_FLOWS, &mut |_| {});
    assert!(error.is_none() && prediction.has_packets && prediction.has_bytes);
    let shares = prediction.spread.shares();
    assert_eq!(shares.len(), 4);
    for (share, expected) in shares.iter().zip([0.4, 0.2, 0.4, 0.0]) {
        assert!((share.expected.unwrap() - expected).abs() < 1e-12);
    }
    for share in &shares {
        assert!(
            (share.share - share.expected.unwrap()).abs() < 0.02,
            "{share:?}"
        );
        assert_eq!(share.amount.packets, share.amount.flows * 2);
    }
    let chi_square = prediction.spread.chi_square().unwrap();
    assert!(
        chi_square.passes() && chi_square.degrees() == 2,
        "{chi_square}"
    );
    assert_eq!(prediction.whole().bytes, 2_000_000);
}

/// A host's rules and routing have the last word, as they do for a single flow.
#[test]
fn a_hosts_rules_mark_and_its_routing_sends() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/pre-load-balancer/selector-a");
    let host = Host::saved(&folder).unwrap();
    let flows: Vec<Flow> = (0..200)
        .map(|port| {
            format!("tcp 10.0.0.1:{} 198.51.100.1:80", 1024 + port)
                .parse()
                .unwrap()
        })
        .collect();
    let packets: Vec<_> = flows
        .iter()
        .map(|flow| whole(flow.packet().bytes().to_vec()))
        .collect();
    let mut judge = OfHost::new(&host, None, None);
    let prediction = predict_by(&mut judge, &packets, MOST_FLOWS);
    assert!(
        prediction.cannot_tell.is_empty(),
        "{:?}",
        prediction.cannot_tell
    );
    let mut marked = 0;
    for flow in &flows {
        let way = host.way(&crate::way::Question::new(*flow)).unwrap();
        let Some(mark) = way.mark.filter(|&mark| mark != 0) else {
            continue;
        };
        marked += 1;
        let gateway = way.gateway().map(|gateway| gateway.to_string());
        assert_eq!(judge.gateway(mark), gateway, "{flow}");
        assert!(marks(&prediction).iter().any(|(own, ..)| *own == mark));
    }
    assert_eq!(prediction.spread.whole().flows, marked);
    assert!(marked > 0);
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

/// HMARK marks packets of no flow, too: with the hash of nothing, or not at all.
#[test]
fn rules_of_a_host_mark_packets_of_no_flow() {
    let folder = std::env::temp_dir().join(format!("hmark-no-flow-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let rule = "-j HMARK --hmark-tuple src,dst --hmark-mod 1 --hmark-offset 7 --hmark-rnd 1";
    let read = |matches: &str| {
        let text =
            format!("*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING {matches}{rule}\nCOMMIT\n");
        for name in ["iptables-save", "ip6tables-save"] {
            std::fs::write(folder.join(name), &text).unwrap();
        }
        Host::saved(&folder).unwrap()
    };
    // Destination options that are longer than the packet.
    let mut options = packet("udp [fd00::1]:1 [fd00::2]:2");
    (options[6], options[40], options[41]) = (60, 17, 200);
    // An error that quotes nothing.
    let error = packet("icmp 192.0.2.1 10.0.0.1 3/1");
    let packets = [whole(options), whole(error)];
    let host = read("");
    let mut judge = OfHost::new(&host, Some(crate::ruleset::Hook::Prerouting), None);
    let prediction = predict_by(&mut judge, &packets, MOST_FLOWS);
    assert_eq!(marks(&prediction), [(7, 0, 1)]);
    assert_eq!(prediction.unmarked.len(), 1);
    // The protocol behind such options is not known, and that of the error is.
    let host = read("-p 1 ");
    let mut judge = OfHost::new(&host, Some(crate::ruleset::Hook::Prerouting), None);
    let prediction = predict_by(&mut judge, &packets, MOST_FLOWS);
    assert_eq!(
        (prediction.cannot_tell.len(), prediction.unmarked.len()),
        (1, 1)
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Conntrack leaves alone what it finds invalid, and the rest of a connection does not tell who opened it.
#[test]
fn only_what_conntrack_takes_has_a_connection() {
    let rule = "--hmark-tuple ct,src,dst --hmark-mod 1 --hmark-offset 7";
    let tcp = |flags: u8| {
        let mut bytes = packet("tcp 10.0.0.1:1 10.0.0.2:2");
        bytes[33] = flags;
        bytes
    };
    let with = |flow: &str, at: usize, value: u8| {
        let mut bytes = packet(flow);
        bytes[at] = value;
        bytes
    };
    let short = |flow: &str, len: usize| {
        let mut bytes = packet(flow);
        bytes.truncate(len);
        bytes[3] = len as u8;
        bytes
    };
    let (udp, sctp) = ("udp 10.0.0.1:1 10.0.0.2:2", "sctp 10.0.0.1:1 10.0.0.2:2");
    for (name, bytes, marked, unmarked) in [
        ("SYN", tcp(0x02), 1, 0),
        ("SYN, ECE, CWR", tcp(0xc2), 1, 0),
        ("ACK, PSH", tcp(0x18), 1, 0),
        ("SYN, RST", tcp(0x06), 0, 1),
        ("no flags", tcp(0), 0, 1),
        ("FIN", tcp(0x01), 0, 1),
        ("SYN, ACK", tcp(0x12), 0, 0),
        ("RST", tcp(0x04), 0, 0),
        (
            "a TCP header of 4 bytes",
            with("tcp 10.0.0.1:1 10.0.0.2:2", 32, 0x10),
            0,
            1,
        ),
        (
            "half a TCP header",
            short("tcp 10.0.0.1:1 10.0.0.2:2", 30),
            0,
            1,
        ),
        ("UDP", packet(udp), 1, 0),
        ("a UDP length of 7", with(udp, 25, 7), 0, 1),
        ("a UDP length of 9", with(udp, 25, 9), 0, 1),
        ("SCTP", packet(sctp), 0, 0),
        ("SCTP without a chunk", short(sctp, 32), 0, 1),
        ("half an SCTP header", short(sctp, 30), 0, 1),
        ("UDP-Lite", packet("udplite 10.0.0.1:1 10.0.0.2:2"), 0, 0),
        ("an echo", packet("icmp 10.0.0.1 10.0.0.2 8/0 id 1"), 1, 0),
        ("its reply", packet("icmp 10.0.0.1 10.0.0.2 0/0 id 1"), 0, 0),
        (
            "a reserved type",
            packet("icmpv6 fd00::1 fd00::2 0/0"),
            0,
            0,
        ),
        (
            "an advertisement",
            packet("icmpv6 fd00::1 fd00::2 134/0"),
            0,
            1,
        ),
    ] {
        let prediction = predict(rule, &[whole(bytes)]);
        let found = (prediction.spread.whole().packets, prediction.unmarked.len());
        assert_eq!(found, (marked, unmarked), "{name}: {prediction:?}");
        assert_eq!(
            prediction.cannot_tell.len() as u64,
            1 - marked - unmarked as u64,
            "{name}"
        );
    }
}

/// The answer of a translated connection has other ends, so that packets of one direction alone are no sign
/// of a new connection.
#[test]
fn translated_connections_are_not_guessed() {
    let folder = std::env::temp_dir().join(format!("hmark-translated-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let text = "*mangle\n:PREROUTING ACCEPT [0:0]\n\
        -A PREROUTING -j HMARK --hmark-tuple ct,src,dst --hmark-mod 1 --hmark-offset 7 --hmark-rnd 1\nCOMMIT\n\
        *nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n\
        -A POSTROUTING -j MASQUERADE\nCOMMIT\n";
    std::fs::write(folder.join("iptables-save"), text).unwrap();
    let host = Host::saved(&folder).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let tcp = "tcp 10.0.0.1:1 10.0.0.2:2";
    let mut more = packet(tcp);
    more[33] = 0x10;
    let syn = packet(tcp);
    let udp = packet("udp 10.0.0.1:1 10.0.0.2:2");
    let mut judge = OfHost::new(&host, Some(crate::ruleset::Hook::Prerouting), None);
    let prediction = predict_by(
        &mut judge,
        &[whole(syn), whole(more), whole(udp)],
        MOST_FLOWS,
    );
    assert_eq!(marks(&prediction), [(7, 1, 1)]);
    let unknown = prediction.cannot_tell.iter();
    let unknown: u64 = unknown.map(|(_, amount)| amount.packets).sum();
    assert_eq!(unknown, 2, "{:?}", prediction.cannot_tell);
}
