// SPDX-License-Identifier: GPL-2.0-only

//! A packet in a hook, as `glue.c` hands it over.

use core::ffi::{c_int, c_void};
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use crate::conntrack;
use crate::hmark::{Connection, Packet};

/// The C side's `struct sk_buff`, which only C looks into.
#[repr(C)]
pub struct Skb {
    _opaque: [u8; 0],
}

extern "C" {
    /// Copies `len` bytes of a packet from `offset` after its network header on. Not 0 if the packet
    /// has not that many.
    fn hmark_copy(skb: *const Skb, offset: u32, to: *mut c_void, len: u32) -> c_int;
}

/// A packet on its way through a netfilter hook.
///
/// # Invariants
///
/// - `skb` is a valid `sk_buff` for `'a`, `mark` points to its mark, and nobody else changes that.
/// - `network` is the start of its network header, and not null. The bytes from there to `tail`, if
///   that is behind it, are initialised, and not written to as long as the packet is borrowed: the
///   linear part is changed only by code that first gets one of its own.
/// - `len` is the number of bytes from `network` to the packet's end, in whatever memory.
pub(crate) struct SkBuff<'a> {
    mark: *mut u32,
    network: *const u8,
    tail: *const u8,
    len: u32,
    skb: *const Skb,
    _packet: PhantomData<&'a Skb>,
}

impl SkBuff<'_> {
    /// Borrows a packet from the hook that holds it.
    ///
    /// # Safety
    ///
    /// The arguments must satisfy the type invariants.
    #[inline(always)]
    pub(crate) unsafe fn new(
        mark: *mut u32,
        network: *const u8,
        tail: *const u8,
        len: u32,
        skb: *const Skb,
    ) -> Self {
        // SAFETY: By the type invariants. Without this, each result would be compared with null.
        unsafe { core::hint::assert_unchecked(!network.is_null()) };
        // INVARIANT: By this function's contract.
        Self {
            mark,
            network,
            tail,
            len,
            skb,
            _packet: PhantomData,
        }
    }

    /// Sets the packet mark.
    #[inline(always)]
    pub(crate) fn set_mark(&self, mark: u32) {
        // SAFETY: By the type invariants this is the mark of a packet that is ours to change.
        unsafe { self.mark.write(mark) };
    }

    /// The number of bytes in the linear part, counted from the network header.
    #[inline(always)]
    fn linear(&self) -> usize {
        self.tail.addr().saturating_sub(self.network.addr())
    }
}

impl Packet for SkBuff<'_> {
    #[inline(always)]
    fn mark(&self) -> u32 {
        // SAFETY: By the type invariants the pointer is to the packet's mark.
        unsafe { self.mark.read() }
    }

    #[inline(always)]
    fn end(&self) -> u32 {
        self.len
    }

    #[inline(always)]
    fn is_linear(&self) -> bool {
        self.linear() == self.len as usize
    }

    #[inline(always)]
    fn in_place<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        // On a 32-bit machine this sum may overflow; no packet has that many bytes.
        let end = (offset as usize).checked_add(N)?;
        if end > self.linear() {
            return None;
        }
        // SAFETY: By the comparison above these bytes lie between the network header and the end of
        // the linear part. By the type invariants they are initialised, and not written to.
        Some(unsafe { &*self.network.add(offset as usize).cast() })
    }

    #[inline(always)]
    fn copy<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        let mut bytes = MaybeUninit::<[u8; N]>::uninit();
        // SAFETY: By the type invariants the packet is valid, and `bytes` has room for `N` bytes.
        let error = unsafe { hmark_copy(self.skb, offset, bytes.as_mut_ptr().cast(), N as u32) };
        // SAFETY: Without an error all `N` bytes were written.
        (error == 0).then(|| unsafe { bytes.assume_init() })
    }

    #[inline(always)]
    fn connection(&self) -> Option<Connection> {
        // SAFETY: By the type invariants the packet is valid, and keeps its connection.
        unsafe { conntrack::connection(self.skb) }
    }
}
