// SPDX-License-Identifier: GPL-2.0-only

//! The keyed hash gives the published values, and those of the standard library.

use std::hash::{DefaultHasher, Hasher};

use naive::siphash13;

/// SipHash-1-3 of the bytes 0, 1, 2 and so on, as many as the number says, with the key 00 01 .. 0f:
/// from the vectors that the standard library of Rust is tested with (`library/coretests/tests/hash/
/// sip.rs`), which are those of the reference implementation (<https://github.com/veorq/SipHash>).
const PUBLISHED: [(u8, [u8; 8]); 10] = [
    (0, [0xdc, 0xc4, 0x0f, 0x05, 0x58, 0x01, 0xac, 0xab]),
    (1, [0x93, 0xca, 0x57, 0x7d, 0xf3, 0x9b, 0xf4, 0xc9]),
    (7, [0x40, 0x11, 0xb1, 0x9b, 0x98, 0x7d, 0x92, 0xd3]),
    (8, [0x8e, 0x9a, 0x29, 0x8d, 0x11, 0x95, 0x90, 0x36]),
    (9, [0xe4, 0x3d, 0x06, 0x6c, 0xb3, 0x8e, 0xa4, 0x25]),
    (13, [0xa7, 0xff, 0x29, 0x12, 0x0c, 0x76, 0x6f, 0x30]),
    (15, [0x56, 0x99, 0x51, 0x2a, 0x6d, 0xd8, 0x20, 0xd3]),
    (16, [0x66, 0x8b, 0x90, 0x7d, 0x1a, 0xdd, 0x4f, 0xcc]),
    (37, [0x57, 0x30, 0xc3, 0xa3, 0x2d, 0x1c, 0x10, 0xb6]),
    (63, [0xa8, 0xb3, 0xbb, 0xb7, 0x62, 0x90, 0x19, 0x9d]),
];

#[test]
fn published_vectors() {
    let key: [u8; 16] = std::array::from_fn(|n| n as u8);
    for (len, hash) in PUBLISHED {
        let message: Vec<u8> = (0..len).collect();
        assert_eq!(siphash13(&key, &message).to_le_bytes(), hash, "{len} bytes");
    }
}

/// [`DefaultHasher`] is SipHash-1-3 with a key of zeros in every version of the library so far.
#[test]
fn the_standard_librarys_hash() {
    let mut number = 1_u64;
    for len in 0..300 {
        let message: Vec<u8> = (0..len)
            .map(|_| {
                number = number
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (number >> 56) as u8
            })
            .collect();
        let mut hasher = DefaultHasher::new();
        hasher.write(&message);
        assert_eq!(
            siphash13(&[0; 16], &message),
            hasher.finish(),
            "{len} bytes"
        );
    }
}
