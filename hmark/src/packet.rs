// SPDX-License-Identifier: GPL-2.0-only

//! A packet that can be read: what the walk needs of an sk_buff or a byte slice.

/// A packet, seen from its network header on.
pub trait Packet {
    /// The offset of the packet's end, in bytes behind the network header.
    ///
    /// This is what was received, whatever length the IP header claims.
    fn end(&self) -> u32;

    /// Reads `N` bytes that start `offset` bytes behind the network header.
    ///
    /// [`None`] if the packet ends before the last of them.
    fn read<const N: usize>(&self, offset: u32) -> Option<[u8; N]>;
}

/// A packet in one piece of memory that starts with its network header.
impl Packet for [u8] {
    fn end(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    fn read<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        let offset = usize::try_from(offset).ok()?;
        self.get(offset..)?.first_chunk().copied()
    }
}
