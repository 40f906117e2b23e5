// SPDX-License-Identifier: GPL-2.0-only

//! A packet in a hook: the parts of `struct sk_buff` that a target may use.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use core::mem::MaybeUninit;

use kernel::types::Opaque;

use crate::bindings;

/// A packet on its way through a netfilter hook.
///
/// # Invariants
///
/// - It is a valid `sk_buff` with its network header set, whose linear part is the
///   `len - data_len` bytes from `data` on. `head` is never null; head, network header and `data`
///   lie in one buffer, whose bytes from the network header to the end of the linear part are
///   initialised.
/// - The linear part is not written to as long as it is borrowed. Code that changes packet bytes
///   first gets a linear part of its own (`skb_ensure_writable()`, `skb_unshare()`), so that clones
///   which share the old one never see a write; the hook that holds this packet runs one target at
///   a time. User space can write only to pages that it lent to a packet (`sendfile()`,
///   `MSG_ZEROCOPY`, `vmsplice()`), and those are fragments, never the linear part.
///
/// If the second invariant is broken all the same, a reader may see a byte as it was before or
/// after the write. Bounds come from the lengths in the `sk_buff`, never from packet bytes, and
/// every read is checked against them. As in C, this relies on the compiler: where an offset is
/// computed from a byte, it must not read that byte again between the check and the use.
#[repr(transparent)]
pub(crate) struct SkBuff(Opaque<bindings::sk_buff>);

impl SkBuff {
    /// Borrows a packet from the hook that holds it.
    ///
    /// # Safety
    ///
    /// For `'a`, `skb` must satisfy the type invariants, and Rust code must have no other reference
    /// to it.
    #[inline(always)]
    pub(crate) unsafe fn from_raw<'a>(skb: *mut bindings::sk_buff) -> &'a Self {
        // SAFETY: By this function's contract `skb` is valid; `Self` is a transparent wrapper.
        unsafe { &*skb.cast() }
    }

    /// The packet as C knows it.
    #[inline(always)]
    pub(crate) fn as_raw(&self) -> *mut bindings::sk_buff {
        self.0.get()
    }

    /// The field at this offset in the `sk_buff`, which must be of type `T`.
    #[inline(always)]
    fn field<T>(&self, offset: u32) -> *mut T {
        self.as_raw().wrapping_byte_add(offset as usize).cast()
    }

    /// The packet mark (nfmark), which `ip rule fwmark` routes by.
    #[inline(always)]
    pub(crate) fn mark(&self) -> u32 {
        // SAFETY: By the type invariants the packet is valid.
        unsafe { *self.field(bindings::SKB_MARK) }
    }

    /// Sets the packet mark.
    #[inline(always)]
    pub(crate) fn set_mark(&self, mark: u32) {
        // SAFETY: By the type invariants the packet is valid, and ours to change.
        unsafe { *self.field(bindings::SKB_MARK) = mark };
    }

    /// Whether some of the packet lies outside the linear part: `skb_is_nonlinear()`.
    #[inline(always)]
    pub(crate) fn is_nonlinear(&self) -> bool {
        // SAFETY: By the type invariants the packet is valid.
        unsafe { (*self.as_raw()).data_len != 0 }
    }

    /// The start of the network header.
    #[inline(always)]
    fn network_header(&self) -> *const u8 {
        // SAFETY: By the type invariants the packet is valid, and its network header is set.
        let (head, offset) = unsafe {
            let offset: *mut u16 = self.field(bindings::SKB_NETWORK_HEADER);
            ((*self.as_raw()).head, *offset)
        };
        head.wrapping_add(usize::from(offset))
    }

    /// The offset of the network header from `data` in bytes: `skb_network_offset()`.
    ///
    /// It is 0 in most hooks, and negative if `data` is past the network header already.
    #[inline(always)]
    fn network_offset(&self) -> i32 {
        // SAFETY: By the type invariants the packet is valid.
        let data = unsafe { (*self.as_raw()).data };
        // Both lie in one buffer, which is far smaller than 2 GiB.
        self.network_header().addr().wrapping_sub(data.addr()) as i32
    }

    /// The length of the packet in bytes, counted from the network header: all that was received,
    /// whatever length a header claims.
    #[inline(always)]
    pub(crate) fn network_len(&self) -> u32 {
        // SAFETY: By the type invariants the packet is valid.
        let len = unsafe { (*self.as_raw()).len };
        len.wrapping_sub(self.network_offset() as u32)
    }

    /// The `N` bytes that start `offset` bytes after the network header, in the linear part.
    ///
    /// [`None`] if the last of them is not in the linear part. The network header may lie before
    /// `data`: the bytes in between belong to the buffer, too.
    #[inline(always)]
    pub(crate) fn linear<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        let skb = self.as_raw();
        // SAFETY: By the type invariants the packet is valid.
        let (data, len) = unsafe { ((*skb).data, (*skb).len.wrapping_sub((*skb).data_len)) };
        let start = self.network_header();
        // SAFETY: By the type invariants `head` is not null, and the header is in the same buffer.
        // Without this, each result would be compared with null.
        unsafe { core::hint::assert_unchecked(!start.is_null()) };
        let linear = data
            .addr()
            .wrapping_add(len as usize)
            .saturating_sub(start.addr());
        // On a 32-bit machine this sum may overflow; no packet has that many bytes.
        let end = (offset as usize).checked_add(N)?;
        if end > linear {
            return None;
        }
        // SAFETY: By the comparison above these bytes lie between the network header and the end of
        // the linear part. They are packet bytes, and so initialised; by the type invariants they
        // are not written to as long as the packet is borrowed.
        Some(unsafe { &*start.add(offset as usize).cast() })
    }

    /// Copies the `N` bytes that start `offset` bytes after the network header, wherever they lie.
    ///
    /// [`None`] if the packet ends before the last of them.
    #[inline(always)]
    pub(crate) fn copy<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        let offset = i32::try_from(offset).ok()?;
        let offset = self.network_offset().checked_add(offset)?;
        let len = i32::try_from(N).ok()?;
        let mut bytes = MaybeUninit::<[u8; N]>::uninit();
        // SAFETY: By the type invariants the packet is valid, and `bytes` has room for `len` bytes.
        // The function checks the offset against the packet's length. A negative offset, because
        // the network header lies before `data`, is still in the buffer.
        let error = unsafe {
            bindings::skb_copy_bits(self.as_raw(), offset, bytes.as_mut_ptr().cast(), len)
        };
        // SAFETY: Without an error all `len` bytes were written.
        (error == 0).then(|| unsafe { bytes.assume_init() })
    }
}
