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

    /// Whether a part of the packet is not linear.
    #[inline(always)]
    pub(crate) fn is_paged(&self) -> bool {
        // SAFETY: By the type invariants the packet is valid.
        unsafe { (*self.as_raw()).data_len != 0 }
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

    /// The headers, wherever they are.
    #[inline(always)]
    pub(crate) fn headers(&self) -> Headers<'_> {
        Headers {
            linear: self.linear(),
            skb: self,
        }
    }

    /// The linear part, from the network header on.
    #[inline(always)]
    pub(crate) fn linear(&self) -> &[u8] {
        let skb = self.as_raw();
        // SAFETY: By the type invariants the packet is valid.
        let (data, len) = unsafe { ((*skb).data, (*skb).len.wrapping_sub((*skb).data_len)) };
        let start = self.network_header();
        let len = (data as usize)
            .wrapping_add(len as usize)
            .saturating_sub(start as usize);
        // SAFETY: By the type invariants these bytes are of the linear part, and nobody changes
        // them as long as the packet is borrowed. A packet has a buffer: without a word of that, it
        // would be looked for wherever bytes of it may be missing.
        unsafe {
            core::hint::assert_unchecked(!start.is_null());
            core::slice::from_raw_parts(start, len)
        }
    }
}

/// The headers of a packet: looked at in the linear part, or copied from pages.
pub(crate) struct Headers<'a> {
    linear: &'a [u8],
    skb: &'a SkBuff,
}

impl Packet for Headers<'_> {
    #[inline(always)]
    fn end(&self) -> u32 {
        // SAFETY: By the type invariants the packet is valid.
        let len = unsafe { (*self.skb.as_raw()).len };
        len.wrapping_sub(self.skb.network_offset() as u32)
    }

    #[inline(always)]
    fn in_place<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        self.linear.in_place(offset)
    }

    #[inline(always)]
    fn copy<const N: usize>(&self, offset: u32, to: &mut [u8; N]) -> Option<()> {
        let offset = i32::try_from(offset).ok()?;
        let offset = self.skb.network_offset().checked_add(offset)?;
        let len = i32::try_from(N).ok()?;
        // SAFETY: By the type invariants of `SkBuff` the packet is valid; `to` takes `len` bytes.
        // The function checks the offset against the packet's length itself.
        let error = unsafe {
            bindings::skb_copy_bits(self.skb.as_raw(), offset, to.as_mut_ptr().cast(), len)
        };
        (error == 0).then_some(())
    }
}
