// SPDX-License-Identifier: GPL-2.0-only

//! The hash: Bob Jenkins' lookup3 over three words, and the scaling of a hash into buckets.
//!
//! C headers: `include/linux/jhash.h` (`jhash_3words`), `include/linux/kernel.h`
//! (`reciprocal_scale`).

/// What lookup3 starts from: an arbitrary value that the kernel chose.
const INITVAL: u32 = 0xdead_beef;

/// Bytes in the three words, which lookup3 mixes into its start value.
const LENGTH: u32 = 12;

/// Hashes three words in host byte order with a seed.
#[inline(always)]
pub(super) fn jhash(words: [u32; 3], seed: u32) -> u32 {
    let start = seed.wrapping_add(INITVAL).wrapping_add(LENGTH);
    let [mut a, mut b, mut c] = words.map(|word| word.wrapping_add(start));

    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

/// Scales a hash into `buckets` buckets: 0 to `buckets` - 1 (0 where there is none).
#[inline(always)]
pub(super) fn bucket(hash: u32, buckets: u32) -> u32 {
    // The high half of a product of two u32s fits a u32.
    ((u64::from(hash) * u64::from(buckets)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `jhash_3words` of Linux 7.3 gives.
    #[test]
    fn known_answers() {
        for (words, seed, hash) in [
            ([0, 0, 0], 0, 0x1b68_e557),
            ([0, 0, 0], 0xc175_a3b8, 0x92e3_7255),
            ([1, 2, 3], 0, 0xa461_58f5),
            (
                [0xc0a8_0001, 0x0a00_0001, 0xd431_0050],
                0xc175_a3b8,
                0xaf6b_b5c9,
            ),
            (
                [0x0a00_0001, 0x0a00_0002, 0x0050_0050],
                0xfeed_cafe,
                0x7ffa_9711,
            ),
            ([u32::MAX, u32::MAX, u32::MAX], u32::MAX, 0xc343_af0b),
        ] {
            assert_eq!(jhash(words, seed), hash, "{words:x?} seed {seed:#x}");
        }
    }

    #[test]
    fn every_bucket_is_below_their_number() {
        for buckets in [
            1,
            2,
            3,
            4,
            70,
            255,
            256,
            1 << 16,
            (1 << 31) - 1,
            1 << 31,
            u32::MAX,
        ] {
            assert_eq!(bucket(0, buckets), 0);
            assert_eq!(bucket(u32::MAX, buckets), buckets - 1);
            for step in 0..=4096u32 {
                assert!(bucket(step.wrapping_mul(0x000f_fff1), buckets) < buckets);
            }
        }
        assert_eq!(bucket(u32::MAX, 0), 0);
    }

    #[test]
    fn buckets_are_of_equal_width() {
        // The first hash of bucket n of 4 is n * 2^30.
        for n in 0..4 {
            assert_eq!(bucket(n << 30, 4), n);
            assert_eq!(bucket((n << 30) | 0x3fff_ffff, 4), n);
        }
    }
}
