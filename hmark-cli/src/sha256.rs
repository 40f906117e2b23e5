// SPDX-License-Identifier: GPL-2.0-only

//! SHA-256 (FIPS 180-4): the hash of a digest, which `sha256sum` computes too.

/// The fractional parts of the cube roots of the first 64 primes.
const ROUNDS: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

/// The fractional parts of the square roots of the first 8 primes.
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The first 32 of the 256 bits.
pub fn first_word(message: &[u8]) -> u32 {
    let [first, ..] = hash(message);
    first
}

fn hash(message: &[u8]) -> [u32; 8] {
    let (blocks, rest) = message.as_chunks_64();
    let mut state = START;
    for block in blocks {
        state = compressed(state, block);
    }
    // The end: a one bit, zeros, and the length in bits.
    let mut end = rest.to_vec();
    end.push(0x80);
    while end.len() % 64 != 56 {
        end.push(0);
    }
    let bits = u64::try_from(message.len())
        .unwrap_or(u64::MAX)
        .wrapping_mul(8);
    end.extend(bits.to_be_bytes());
    end.chunks_exact(64).fold(state, compressed)
}

/// A message in blocks of 64 bytes, and the bytes behind them.
trait Blocks {
    fn as_chunks_64(&self) -> (std::slice::ChunksExact<'_, u8>, &[u8]);
}

impl Blocks for [u8] {
    fn as_chunks_64(&self) -> (std::slice::ChunksExact<'_, u8>, &[u8]) {
        let blocks = self.chunks_exact(64);
        let rest = blocks.remainder();
        (blocks, rest)
    }
}

/// The state after another block.
fn compressed(state: [u32; 8], block: &[u8]) -> [u32; 8] {
    // The last 16 words of the schedule: the next one takes the place of the first.
    let mut words = [0_u32; 16];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes
            .first_chunk()
            .map_or(0, |bytes| u32::from_be_bytes(*bytes));
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    for round in ROUNDS {
        let [word, w1, .., w9, _, _, _, _, w14, _] = words;
        let big_1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let first = h
            .wrapping_add(big_1)
            .wrapping_add(choice)
            .wrapping_add(round)
            .wrapping_add(word);
        let big_0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = (a & b) ^ (a & c) ^ (b & c);
        let second = big_0.wrapping_add(majority);
        (h, g, f, e) = (g, f, e, d.wrapping_add(first));
        (d, c, b, a) = (c, b, a, first.wrapping_add(second));
        let small_0 = w1.rotate_right(7) ^ w1.rotate_right(18) ^ (w1 >> 3);
        let small_1 = w14.rotate_right(17) ^ w14.rotate_right(19) ^ (w14 >> 10);
        words.rotate_left(1);
        let [.., next] = &mut words;
        *next = word
            .wrapping_add(small_0)
            .wrapping_add(w9)
            .wrapping_add(small_1);
    }
    let mut sums = state;
    for (sum, part) in sums.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *sum = sum.wrapping_add(part);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of FIPS 180-4's publisher (NIST, "SHA256"), and lengths around the end of a block as
    /// `sha256sum` hashes them.
    #[test]
    fn known_answers() {
        let all = |message: &[u8]| {
            let words = hash(message).map(|word| format!("{word:08x}"));
            words.concat()
        };
        for (message, expected) in [
            (
                &b"abc"[..],
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                b"",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
        ] {
            assert_eq!(all(message), expected);
        }
        for (length, expected) in [
            (55, 0x9f4390f8),
            (56, 0xb35439a4),
            (63, 0x7d3e74a0),
            (64, 0xffe054fe),
            (65, 0x635361c4),
            (1_000_000, 0xcdc76e5c),
        ] {
            assert_eq!(first_word(&vec![b'a'; length]), expected, "{length}");
        }
    }
}
