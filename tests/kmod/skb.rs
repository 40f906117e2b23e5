// SPDX-License-Identifier: GPL-2.0-only

//! An sk_buff that holds one packet after another, in any layout.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use core::ptr::{null_mut, NonNull};
use core::slice;

use kernel::page::Page;
use kernel::prelude::*;

use crate::bindings;
use crate::conntrack::Connection;
use crate::packets::{Conntrack, Layout, CAPACITY, MAX_HEADROOM};

/// Number of bytes after the linear part that are filled with wrong values, to expose reads there.
const POISON: usize = 64;

/// Bytes that are read from the page at once: the kernel's stack is small.
const ROW: usize = 256;

/// Size of the buffer of the linear part, with as much room before the packet as a layout may want.
const BUFFER: usize = 2 * MAX_HEADROOM + CAPACITY + POISON;

/// All that an sk_buff and its shared info have in their fields, byte for byte.
#[derive(PartialEq)]
pub(crate) struct Fields {
    skb: SkbBytes,
    shared: SharedBytes,
}

type SkbBytes = [u8; size_of::<bindings::sk_buff>()];
type SharedBytes = [u8; size_of::<bindings::skb_shared_info>()];

/// One sk_buff, whose bytes and layout change.
///
/// # Invariants
///
/// `skb` and `listed` are valid and not shared, with a buffer of [`BUFFER`] bytes each; `skb`
/// refers to nothing but `listed`, `page` and `connection`.
pub(crate) struct Skb {
    skb: NonNull<bindings::sk_buff>,
    /// The fragment list. It has the whole packet at the start of its buffer.
    listed: NonNull<bindings::sk_buff>,
    /// The page of the fragments. It has the whole packet at its start.
    page: Page,
    connection: Connection,
}

impl Skb {
    pub(crate) fn new() -> Result<Self> {
        let page = Page::alloc_page(GFP_KERNEL)?;
        let connection = Connection::new()?;
        let skb = allocate()?;
        let Ok(listed) = allocate() else {
            // SAFETY: It was just allocated.
            unsafe { bindings::__kfree_skb(skb.as_ptr()) };
            return Err(ENOMEM);
        };
        // INVARIANT: Both are new, of that size, and refer to nothing.
        Ok(Self {
            skb,
            listed,
            page,
            connection,
        })
    }

    /// The sk_buff as C knows it.
    #[inline(always)]
    pub(crate) fn as_raw(&mut self) -> *mut bindings::sk_buff {
        self.skb.as_ptr()
    }

    /// Takes the bytes of a packet, for [`Skb::lay_out`].
    pub(crate) fn load(&mut self, packet: &[u8]) -> Result {
        let len = packet.len().min(CAPACITY);
        // SAFETY: These bytes are valid; the page is not shared, and has room for them.
        unsafe { self.page.write_raw(packet.as_ptr(), 0, len)? };
        // SAFETY: By the type invariants its buffer has room for them.
        unsafe { copy(packet, (*self.listed.as_ptr()).head, len) };
        Ok(())
    }

    /// Makes this the loaded packet in the given layout.
    #[inline]
    pub(crate) fn lay_out(&mut self, packet: &[u8], layout: &Layout) {
        let len = layout.len.min(packet.len()).min(CAPACITY);
        let linear = layout.linear.min(len);
        let headroom = layout.headroom.min(MAX_HEADROOM);
        let network_offset = layout.network_offset.min(MAX_HEADROOM);
        let start = headroom + network_offset;
        let skb = self.skb.as_ptr();
        // SAFETY: By the type invariants the sk_buff is valid.
        let head = unsafe { (*skb).head };
        let network = head.wrapping_add(start);
        self.unfence();
        // SAFETY: By the type invariants the buffer is ours, and has room for all of this before,
        // in and after the packet.
        unsafe {
            copy(packet, network, linear);
            poison(&packet[linear..], network.wrapping_add(linear));
        }
        self.fence(start, start + linear);

        // SAFETY: The sk_buff is ours, and what is set are its own fields.
        unsafe {
            (*skb).data = head.wrapping_add(headroom);
            (*skb).len = (network_offset + len) as u32;
            (*skb).data_len = (len - linear) as u32;
            (*skb).tail = (start + linear) as u32;
            *self.field(bindings::SKB_NETWORK_HEADER) = start as u16;
            // A target may not rely on the other two.
            *self.field(bindings::SKB_TRANSPORT_HEADER) = start as u16;
            *self.field(bindings::SKB_MAC_HEADER) = 0_u16;
        }
        self.lay_out_rest(layout, linear, len);
    }

    /// Puts the loaded packet from `offset` to `end`, which is [`CAPACITY`] at most, into the
    /// fragments.
    fn lay_out_rest(&mut self, layout: &Layout, mut offset: usize, end: usize) {
        // SAFETY: By the type invariants the sk_buff is ours, and so is its shared info.
        let shared = unsafe { &mut *self.shared() };
        shared.nr_frags = 0;
        for &len in &layout.frags {
            let len = len.min(end - offset);
            if len > 0 {
                let frag = &mut shared.frags[usize::from(shared.nr_frags)];
                frag.netmem = self.page.as_ptr() as usize;
                frag.offset = offset as u32;
                frag.len = len as u32;
                shared.nr_frags += 1;
                offset += len;
            }
        }
        shared.frag_list = null_mut();
        if offset < end {
            let listed = self.listed.as_ptr();
            shared.frag_list = listed;
            // SAFETY: By the type invariants it is ours, and its buffer has room for a packet.
            unsafe {
                (*listed).data = (*listed).head.wrapping_add(offset);
                (*listed).len = (end - offset) as u32;
                (*listed).tail = end as u32;
            }
        }
    }

    /// The fields as they are now.
    #[inline(always)]
    pub(crate) fn fields(&self) -> Fields {
        // SAFETY: By the type invariants both are valid, and any bytes are a `Fields`.
        unsafe {
            Fields {
                skb: self.skb.as_ptr().cast::<SkbBytes>().read(),
                shared: self.shared().cast::<SharedBytes>().read(),
            }
        }
    }

    /// Whether the linear part, from the network header on, still has the start of this packet.
    #[inline(always)]
    pub(crate) fn begins_with(&self, packet: &[u8]) -> bool {
        // SAFETY: By the type invariants the sk_buff is ours, and the part lies in its buffer.
        let linear = unsafe {
            let skb = self.skb.as_ptr();
            let start = usize::from(*self.field::<u16>(bindings::SKB_NETWORK_HEADER));
            let len = ((*skb).tail as usize).saturating_sub(start);
            slice::from_raw_parts((*skb).head.wrapping_add(start), len)
        };
        packet.starts_with(linear)
    }

    /// Whether page and fragment list still have the loaded packet.
    pub(crate) fn is_loaded(&self, packet: &[u8]) -> bool {
        let packet = &packet[..packet.len().min(CAPACITY)];
        let in_page = packet.chunks(ROW).enumerate().all(|(row, bytes)| {
            let mut read = [0; ROW];
            // SAFETY: These bytes of the page are valid, and nobody else writes to it.
            let done = unsafe {
                self.page
                    .read_raw(read.as_mut_ptr(), row * ROW, bytes.len())
            };
            done.is_ok() && read.starts_with(bytes)
        });
        // SAFETY: By the type invariants its buffer has as many bytes.
        let listed = unsafe { slice::from_raw_parts((*self.listed.as_ptr()).head, packet.len()) };
        in_page && listed == packet
    }

    /// The shared info, which is where `end` says.
    #[inline(always)]
    fn shared(&self) -> *mut bindings::skb_shared_info {
        // SAFETY: By the type invariants the sk_buff is valid.
        let end = unsafe {
            let skb = self.skb.as_ptr();
            (*skb).head.wrapping_add((*skb).end as usize)
        };
        end.cast()
    }

    /// Has KASAN, if the kernel has it, report any read outside these bytes of the buffer.
    #[inline(always)]
    fn fence(&mut self, from: usize, to: usize) {
        if cfg!(CONFIG_KASAN_GENERIC) {
            let skb = self.skb.as_ptr();
            // SAFETY: By the type invariants the buffer is ours, and these bytes are in it.
            unsafe { bindings::hmark_fence((*skb).head.cast(), (*skb).end as usize, from, to) };
        }
    }

    /// Has KASAN allow access to the whole buffer again.
    #[inline(always)]
    fn unfence(&mut self) {
        if cfg!(CONFIG_KASAN_GENERIC) {
            let skb = self.skb.as_ptr();
            // SAFETY: By the type invariants the buffer is ours.
            unsafe { bindings::hmark_unfence((*skb).head.cast(), (*skb).end as usize) };
        }
    }

    /// Gives the packet a conntrack entry, or none.
    pub(crate) fn set_conntrack(&mut self, conntrack: &Conntrack) {
        // SAFETY: The sk_buff is ours, and refers to the entry until either is dropped.
        unsafe { self.connection.give(self.skb.as_ptr(), conntrack) };
    }

    #[inline(always)]
    pub(crate) fn mark(&self) -> u32 {
        // SAFETY: The sk_buff is ours, and its mark is a u32.
        unsafe { *self.field(bindings::SKB_MARK) }
    }

    #[inline(always)]
    pub(crate) fn set_mark(&mut self, mark: u32) {
        // SAFETY: The sk_buff is ours, and its mark is a u32.
        unsafe { *self.field(bindings::SKB_MARK) = mark };
    }

    /// A field of the sk_buff by its offset, which must be of type `T`.
    #[inline(always)]
    fn field<T>(&self, offset: impl Into<i64>) -> *mut T {
        let offset = offset.into() as usize;
        self.skb.as_ptr().wrapping_byte_add(offset).cast()
    }
}

impl Drop for Skb {
    fn drop(&mut self) {
        self.lay_out_rest(&Layout::linear(0), 0, 0);
        self.unfence();
        self.set_conntrack(&Conntrack::default());
        // SAFETY: Both are ours, and now refer to nothing else.
        unsafe {
            (*self.skb.as_ptr()).data_len = 0;
            bindings::__kfree_skb(self.skb.as_ptr());
            bindings::__kfree_skb(self.listed.as_ptr());
        }
    }
}

fn allocate() -> Result<NonNull<bindings::sk_buff>> {
    // SAFETY: This is called while a module loads, where one may sleep.
    NonNull::new(unsafe { bindings::hmark_alloc_skb(BUFFER as u32) }).ok_or(ENOMEM)
}

/// Copies the first `len` bytes of `from`, or all if there are fewer.
///
/// # Safety
///
/// `to` must be valid for writes of as many bytes.
#[inline(always)]
unsafe fn copy(from: &[u8], to: *mut u8, len: usize) {
    // SAFETY: By this function's own condition.
    unsafe { to.copy_from_nonoverlapping(from.as_ptr(), from.len().min(len)) };
}

/// Writes the complement of the next bytes of a packet, and ones after its end.
///
/// # Safety
///
/// `to` must be valid for writes of [`POISON`] bytes.
#[inline(always)]
unsafe fn poison(packet: &[u8], to: *mut u8) {
    let mut bytes = [0xff; POISON];
    for (byte, from) in bytes.iter_mut().zip(packet) {
        *byte = !from;
    }
    // SAFETY: By this function's own condition.
    unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), POISON) };
}
