// SPDX-License-Identifier: GPL-2.0-only

//! Keys: 32 hexadecimal digits, two for each byte, from the first byte on.

use crate::line::Line;

/// Reads a key.
pub fn read(text: &[u8]) -> Option<[u8; 16]> {
    let mut key = [0; 16];
    if text.len() != 2 * key.len() {
        return None;
    }
    for (byte, digits) in key.iter_mut().zip(text.chunks(2)) {
        for &digit in digits {
            *byte = (*byte << 4) | char::from(digit).to_digit(16)? as u8;
        }
    }
    Some(key)
}

/// Writes a key, with small letters.
pub fn write(key: &[u8; 16], line: &mut Line) {
    for &byte in key {
        line.digits(byte.into(), 16, 2);
    }
}
