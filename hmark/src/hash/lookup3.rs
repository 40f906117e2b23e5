// SPDX-License-Identifier: GPL-2.0-only

//! Bob Jenkins' lookup3 over three words: the hash of revision 0.
//!
//! C header: `include/linux/jhash.h` (`jhash_3words`).

/// The start value of lookup3: an arbitrary number that the kernel chose.
const INITVAL: u32 = 0xdead_beef;

/// Length of the three words in bytes, which lookup3 adds to its start value.
const LENGTH: u32 = 12;

/// Hashes three words in host byte order with a seed.
#[inline(always)]
pub fn hash(words: [u32; 3], seed: u32) -> u32 {
    let start = seed.wrapping_add(INITVAL).wrapping_add(LENGTH);
    let [a, b, c] = words;
    let mut a = a.wrapping_add(start);
    let mut b = b.wrapping_add(start);
    let mut c = c.wrapping_add(start);

    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The results of `jhash_3words` in Linux 7.3.
    #[test]
    fn known_answers() {
        for (words, seed, expected) in [
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
            assert_eq!(hash(words, seed), expected, "{words:x?} seed {seed:#x}");
        }
    }
}
