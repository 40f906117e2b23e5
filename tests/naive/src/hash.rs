// SPDX-License-Identifier: GPL-2.0-only

//! The two hashes.

/// Bob Jenkins' lookup3 of three words: its final mix, as a table of (to, by, bits).
pub(super) fn lookup3(words: [u32; 3], seed: u32) -> u32 {
    let (a, b, c) = (0, 1, 2);
    let start = (0xdead_beef_u64 + 4 * 3 + u64::from(seed)) as u32;
    let mut state = words.map(|word| word.wrapping_add(start));
    for (to, by, bits) in [
        (c, b, 14),
        (a, c, 11),
        (b, a, 25),
        (c, b, 16),
        (a, c, 4),
        (b, a, 14),
        (c, b, 24),
    ] {
        let turned = state[by].rotate_left(bits);
        state[to] = (state[to] ^ state[by]).wrapping_sub(turned);
    }
    state[c]
}

/// SipHash-1-3: one round for each word of the message, three at the end.
///
/// This is section 2 of "SipHash: a fast short-input PRF" by Aumasson and Bernstein, step by step.
pub fn siphash13(key: &[u8; 16], message: &[u8]) -> u64 {
    let (k0, k1) = (word(key.iter().take(8)), word(key.iter().skip(8)));
    // The words spell "somepseudorandomlygeneratedbytes".
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let mut compress = |m: u64| {
        v[3] ^= m;
        v = round(v);
        v[0] ^= m;
    };
    let whole = message.chunks_exact(8);
    let rest = whole.remainder();
    whole.for_each(|bytes| compress(word(bytes.iter())));
    // The last word ends in the length of the message modulo 256.
    compress(word(rest.iter()) + ((message.len() as u64 % 256) << 56));
    v[2] ^= 0xff;
    let [v0, v1, v2, v3] = round(round(round(v)));
    v0 ^ v1 ^ v2 ^ v3
}

/// Up to eight bytes as a number, the first one the lowest.
fn word<'a>(bytes: impl DoubleEndedIterator<Item = &'a u8>) -> u64 {
    bytes
        .rev()
        .fold(0, |word, byte| word * 256 + u64::from(*byte))
}

/// SipRound.
fn round([v0, v1, v2, v3]: [u64; 4]) -> [u64; 4] {
    let (a, b) = half_round(v0, v1, 13);
    let (c, d) = half_round(v2, v3, 16);
    let (e, f) = half_round(a.rotate_left(32), d, 21);
    let (g, h) = half_round(c, b, 17);
    [e, h, g.rotate_left(32), f]
}

/// One addition, one rotation and one XOR of the round.
fn half_round(a: u64, b: u64, bits: u32) -> (u64, u64) {
    let sum = a.wrapping_add(b);
    (sum, b.rotate_left(bits) ^ sum)
}
