// SPDX-License-Identifier: GPL-2.0-only

//! Hashes for tables that are asked for each packet, where the keyed hash of the standard library would take
//! longer than the table.

use std::hash::Hasher;

/// The hash of a number that is a keyed hash already.
#[derive(Default)]
pub(super) struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 ^= u64::from(number).wrapping_mul(ODD);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 ^= number;
    }
}

/// A quick hash without a key, for tables of few entries. With a rule of millions of marks, whoever makes a
/// capture can make it slow, but no more than that.
#[derive(Default)]
pub(super) struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        // Tables look at the lowest bits, into which a product takes none of the higher ones.
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(ODD);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

/// 2^64 divided by the golden ratio: a factor that spreads small numbers.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
