// SPDX-License-Identifier: GPL-2.0-only

//! Tests of what captures tell of connections: by a rule that hashes the end which opened them.

use super::super::answer::Answer;
use super::super::{of_capture, Alone, Asked, Judge, OfHost, Prediction, MOST_FLOWS};
use super::{packet, pcap, whole};
use crate::capture::Capture;
use crate::host::Host;
use crate::ruleset::Hook;
use hmark::rule::v1::Info;
use hmark::Packet;

/// A rule whose mark tells the two ends of a connection apart.
const OPENER: &str = "--hmark-tuple ct,src,sport --hmark-mod 4294967295 --hmark-rnd 1";

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const SYN_ACK: u8 = 0x12;
const FIN_ACK: u8 = 0x11;
const RST: u8 = 0x04;

/// The two ends of the flows here.
const A: &str = "10.0.0.1:1000";
const B: &str = "10.0.0.2:80";

/// A packet's answer: the end that the mark is of, `-` for a packet that is left alone, or `?`.
struct Ends {
    judge: Alone,
    found: String,
}

impl Judge for Ends {
    fn tunnels(&self) -> Option<&Info> {
        self.judge.tunnels()
    }

    fn rules(&self) -> Vec<Option<Info>> {
        self.judge.rules()
    }

    fn answer<P: Packet>(&mut self, asked: &Asked<'_, P>) -> Answer {
        let answer = self.judge.answer(asked);
        self.found.push(match &answer {
            Answer::Marked(marked) => {
                // One of these addresses is masked out.
                let words = [marked.tuple.src.words(), marked.tuple.dst.words()].concat();
                match words.iter().any(|word| word.to_ne_bytes()[3] == 1) {
                    true => 'a',
                    false => 'b',
                }
            }
            Answer::Unmarked(_) => '-',
            Answer::CannotTell(_) => '?',
        });
        answer
    }
}

/// Who opened the connections of packets, for each of them.
fn opened(packets: &[Vec<u8>]) -> String {
    let mut ends = Ends {
        judge: Alone::read(OPENER).unwrap(),
        found: String::new(),
    };
    predict(&mut ends, packets);
    ends.found
}

fn predict(judge: &mut impl Judge, packets: &[Vec<u8>]) -> Prediction {
    let packets: Vec<_> = packets.iter().cloned().map(whole).collect();
    let capture = Capture::open(std::io::Cursor::new(pcap(&packets))).unwrap();
    let (prediction, error) = of_capture(capture, judge, MOST_FLOWS, &mut |_| {});
    assert!(error.is_none());
    prediction
}

fn tcp(from: &str, to: &str, flags: u8) -> Vec<u8> {
    let mut bytes = packet(&format!("tcp {from} {to}"));
    bytes[33] = flags;
    bytes
}

/// An ICMP error that quotes a packet: "port unreachable".
fn error(to: &str, quoted: &[u8]) -> Vec<u8> {
    let mut bytes = packet(&format!("icmp 10.0.0.3 {to} 3/3"));
    bytes.extend(quoted);
    let len = bytes.len() as u8;
    bytes[3] = len;
    bytes
}

#[test]
fn tcp_goes_through_its_steps() {
    for (name, flags, expected) in [
        ("a connection", "a> b< c> c< f> c< f< c>", "aaaaaaaa"),
        (
            "SYN again, before and after its answer",
            "a> a> b< a> c>",
            "aaaaa",
        ),
        ("the answer of one that was not seen", "b< c> c<", "???"),
        ("one from before the capture", "c< c> f>", "bbb"),
        (
            "no answer was seen, so that conntrack refuses more",
            "a> c> c>",
            "a??",
        ),
        ("SYN of both ends", "a> a< b> b<", "a???"),
        ("a refusal", "a> r<", "aa"),
        ("nothing is known after a reset", "a> b< r< c>", "aaa?"),
        (
            "SYN and ACK from the end that opened",
            "a> b< b> c>",
            "aa?a",
        ),
        (
            "opened anew by the same end",
            "a> b< f> f< a> b< c>",
            "aaaa?aa",
        ),
        (
            "opened anew by the other one",
            "a> b< f> f< a< b>",
            "aaaa??",
        ),
        ("invalid flags open nothing", "x> x< a< b> c<", "--bbb"),
    ] {
        let packets: Vec<_> = flags
            .split(' ')
            .map(|word| {
                let flags = match &word[..1] {
                    "a" => SYN,
                    "b" => SYN_ACK,
                    "c" => ACK,
                    "f" => FIN_ACK,
                    "r" => RST,
                    _ => SYN | RST,
                };
                match &word[1..] {
                    ">" => tcp(A, B, flags),
                    _ => tcp(B, A, flags),
                }
            })
            .collect();
        assert_eq!(opened(&packets), expected, "{name}");
    }
}

#[test]
fn an_error_belongs_to_a_known_connection_of_its_receiver() {
    let (there, back) = (
        packet(&format!("udp {A} {B}")),
        packet(&format!("udp {B} {A}")),
    );
    for (name, packets, expected) in [
        (
            "an error",
            vec![there.clone(), error("10.0.0.1", &there)],
            "aa",
        ),
        (
            "about the answer",
            vec![there.clone(), error("10.0.0.2", &back)],
            "aa",
        ),
        (
            "to somebody else",
            vec![there.clone(), error("10.0.0.9", &there)],
            "a-",
        ),
        (
            "from before the capture",
            vec![error("10.0.0.1", &there)],
            "?",
        ),
        (
            "about an invalid packet",
            vec![
                tcp(A, B, SYN | RST),
                error("10.0.0.1", &tcp(A, B, SYN | RST)),
            ],
            "-?",
        ),
        (
            "about a packet that was not seen, so that others are not the first",
            vec![error("10.0.0.1", &there), back.clone(), there.clone()],
            "???",
        ),
    ] {
        assert_eq!(opened(&packets), expected, "{name}");
    }
}

#[test]
fn queries_of_icmp_are_told_apart_by_their_identifiers() {
    let echo = |from: &str, to: &str, kind: u8, id: u16| {
        packet(&format!("icmpv6 {from} {to} {kind}/0 id {id}"))
    };
    let (a, b) = ("fd00::1", "fd00::2");
    for (name, packets, expected) in [
        ("a ping", vec![echo(a, b, 128, 1), echo(b, a, 129, 1)], "aa"),
        (
            "pings of both ends",
            vec![
                echo(a, b, 128, 1),
                echo(b, a, 128, 2),
                echo(a, b, 129, 2),
                echo(b, a, 129, 1),
            ],
            "abba",
        ),
        (
            "a reply with another identifier",
            vec![echo(a, b, 128, 1), echo(b, a, 129, 2)],
            "a?",
        ),
        (
            "a reply from the end that asks",
            vec![echo(a, b, 128, 1), echo(a, b, 129, 1)],
            "a?",
        ),
        (
            "neighbours, a redirect and an unassigned type",
            vec![
                echo(a, b, 135, 0),
                echo(a, b, 137, 0),
                echo(a, b, 200, 0),
                echo(a, b, 0, 0),
            ],
            "-?-?",
        ),
    ] {
        assert_eq!(opened(&packets), expected, "{name}");
    }
}

/// A fragment has no ports, but may have opened the connection.
#[test]
fn fragments_may_have_opened_a_connection() {
    let there = packet(&format!("udp {A} {B}"));
    let mut fragment = there.clone();
    fragment[6] = 0x20;
    let back = packet(&format!("udp {B} {A}"));
    let other = packet(&format!("udp {B} 10.0.0.4:1"));
    assert_eq!(opened(&[fragment, back, other]), "??b");
}

#[test]
fn other_protocols_are_not_guessed() {
    let flows = [
        "esp 10.0.0.1 10.0.0.2 spi 1",
        "ah 10.0.0.1 10.0.0.2 spi 1",
        "gre 10.0.0.1 10.0.0.2",
        "sctp 10.0.0.1:1 10.0.0.2:2",
        "89 10.0.0.1 10.0.0.2",
    ];
    assert_eq!(opened(&flows.map(packet)), "?????");
}

/// The states that a rule of a host sees.
#[test]
fn states_are_those_that_conntrack_gives() {
    let folder = crate::scratch::folder("states");
    std::fs::create_dir_all(&folder).unwrap();
    let rule = |state: &str, offset: u8| {
        format!(
            "-A PREROUTING -m conntrack --ctstate {state} -j HMARK --hmark-tuple src,dst --hmark-mod 1 \
             --hmark-offset {offset} --hmark-rnd 1\n"
        )
    };
    let states = ["NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"];
    let rules: String = states
        .iter()
        .zip(1..)
        .map(|(state, offset)| rule(state, offset))
        .collect();
    let text = format!("*mangle\n:PREROUTING ACCEPT [0:0]\n{rules}COMMIT\n");
    std::fs::write(folder.join("iptables-save"), &text).unwrap();
    std::fs::write(folder.join("ip6tables-save"), &text).unwrap();
    let host = Host::saved(&folder).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let there = packet(&format!("udp {A} {B}"));
    let mut judge = OfHost::new(&host, Some(Hook::Prerouting), None);
    let packets = [
        there.clone(),
        there.clone(),
        packet(&format!("udp {B} {A}")),
        there.clone(),
        error("10.0.0.1", &there),
        error("10.0.0.9", &there),
        tcp(A, B, SYN | RST),
        packet("icmpv6 fd00::1 fd00::2 135/0"),
        // Its connection is not known.
        tcp(B, A, SYN_ACK),
    ];
    let prediction = predict(&mut judge, &packets);
    let shares = prediction.spread.shares();
    let found: Vec<_> = shares
        .iter()
        .filter(|share| share.amount.packets > 0)
        .map(|share| (share.mark, share.amount.packets))
        .collect();
    assert_eq!(found, [(1, 2), (2, 2), (3, 1), (4, 2), (5, 1)]);
    assert_eq!(prediction.cannot_tell.len(), 1, "{prediction:?}");
    let (reason, amount) = &prediction.cannot_tell[0];
    let expected = "the state of the packet's connection is not known";
    assert!(reason.to_string().starts_with(expected), "{reason}");
    assert_eq!(amount.packets, 1);
}
