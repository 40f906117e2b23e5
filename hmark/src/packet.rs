// SPDX-License-Identifier: GPL-2.0-only

//! Access to a packet: the operations that the walk needs on an `sk_buff` or a byte slice.

use super::Connection;

/// A packet, starting at its network header.
pub trait Packet {
    /// The packet's current mark (nfmark).
    fn mark(&self) -> u32;

    /// The offset of the packet's end, in bytes from the network header.
    ///
    /// This is the length received, whatever length the IP header claims.
    fn end(&self) -> u32;

    /// Whether the whole packet is in one piece of memory.
    fn is_linear(&self) -> bool;

    /// The `N` bytes that start `offset` bytes after the network header, without a copy.
    ///
    /// [`None`] if they are not in one piece of memory, or the packet ends before the last of them.
    fn in_place<const N: usize>(&self, offset: u32) -> Option<&[u8; N]>;

    /// Copies the `N` bytes at `offset`, which may lie in several pieces of memory.
    ///
    /// [`None`] if the packet ends before the last of them.
    fn copy<const N: usize>(&self, offset: u32) -> Option<[u8; N]>;

    /// The packet's connection in conntrack; [`None`] if it is not tracked.
    fn connection(&self) -> Option<Connection>;

    /// The `N` bytes at `offset`, in place if possible, otherwise in `copy`.
    ///
    /// [`None`] if the packet ends before the last of them. Like the kernel's
    /// `skb_header_pointer()`, this avoids copying headers, which would take longer than hashing
    /// them.
    #[inline(always)]
    fn header<'a, const N: usize>(
        &'a self,
        offset: u32,
        copy: &'a mut Option<[u8; N]>,
    ) -> Option<&'a [u8; N]> {
        match self.in_place(offset) {
            Some(bytes) => Some(bytes),
            None => Some(copy.insert(self.copy(offset)?)),
        }
    }

    /// Reads the `N` bytes at `offset`.
    ///
    /// [`None`] if the packet ends before the last of them.
    #[inline(always)]
    fn read<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        match self.in_place(offset) {
            Some(bytes) => Some(*bytes),
            None => self.copy(offset),
        }
    }
}

/// A packet in one piece of memory that starts with its network header. It is unmarked (0) and not
/// tracked.
impl Packet for [u8] {
    #[inline(always)]
    fn mark(&self) -> u32 {
        0
    }

    #[inline(always)]
    fn end(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    #[inline(always)]
    fn is_linear(&self) -> bool {
        true
    }

    #[inline(always)]
    fn in_place<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        let start = usize::try_from(offset).ok()?;
        self.get(start..start.checked_add(N)?)?.first_chunk()
    }

    #[inline(always)]
    fn copy<const N: usize>(&self, _offset: u32) -> Option<[u8; N]> {
        None
    }

    #[inline(always)]
    fn connection(&self) -> Option<Connection> {
        None
    }
}

/// A packet restricted to the bytes that can be read in place.
pub(super) struct InPlace<'a, P: ?Sized>(pub(super) &'a P);

impl<P: Packet + ?Sized> Packet for InPlace<'_, P> {
    #[inline(always)]
    fn mark(&self) -> u32 {
        self.0.mark()
    }

    #[inline(always)]
    fn end(&self) -> u32 {
        self.0.end()
    }

    #[inline(always)]
    fn is_linear(&self) -> bool {
        true
    }

    #[inline(always)]
    fn in_place<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        self.0.in_place(offset)
    }

    #[inline(always)]
    fn copy<const N: usize>(&self, _offset: u32) -> Option<[u8; N]> {
        None
    }

    #[inline(always)]
    fn connection(&self) -> Option<Connection> {
        self.0.connection()
    }
}
