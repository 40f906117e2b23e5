// SPDX-License-Identifier: GPL-2.0-only

//! The shares of all flows that a rule's marks are to have, and how far two rules' shares are apart.

use std::collections::BTreeMap;

use hmark::rule::v1::{flag, Info, FULL_WEIGHT};
use hmark::rule::Rule;

/// The most marks of a rule whose shares are computed one by one.
pub const MOST_MARKS: u32 = 1 << 20;

/// The number of all hashes: 2^32.
pub const HASHES: u64 = 1 << 32;

/// The first hash of a bucket, of so many: 2^32 for the bucket behind the last.
pub fn first_hash(bucket: u32, buckets: u32) -> u64 {
    (u64::from(bucket) << 32).div_ceil(u64::from(buckets.max(1)))
}

/// Whether the rule's buckets are ranges of hashes of equal length: it has neither `--hmark-from` nor
/// weights.
pub fn is_plain(rule: &Info) -> bool {
    !rule.has(flag::FROM | flag::WEIGHT)
}

/// The mark of a bucket, of a packet that had none.
pub fn mark(rule: &Info, bucket: u32) -> u32 {
    rule.merge(0, bucket)
}

/// The share of each mark of a rule, 0 to 1: exact to the hash for a plain rule, and else as its weights
/// say.
///
/// [`None`] if the rule has more than [`MOST_MARKS`].
pub fn shares(rule: &Info) -> Option<BTreeMap<u32, f64>> {
    let marks = rule.masked.v0.hmodulus;
    if marks > MOST_MARKS {
        return None;
    }
    let weight = |bucket: u32| -> u64 {
        if is_plain(rule) {
            let (first, end) = (
                first_hash(bucket, marks),
                first_hash(bucket.saturating_add(1), marks),
            );
            return end.saturating_sub(first);
        }
        let less = usize::try_from(bucket)
            .ok()
            .and_then(|bucket| rule.less.get(bucket));
        FULL_WEIGHT
            .saturating_sub(less.copied().unwrap_or(0))
            .into()
    };
    let whole: u64 = (0..marks).map(weight).sum();
    let mut shares = BTreeMap::new();
    for bucket in 0..marks {
        *shares.entry(mark(rule, bucket)).or_insert(0.0) +=
            weight(bucket) as f64 / whole.max(1) as f64;
    }
    Some(shares)
}

/// The share of flows that must move from one rule to the other, 0 to 1: half the sum of what the shares
/// of each mark differ by. No way of choosing marks that has these shares moves less.
///
/// [`None`] if a rule has too many marks.
pub fn least(before: &Info, after: &Info) -> Option<f64> {
    let (before, after) = (shares(before)?, shares(after)?);
    let share = |shares: &BTreeMap<u32, f64>, mark| shares.get(mark).copied().unwrap_or(0.0);
    let gains = after
        .iter()
        .map(|(mark, after)| (after - share(&before, mark)).max(0.0));
    Some(gains.sum())
}

#[cfg(test)]
mod tests {
    use hmark::Family;

    use super::*;
    use crate::change::edit::read;

    fn least_of(before: &str, after: &str) -> f64 {
        let rule = |text| read(text, Family::Ipv4).unwrap();
        least(&rule(before), &rule(after)).unwrap()
    }

    fn assert_near(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-8, "{left} and {right}");
    }

    #[test]
    fn first_hashes_are_where_scaling_changes_its_bucket() {
        let plain = |marks| read(&format!("--hmark-mod {marks}"), Family::Ipv4).unwrap();
        for marks in [1, 2, 3, 70, 71, 65_537, u32::MAX] {
            let rule = plain(marks);
            for bucket in [0, 1, 2, marks / 2, marks - 1].map(|bucket| bucket.min(marks - 1)) {
                let first = first_hash(bucket, marks);
                assert_eq!(rule.bucket(first as u32), bucket, "{bucket} of {marks}");
                if let Some(before) = first.checked_sub(1) {
                    assert_eq!(
                        rule.bucket(before as u32) + 1,
                        bucket,
                        "{bucket} of {marks}"
                    );
                }
            }
            assert_eq!(first_hash(marks, marks), HASHES);
        }
    }

    #[test]
    fn what_must_move_is_what_shares_differ_by() {
        let offset = "--hmark-offset 100";
        for (before, after, expected) in [
            ("--hmark-mod 4", "--hmark-mod 5", 0.2),
            ("--hmark-mod 5", "--hmark-mod 4", 0.2),
            (
                "--hmark-mod 70",
                "--hmark-mod 71 --hmark-from 70",
                1.0 / 71.0,
            ),
            (
                "--hmark-mod 70",
                "--hmark-mod 70 --hmark-weight 35=0",
                1.0 / 70.0,
            ),
            // Of 4 marks one has half a share: 1/4 becomes 1/7.
            (
                "--hmark-mod 4",
                "--hmark-mod 4 --hmark-weight 1=50",
                0.25 - 1.0 / 7.0,
            ),
            ("--hmark-mod 4", "--hmark-mod 4 --hmark-rnd 7", 0.0),
            // Marks are compared by their values.
            ("--hmark-mod 4 --hmark-offset 102", "--hmark-mod 4", 0.5),
            ("--hmark-mod 4 --hmark-offset 200", "--hmark-mod 4", 1.0),
        ] {
            let before = match before.contains("offset") {
                true => before.to_owned(),
                false => format!("{before} {offset}"),
            };
            assert_near(least_of(&before, &format!("{after} {offset}")), expected);
        }
    }

    #[test]
    fn too_many_marks_are_not_counted_one_by_one() {
        let rule = read("--hmark-mod 1048577", Family::Ipv4).unwrap();
        assert_eq!(shares(&rule), None);
    }
}
