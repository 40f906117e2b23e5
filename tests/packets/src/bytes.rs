// SPDX-License-Identifier: GPL-2.0-only

//! The bytes of a packet under construction.

use super::Random;

/// The longest packet.
pub const CAPACITY: usize = 4096;

/// Bytes that grow at their end. Bytes that do not fit are left out.
pub struct Bytes {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Bytes {
    /// Removes all.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Removes those after the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Their number.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The bytes, to change them.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }

    /// Appends bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let free = &mut self.bytes[self.len..];
        let len = bytes.len().min(free.len());
        free[..len].copy_from_slice(&bytes[..len]);
        self.len += len;
    }

    /// Appends this number of random bytes.
    pub fn push_random(&mut self, len: usize, random: &mut Random) {
        let end = (self.len + len).min(CAPACITY);
        random.fill(&mut self.bytes[self.len..end]);
        self.len = end;
    }

    /// Overwrites bytes that are there already; any beyond the end are left out.
    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.as_mut_slice().get_mut(at..) {
            for (to, from) in place.iter_mut().zip(bytes) {
                *to = *from;
            }
        }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self {
            bytes: [0; CAPACITY],
            len: 0,
        }
    }
}
