// SPDX-License-Identifier: GPL-2.0-only

//! A packet in the kernel: `struct sk_buff`, as a target may see it.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use kernel::types::Opaque;

use crate::bindings;
use crate::hmark::Packet;

/// A packet on its way through a netfilter hook.
///
/// # Invariants
///
/// `self.0` is a valid `sk_buff` with its network header set, whose linear part is the
/// `len - data_len` bytes from `data` on, and which nobody else changes as long as it is borrowed.
#[repr(transparent)]
pub(crate) struct SkBuff(Opaque<bindings::sk_buff>);

impl SkBuff {
    /// Borrows a packet from the hook that was given it.
    ///
    /// # Safety
    ///
    /// For `'a`, `skb` must be as the type invariants say, and have no other reference in Rust.
    #[inline(always)]
    pub(crate) unsafe fn from_raw<'a>(skb: *mut bindings::sk_buff) -> &'a mut Self {
        // SAFETY: The caller vouches for it; `Self` is a transparent wrapper.
        unsafe { &mut *skb.cast() }
    }

    /// The packet as C knows it.
    #[inline(always)]
    pub(crate) fn as_raw(&self) -> *mut bindings::sk_buff {
        self.0.get()
    }

    /// A field of the `sk_buff` by its offset, which must be of type `T`.
    #[inline(always)]
    fn field<T>(&self, offset: usize) -> *mut T {
        self.as_raw().wrapping_byte_add(offset).cast()
    }

    /// Sets the packet mark (nfmark), which `ip rule fwmark` routes by.
    #[inline(always)]
    pub(crate) fn set_mark(&mut self, mark: u32) {
        // SAFETY: By the type invariants the packet is valid, and ours to change.
        unsafe { *self.field(bindings::SKB_MARK as usize) = mark };
    }

    /// Where the network header starts.
    #[inline(always)]
    fn network_header(&self) -> *const u8 {
        // SAFETY: By the type invariants the packet is valid, and its network header is set.
        let (head, offset) = unsafe {
            let offset: *mut u16 = self.field(bindings::SKB_NETWORK_HEADER as usize);
            ((*self.as_raw()).head, *offset)
        };
        head.wrapping_add(usize::from(offset))
    }

    /// Where the network header starts, in bytes from `data`, as C functions count.
    #[inline(always)]
    fn network_offset(&self) -> i32 {
        // SAFETY: By the type invariants the packet is valid.
        let data = unsafe { (*self.as_raw()).data };
        // Both lie in one buffer, which is far smaller than 2 GiB.
        (self.network_header() as usize).wrapping_sub(data as usize) as i32
    }

    /// Bytes in the linear part from the network header on.
    #[inline(always)]
    fn linear_len(&self) -> usize {
        let skb = self.as_raw();
        // SAFETY: By the type invariants the packet is valid.
        let (data, len) = unsafe { ((*skb).data, (*skb).len.wrapping_sub((*skb).data_len)) };
        (data as usize)
            .wrapping_add(len as usize)
            .saturating_sub(self.network_header() as usize)
    }

    /// Reads bytes that are not all in the linear part; [`None`] where the packet is too short.
    #[cold]
    fn read_paged<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        let offset = self
            .network_offset()
            .checked_add(i32::try_from(offset).ok()?)?;
        let len = i32::try_from(N).ok()?;
        let mut bytes = [0; N];
        // SAFETY: By the type invariants the packet is valid; `bytes` takes `len` bytes. The
        // function checks the offset against the packet's length itself.
        let error = unsafe {
            bindings::skb_copy_bits(self.as_raw(), offset, bytes.as_mut_ptr().cast(), len)
        };
        (error == 0).then_some(bytes)
    }
}

impl Packet for SkBuff {
    #[inline(always)]
    fn end(&self) -> u32 {
        // SAFETY: By the type invariants the packet is valid.
        let len = unsafe { (*self.as_raw()).len };
        len.wrapping_sub(self.network_offset() as u32)
    }

    #[inline(always)]
    fn read<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        let at = offset as usize;
        if at.saturating_add(N) > self.linear_len() {
            return self.read_paged(offset);
        }
        // SAFETY: These `N` bytes are in the linear part, as was just checked; they need not be
        // aligned for an array of bytes.
        Some(unsafe {
            self.network_header()
                .wrapping_add(at)
                .cast::<[u8; N]>()
                .read()
        })
    }
}
