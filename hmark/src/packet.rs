// SPDX-License-Identifier: GPL-2.0-only

//! A packet that can be read: what the walk needs of an sk_buff or a byte slice.

/// A packet, seen from its network header on.
pub trait Packet {
    /// The offset of the packet's end, in bytes behind the network header.
    ///
    /// This is what was received, whatever length the IP header claims.
    fn end(&self) -> u32;

    /// The `N` bytes that start `offset` bytes behind the network header, where they are.
    ///
    /// [`None`] if they are not in one piece of memory, or the packet ends before the last of them.
    fn in_place<const N: usize>(&self, offset: u32) -> Option<&[u8; N]>;

    /// Copies as many bytes, which are not in one piece of memory.
    ///
    /// [`None`] if the packet ends before the last of them.
    fn copy<const N: usize>(&self, offset: u32, to: &mut [u8; N]) -> Option<()>;

    /// As many bytes, where they are or else in `copy`, whose contents mean nothing before.
    ///
    /// [`None`] if the packet ends before the last of them. As the kernel's `skb_header_pointer()`
    /// this saves to copy headers, which would take longer than to hash them.
    #[inline(always)]
    fn header<'a, const N: usize>(
        &'a self,
        offset: u32,
        copy: &'a mut [u8; N],
    ) -> Option<&'a [u8; N]> {
        match self.in_place(offset) {
            Some(bytes) => Some(bytes),
            None => {
                self.copy(offset, copy)?;
                Some(copy)
            }
        }
    }

    /// Reads as many bytes.
    #[inline(always)]
    fn read<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        self.header(offset, &mut [0; N]).copied()
    }
}

/// A packet in one piece of memory that starts with its network header.
impl Packet for [u8] {
    #[inline(always)]
    fn end(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    #[inline(always)]
    fn in_place<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        let start = usize::try_from(offset).ok()?;
        self.get(start..start.checked_add(N)?)?.first_chunk()
    }

    #[inline(always)]
    fn copy<const N: usize>(&self, _offset: u32, _to: &mut [u8; N]) -> Option<()> {
        None
    }
}
