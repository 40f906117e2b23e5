// SPDX-License-Identifier: GPL-2.0-only

//! The moves among all hashes, or among evenly chosen ones, or among flows with random ends.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hmark::rule::v1::Info;
use hmark::rule::{Rule, Source};
use hmark::Family;

use super::shares::{self, first_hash, is_plain, HASHES};
use super::{mark_of_hash, Change, Looked, Moves};
use crate::flow::{Flow, Layer4, Protocol};

/// The number of samples unless another is asked for.
pub const SAMPLES: u64 = 1_000_000;

/// The most ranges of hashes with one mark before and one after that are looked at one by one.
const MOST_RANGES: u64 = 1 << 20;

/// The number of samples between two reports of progress.
const STEP: u64 = 1 << 16;

/// The moves between rules that hash each flow to the same 32 bits.
pub fn of_one_hash(
    change: &Change,
    samples: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> (Looked, Moves) {
    let Change { before, after, .. } = change;
    let ranges = [before, after].map(|rule| u64::from(rule.masked.v0.hmodulus));
    if is_plain(before) && is_plain(after) && ranges.iter().sum::<u64>() <= MOST_RANGES {
        return (Looked::AllHashes, by_ranges(before, after));
    }
    match samples >= HASHES {
        true => (Looked::AllHashes, each_hash(change, progress)),
        false => (Looked::Hashes, by_samples(change, samples, progress)),
    }
}

/// Ranges of hashes that have one mark before and one after. The work is as the number of marks is.
fn by_ranges(before: &Info, after: &Info) -> Moves {
    let mut moves = Moves::default();
    let (mut old, mut new, mut start) = (0_u32, 0_u32, 0_u64);
    while start < HASHES {
        let end_of = |rule: &Info, bucket: u32| {
            first_hash(bucket.saturating_add(1), rule.masked.v0.hmodulus)
        };
        let (old_end, new_end) = (end_of(before, old), end_of(after, new));
        let end = old_end.min(new_end);
        moves.add(
            Some(shares::mark(before, old)),
            Some(shares::mark(after, new)),
            end.saturating_sub(start),
        );
        if old_end == end {
            old = old.saturating_add(1);
        }
        if new_end == end {
            new = new.saturating_add(1);
        }
        start = end;
    }
    moves
}

/// Each hash.
pub fn each_hash(change: &Change, progress: &mut dyn FnMut(u64, u64)) -> Moves {
    counted(HASHES, progress, |hash| marks_of_hash(change, hash as u32))
}

/// One hash of each of so many ranges of equal length, at a place in it that looks random. So each
/// range of hashes has the samples that it must have, give or take one.
fn by_samples(change: &Change, samples: u64, progress: &mut dyn FnMut(u64, u64)) -> Moves {
    let samples = samples.clamp(1, HASHES);
    let place = |index: u64| u128::from(index) * u128::from(HASHES) / u128::from(samples);
    counted(samples, progress, |index| {
        let (start, end) = (place(index) as u64, place(index + 1) as u64);
        let hash = start + random(index) % (end - start).max(1);
        marks_of_hash(change, hash as u32)
    })
}

fn marks_of_hash(change: &Change, hash: u32) -> (Option<u32>, Option<u32>) {
    (
        Some(mark_of_hash(&change.before, hash)),
        Some(mark_of_hash(&change.after, hash)),
    )
}

/// TCP flows between random ends, which are the same in every run.
pub fn of_random_flows(change: &Change, samples: u64, progress: &mut dyn FnMut(u64, u64)) -> Moves {
    let samples = samples.clamp(1, HASHES);
    counted(samples, progress, |index| {
        let flow = random_flow(change.family, index);
        (
            mark_of_flow(&change.before, &flow),
            mark_of_flow(&change.after, &flow),
        )
    })
}

/// The mark of a flow by a rule, as nothing translates it; [`None`] if it gets none.
pub fn mark_of_flow(rule: &Info, flow: &Flow) -> Option<u32> {
    let mut packet = flow.packet();
    if rule.source() == Source::Connection {
        packet.connection = Some(flow.connection());
    }
    hmark::mark(flow.family(), &packet, rule)
}

/// The flow of a number.
fn random_flow(family: Family, index: u64) -> Flow {
    let word = |place: u64| random(index.wrapping_mul(5).wrapping_add(place));
    let address = |place: u64| match family {
        Family::Ipv4 => IpAddr::V4(Ipv4Addr::from(word(place) as u32)),
        Family::Ipv6 => {
            let (high, low) = (word(place), word(place.wrapping_add(1)));
            IpAddr::V6(Ipv6Addr::from((u128::from(high) << 64) | u128::from(low)))
        }
    };
    let ports = word(4);
    Flow {
        protocol: Protocol::TCP,
        source: address(0),
        destination: address(2),
        layer4: Layer4::Ports {
            source: ports as u16,
            destination: (ports >> 16) as u16,
        },
    }
}

/// The marks of so many samples, counted.
fn counted(
    samples: u64,
    progress: &mut dyn FnMut(u64, u64),
    marks: impl Fn(u64) -> (Option<u32>, Option<u32>),
) -> Moves {
    let mut moves = Moves::default();
    // Neighbours mostly have the same marks, and are counted together.
    let (mut last, mut count) = ((None, None), 0);
    for index in 0..samples {
        if index % STEP == 0 {
            progress(index, samples);
        }
        let pair = marks(index);
        if pair != last {
            moves.add(last.0, last.1, count);
            (last, count) = (pair, 0);
        }
        count += 1;
    }
    moves.add(last.0, last.1, count);
    progress(samples, samples);
    moves
}

/// A number that looks random: a step of SplitMix64 (Steele, Lea and Flood, 2014).
fn random(index: u64) -> u64 {
    let mut z = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::edit::read;

    fn change(before: &str, after: &str) -> Change {
        let rule = |text| read(text, Family::Ipv6).unwrap();
        Change {
            family: Family::Ipv6,
            before: rule(before),
            after: rule(after),
        }
    }

    #[test]
    fn ranges_and_samples_agree() {
        for (before, after) in [
            ("--hmark-mod 7", "--hmark-mod 12"),
            ("--hmark-mod 3", "--hmark-mod 1"),
        ] {
            let change = change(before, after);
            let ranges = by_ranges(&change.before, &change.after);
            let samples = by_samples(&change, 100_000, &mut |_, _| {});
            assert_eq!(ranges.marks(), samples.marks());
            for (&before, &after) in ranges.marks().iter().zip(&ranges.marks()) {
                let share = ranges.between(before, after) as f64 / HASHES as f64;
                let sampled = samples.between(before, after) as f64 / 100_000.0;
                // Each end of a range may cost a sample.
                assert!((share - sampled).abs() < 1e-4, "{share} {sampled}");
            }
        }
    }

    #[test]
    fn many_marks_are_sampled() {
        let change = change("--hmark-mod 2000000", "--hmark-mod 2000001");
        let (looked, moves) = of_one_hash(&change, 10_000, &mut |_, _| {});
        assert_eq!((looked, moves.flows()), (Looked::Hashes, 10_000));
        let least = change.measure(10, &mut |_, _| {});
        assert_eq!(least.must, None);
    }

    #[test]
    fn progress_is_told() {
        let change = change("--hmark-mod 4", "--hmark-mod 4 --hmark-rnd 7");
        let mut seen = Vec::new();
        of_random_flows(&change, 150_000, &mut |done, all| seen.push((done, all)));
        assert_eq!(
            seen,
            [0, 65_536, 131_072, 150_000].map(|done| (done, 150_000))
        );
    }

    #[test]
    fn connections_are_hashed_where_the_rule_says_so() {
        let ct = "--hmark-mod 4 --hmark-tuple ct,src,dst,sport,dport,proto";
        let moves = of_random_flows(&change("--hmark-mod 4", ct), 1000, &mut |_, _| {});
        // Without translation a connection is hashed as its packets are.
        assert_eq!((moves.moved(), moves.marks().contains(&None)), (0, false));
    }
}
