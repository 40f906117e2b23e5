// SPDX-License-Identifier: GPL-2.0-only

//! Packets of connections, as conntrack has them, for rules that hash those.

use super::*;

#[test]
fn connections_have_the_direction_of_their_first_packet() {
    let rule = "--hmark-tuple ct,src --hmark-mod 1000";
    for (first, second) in [
        ("tcp 10.0.0.1:1 10.0.0.2:2", "tcp 10.0.0.2:2 10.0.0.1:1"),
        ("tcp 10.0.0.2:2 10.0.0.1:1", "tcp 10.0.0.1:1 10.0.0.2:2"),
    ] {
        let packets = [first, second].map(|flow| whole(packet(flow)));
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
