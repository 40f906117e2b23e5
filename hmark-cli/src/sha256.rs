// SPDX-License-Identifier: GPL-2.0-only

//! SHA-256 (FIPS 180-4): the hash of a digest, which `sha256sum` computes too.

use sha2::{Digest, Sha256};

/// The first 32 of the 256 bits.
pub fn first_word(message: &[u8]) -> u32 {
    let [a, b, c, d, ..] = Sha256::digest(message).0;
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `sha256sum` prints them, cut after eight digits.
    #[test]
    fn known_answers() {
        assert_eq!(first_word(b""), 0xe3b0_c442);
        assert_eq!(first_word(b"abc"), 0xba78_16bf);
        assert_eq!(first_word(&[b'a'; 1_000_000]), 0xcdc7_6e5c);
    }
}
