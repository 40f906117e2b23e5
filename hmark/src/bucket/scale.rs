// SPDX-License-Identifier: GPL-2.0-only

//! Scaling: each bucket gets an equal share of all hashes.
//!
//! C header: `include/linux/math.h` (`reciprocal_scale`).

/// Scales a hash to one of `buckets` buckets: 0 to `buckets` - 1 (0 if there are none).
#[inline(always)]
pub fn bucket(hash: u32, buckets: u32) -> u32 {
    // The upper half of the product of two u32s fits into a u32.
    (u64::from(hash).wrapping_mul(u64::from(buckets)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first hash of each bucket in order, then 2^32. This is the bucket times 2^32, divided by
    /// the number of buckets and rounded up, but computed without a division for each bucket.
    fn firsts(buckets: u32) -> impl Iterator<Item = u64> {
        let (width, rest) = (
            (1 << 32) / u64::from(buckets),
            (1 << 32) % u64::from(buckets),
        );
        let (mut floor, mut part) = (0, 0);
        (0..=buckets).map(move |_| {
            let first = floor + u64::from(part > 0);
            (floor, part) = (floor + width, part + rest);
            if part >= u64::from(buckets) {
                (floor, part) = (floor + 1, part - u64::from(buckets));
            }
            first
        })
    }

    /// Checks that the first and the last hash of `first..end` are in this bucket, and that the
    /// range is as long as that of any other bucket, or longer by one.
    #[inline(always)]
    fn check_bounds(index: u32, buckets: u32, first: u64, end: u64) {
        let width = (1 << 32) / u64::from(buckets);
        let bounds = [
            bucket(first as u32, buckets),
            bucket((end - 1) as u32, buckets),
        ];
        assert!(
            bounds == [index; 2] && end - first - width <= 1,
            "{index} of {buckets}: {first}..{end} is in {bounds:?}"
        );
    }

    fn check_bounds_by_index(index: u32, buckets: u32) {
        let first = |index| (u64::from(index) << 32).div_ceil(u64::from(buckets));
        check_bounds(index, buckets, first(index), first(index + 1));
    }

    fn check_all_bounds(buckets: u32) {
        let ends = firsts(buckets).skip(1);
        for (index, (first, end)) in (0..).zip(firsts(buckets).zip(ends)) {
            check_bounds(index, buckets, first, end);
        }
        assert_eq!(firsts(buckets).last(), Some(1 << 32));
    }

    /// The numbers 2^k - 1, 2^k and 2^k + 1, from 1 to 2^32 - 1.
    fn near_powers_of_two() -> impl Iterator<Item = u32> {
        (0..=32)
            .flat_map(|k| [(1u64 << k) - 1, 1 << k, (1 << k) + 1])
            .filter_map(|number| u32::try_from(number).ok())
            .filter(|number| *number > 0)
    }

    #[test]
    fn bounds_of_every_bucket_of_up_to_1024() {
        (1..=1024).for_each(check_all_bounds);
    }

    #[test]
    fn bounds_of_outer_and_middle_buckets_of_any_number() {
        for buckets in (1..=1 << 16).chain(near_powers_of_two()) {
            let (middle, last) = (buckets / 2, buckets - 1);
            for index in [
                0,
                1,
                middle.saturating_sub(1),
                middle,
                last.saturating_sub(1),
                last,
            ] {
                check_bounds_by_index(index.min(last), buckets);
            }
        }
    }

    #[test]
    fn bounds_near_powers_of_two() {
        for buckets in near_powers_of_two() {
            for index in near_powers_of_two().filter(|index| *index < buckets) {
                check_bounds_by_index(index, buckets);
            }
        }
    }

    #[test]
    fn there_is_no_bucket_of_none() {
        assert_eq!([0, 1, u32::MAX].map(|hash| bucket(hash, 0)), [0; 3]);
    }

    #[test]
    #[ignore = "2^31 buckets: for an optimised build"]
    fn bounds_of_every_bucket_of_up_to_65536() {
        (1..=1 << 16).for_each(check_all_bounds);
    }

    #[test]
    #[ignore = "2^32 hashes, several times: for an optimised build"]
    fn every_hash_is_in_its_bucket() {
        for buckets in [3, 70, 1 << 16, u32::MAX] {
            let mut checked = 0;
            let ends = firsts(buckets).skip(1);
            for (index, (first, end)) in (0..).zip(firsts(buckets).zip(ends)) {
                for hash in first..end {
                    assert_eq!(bucket(hash as u32, buckets), index, "{hash} of {buckets}");
                    checked += 1;
                }
            }
            assert_eq!(checked, 1u64 << 32);
        }
    }
}
