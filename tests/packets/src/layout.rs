// SPDX-License-Identifier: GPL-2.0-only

//! Layouts of a packet's bytes in an sk_buff.

use super::hmark::Family;
use super::Random;

/// The most fragments of a layout.
pub const MAX_FRAGS: usize = 3;

/// The most bytes before the packet.
pub const MAX_HEADROOM: usize = 128;

/// The layout of a packet, or of its start, in an sk_buff: the numbers of bytes in the linear part
/// and in each page fragment. The rest is in a second sk_buff on the fragment list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of the packet that are present, from its network header on.
    pub len: usize,
    /// The first of these, which are in the linear part.
    pub linear: usize,
    /// The next ones, which are in pages.
    pub frags: [usize; MAX_FRAGS],
    /// Bytes in the linear part from `data` to the network header.
    pub network_offset: usize,
    /// Bytes in the buffer before `data`.
    pub headroom: usize,
}

impl Layout {
    /// All of the first `len` bytes in the linear part.
    pub fn linear(len: usize) -> Self {
        Self {
            len,
            linear: len,
            frags: [0; MAX_FRAGS],
            network_offset: 0,
            headroom: 64,
        }
    }

    /// The first `len` bytes, of which `linear` are in the linear part, the rest in one page.
    pub fn paged(len: usize, linear: usize) -> Self {
        let mut layout = Self::linear(len);
        layout.linear = linear;
        layout.frags[0] = len - linear;
        layout
    }

    /// The first `len` bytes in any layout that a hook may see.
    pub fn random(family: Family, len: usize, random: &mut Random) -> Self {
        let first = family.header_len();
        let mut layout = Self::linear(len);
        match random.below(10) {
            0..3 => {}
            3..7 => layout = Self::paged(len, random.between(first, len)),
            _ => {
                // Pieces are often small, so that headers span two of them.
                let mut left = len - first;
                let most = if random.percent(70) { 16 } else { left };
                layout.linear = first + random.between(0, left.min(most));
                left = len - layout.linear;
                for frag in &mut layout.frags[..random.below(MAX_FRAGS + 1)] {
                    *frag = random.between(0, left.min(most));
                    left -= *frag;
                }
            }
        }
        if random.percent(20) {
            layout.network_offset = random.pick(&[1, 2, 4, 8, 14, 18, 40]);
        }
        layout.headroom = random.below(MAX_HEADROOM);
        layout
    }

    /// Bytes in the second sk_buff.
    pub fn listed(&self) -> usize {
        self.frags
            .iter()
            .fold(self.len - self.linear, |left, frag| left - frag)
    }
}
