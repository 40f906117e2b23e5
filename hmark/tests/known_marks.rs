// SPDX-License-Identifier: GPL-2.0-only

//! Marks that the kernel's own C module set for real packets. They are the same on little- and
//! big-endian machines. `known_marks.txt` describes its own format.

use hmark::rule::v0::Info;
use hmark::{mark, Family};

const KNOWN: &str = include_str!("known_marks.txt");

/// Hexadecimal digits as bytes.
fn bytes(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("a byte"))
        .collect()
}

/// A word from eight hexadecimal digits in wire order.
fn network(digits: &str) -> u32 {
    u32::from_ne_bytes(bytes(digits).try_into().expect("four bytes"))
}

fn hexadecimal(digits: &str) -> u32 {
    u32::from_str_radix(digits, 16).expect("a number")
}

fn mask(digits: &str) -> [u32; 4] {
    [0, 8, 16, 24].map(|at| network(&digits[at..at + 8]))
}

/// The other words of each line of one kind and family.
fn lines(kind: &str, family: &str) -> impl Iterator<Item = Vec<&'static str>> {
    let start = format!("{kind} {family} ");
    KNOWN.lines().filter_map(move |line| {
        line.strip_prefix(&start)
            .map(|rest| rest.split(' ').collect())
    })
}

fn rules(family: &str) -> Vec<Info> {
    lines("rule", family)
        .map(|words| Info {
            src_mask: mask(words[0]),
            dst_mask: mask(words[1]),
            port_mask: network(words[2]),
            port_set: network(words[3]),
            flags: 0,
            proto_mask: hexadecimal(words[4]) as u16,
            hashrnd: hexadecimal(words[5]),
            hmodulus: words[6].parse().expect("a number"),
            hoffset: words[7].parse().expect("a number"),
        })
        .collect()
}

/// Compares every known mark, and returns how many there are.
fn compare(family: Family) -> usize {
    let name = match family {
        Family::Ipv4 => "4",
        Family::Ipv6 => "6",
    };
    let rules = rules(name);
    let mut compared = 0;
    for words in lines("packet", name) {
        let (packet, marks) = words.split_first().expect("a packet");
        assert_eq!(marks.len(), rules.len(), "{packet}");
        for (rule, known) in rules.iter().zip(marks) {
            let known = (*known != "none").then(|| hexadecimal(known));
            let mark = mark(family, &bytes(packet)[..], rule);
            assert_eq!(mark, known, "{packet} {rule:x?}");
            compared += 1;
        }
    }
    compared
}

#[test]
fn ipv4() {
    assert_eq!(compare(Family::Ipv4), 23 * 7);
}

#[test]
fn ipv6() {
    assert_eq!(compare(Family::Ipv6), 31 * 7);
}
