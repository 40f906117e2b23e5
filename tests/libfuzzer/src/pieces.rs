// SPDX-License-Identifier: GPL-2.0-only

//! Packets with a mark: in one piece of memory, and in three pieces that record what is read.

use hmark::{Connection, Packet};
use std::cell::Cell;

/// A packet in one piece.
pub(crate) struct Whole<'a> {
    bytes: &'a [u8],
    mark: u32,
}

impl<'a> Whole<'a> {
    pub(crate) fn new(bytes: &'a [u8], mark: u32) -> Self {
        Self { bytes, mark }
    }
}

impl Packet for Whole<'_> {
    fn mark(&self) -> u32 {
        self.mark
    }

    fn end(&self) -> u32 {
        self.bytes.end()
    }

    fn is_linear(&self) -> bool {
        true
    }

    fn in_place<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        self.bytes.in_place(offset)
    }

    fn copy<const N: usize>(&self, _offset: u32) -> Option<[u8; N]> {
        None
    }

    fn connection(&self) -> Option<Connection> {
        None
    }
}

/// A packet that has a connection, and no bytes.
pub(crate) struct Tracked {
    pub(crate) connection: Connection,
    pub(crate) mark: u32,
}

impl Packet for Tracked {
    fn mark(&self) -> u32 {
        self.mark
    }

    fn end(&self) -> u32 {
        0
    }

    fn is_linear(&self) -> bool {
        true
    }

    fn in_place<const N: usize>(&self, _offset: u32) -> Option<&[u8; N]> {
        None
    }

    fn copy<const N: usize>(&self, _offset: u32) -> Option<[u8; N]> {
        None
    }

    fn connection(&self) -> Option<Connection> {
        Some(self.connection)
    }
}

/// A packet in pieces, such as an sk_buff with pages.
pub(crate) struct Pieces {
    /// Each is an allocation of its own. Any of them may be empty.
    pieces: [Vec<u8>; 3],
    mark: u32,
    /// Number of reads.
    pub(crate) reads: Cell<usize>,
    /// The end of the bytes read so far.
    pub(crate) reach: Cell<usize>,
    /// Whether a read went past the packet's end.
    pub(crate) refused: Cell<bool>,
    /// Whether the packet's length was asked for.
    pub(crate) measured: Cell<bool>,
}

impl Pieces {
    pub(crate) fn new(packet: &[u8], [first, second]: [usize; 2], mark: u32) -> Self {
        Self {
            pieces: [&packet[..first], &packet[first..second], &packet[second..]].map(Vec::from),
            mark,
            reads: Cell::new(0),
            reach: Cell::new(0),
            refused: Cell::new(false),
            measured: Cell::new(false),
        }
    }

    fn len(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    fn byte(&self, mut at: usize) -> u8 {
        for piece in &self.pieces {
            match piece.get(at) {
                Some(byte) => return *byte,
                None => at -= piece.len(),
            }
        }
        unreachable!("a byte behind the packet's end")
    }
}

impl Packet for Pieces {
    fn mark(&self) -> u32 {
        self.mark
    }

    fn end(&self) -> u32 {
        self.measured.set(true);
        self.len() as u32
    }

    fn is_linear(&self) -> bool {
        false
    }

    fn in_place<const N: usize>(&self, _offset: u32) -> Option<&[u8; N]> {
        None
    }

    fn copy<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        self.reads.set(self.reads.get() + 1);
        let start = offset as usize;
        if start + N > self.len() {
            self.refused.set(true);
            return None;
        }
        self.reach.set(self.reach.get().max(start + N));
        Some(core::array::from_fn(|n| self.byte(start + n)))
    }

    fn connection(&self) -> Option<Connection> {
        None
    }
}
