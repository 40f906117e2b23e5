// SPDX-License-Identifier: GPL-2.0-only

//! Checks the corpora without the fuzzer: the inputs that together reach all of the walk, and all
//! that revision 1 does.

use hmark_libfuzzer::{
    check, check_capture, check_flows, check_routing, check_ruleset, check_v1, Checked, Found,
};
use naive::Family;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The inputs of a corpus.
fn corpus(name: &str) -> impl Iterator<Item = Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    fs::read_dir(corpus).expect("a corpus").map(|entry| {
        let path = entry.expect("an input").path();
        println!("{}", path.display()); // shown if the check panics
        fs::read(&path).expect("an input's bytes")
    })
}

#[test]
fn walk() {
    let mut counts = [0; 7];
    for input in corpus("walk") {
        let kind = match (input.first(), check(&input)) {
            (Some(b'4'), Some(Found::Untouched)) => 0,
            (Some(b'4'), Some(Found::Tuple(_))) => 1,
            (Some(b'6'), Some(Found::Untouched)) => 2,
            (Some(b'6'), Some(Found::Nothing)) => 3,
            (Some(b'6'), Some(Found::Tuple(_))) => 4,
            (_, None) => 5,
            _ => 6,
        };
        counts[kind] += 1;
    }
    assert!(counts[..6].iter().all(|count| *count > 0), "{counts:?}");
    assert_eq!(counts[6], 0, "{counts:?}");
}

#[test]
fn v1() {
    let mut counts = BTreeMap::new();
    for input in corpus("v1") {
        let kind = match (input.first(), check_v1(&input)) {
            (_, None) => "too short",
            (_, Some(Checked::Refused)) => "refused",
            (_, Some(Checked::Connection)) => "connection",
            (_, Some(Checked::Packet(Found::Untouched))) => "untouched",
            (_, Some(Checked::Packet(Found::Nothing))) => "nothing",
            (first, Some(Checked::Packet(Found::Tuple(place)))) => {
                match (first, place.family, place.inner) {
                    (Some(b'4'), Family::Ipv4, false) => "IPv4",
                    (Some(b'4'), Family::Ipv4, true) => "IPv4 inside IPv4",
                    (Some(b'4'), Family::Ipv6, true) => "IPv6 inside IPv4",
                    (Some(b'6'), Family::Ipv6, false) => "IPv6",
                    (Some(b'6'), Family::Ipv6, true) => "IPv6 inside IPv6",
                    (Some(b'6'), Family::Ipv4, true) => "IPv4 inside IPv6",
                    _ => panic!("{place:?}"),
                }
            }
        };
        *counts.entry(kind).or_insert(0) += 1;
    }
    println!("{counts:?}");
    assert_eq!(counts.len(), 11, "{counts:?}");
}

#[test]
fn capture() {
    let (mut frames, mut packets, mut others) = (0, 0, 0);
    for input in corpus("capture") {
        match check_capture(&input) {
            Some((found, of_ip)) => (frames, packets) = (frames + found, packets + of_ip),
            None => others += 1,
        }
    }
    // Some frames have no IP packet, and some inputs are no captures.
    assert!(
        packets >= 15 && frames > packets && others > 0,
        "{frames} {packets} {others}"
    );
}

#[test]
fn flows() {
    let (mut flows, mut right, mut wrong) = (0, 0, 0);
    for input in corpus("flows") {
        match check_flows(&input) {
            (found, true) => (flows, right) = (flows + found, right + 1),
            (_, false) => wrong += 1,
        }
    }
    assert!(
        flows >= 9 && right >= 6 && wrong >= 2,
        "{flows} {right} {wrong}"
    );
}

/// The sums of two numbers over a corpus, and how many inputs can be read and cannot.
fn sums(name: &str, check: fn(&[u8]) -> Option<(usize, usize)>) -> [usize; 4] {
    let mut sums = [0; 4];
    for input in corpus(name) {
        match check(&input) {
            Some((first, second)) => {
                sums[0] += first;
                sums[1] += second;
                sums[2] += 1;
            }
            None => sums[3] += 1,
        }
    }
    sums
}

#[test]
fn ruleset() {
    let [rules, answers, right, wrong] = sums("ruleset", check_ruleset);
    // Of six answers each, some are not found.
    let some = rules >= 20 && answers >= 6 && answers < 6 * right;
    assert!(some && wrong > 0, "{rules} {answers} {right} {wrong}");
}

#[test]
fn routing() {
    let [routes, sent, right, wrong] = sums("routing", check_routing);
    let some = routes >= 20 && sent >= 20 && right > 0;
    assert!(some && wrong > 0, "{routes} {sent} {right} {wrong}");
}
