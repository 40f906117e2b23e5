// SPDX-License-Identifier: GPL-2.0-only

//! A conntrack entry that conntrack has never seen: only its tuples and its status are set.
//!
//! C header: [`include/net/netfilter/nf_conntrack.h`](srctree/include/net/netfilter/nf_conntrack.h)

use kernel::prelude::*;

use crate::bindings;
use crate::packets::Conntrack;

/// One entry, whose contents change.
#[cfg(CONFIG_NF_CONNTRACK)]
pub(crate) struct Connection(KBox<bindings::nf_conn>);

#[cfg(CONFIG_NF_CONNTRACK)]
impl Connection {
    pub(crate) fn new() -> Result<Self> {
        let conn =
            KBox::<bindings::nf_conn>::new_uninit(GFP_KERNEL | kernel::alloc::flags::__GFP_ZERO)?;
        // SAFETY: It is all zero, which is a valid entry: no references, no pointers, empty tuples.
        Ok(Self(unsafe { conn.assume_init() }))
    }

    /// Makes this the given entry, and attaches it to a packet.
    ///
    /// # Safety
    ///
    /// The sk_buff must be valid, and refer to the entry no longer than it lives.
    pub(crate) unsafe fn give(&mut self, skb: *mut bindings::sk_buff, conntrack: &Conntrack) {
        let nfct = self.set(conntrack);
        // SAFETY: By this function's own condition.
        unsafe { (*skb)._nfct = nfct };
    }

    /// Makes this the given entry, and returns its packet's `_nfct`: the entry's address, if there
    /// is to be one, and the packet's `enum ip_conntrack_info`.
    fn set(&mut self, conntrack: &Conntrack) -> usize {
        let info = usize::from(conntrack.info & 7);
        let Some(ends) = &conntrack.ends else {
            return info;
        };
        for (hash, end) in self.0.tuplehash.iter_mut().zip(ends) {
            hash.tuple.src.u3.ip6 = end.address;
            hash.tuple.src.u.all = end.port;
            hash.tuple.src.l3num = end.l3num;
            hash.tuple.dst.protonum = end.protocol;
        }
        self.0.status = conntrack.status as usize;
        (&raw const *self.0) as usize | info
    }
}

/// No entry, since the kernel has no conntrack.
#[cfg(not(CONFIG_NF_CONNTRACK))]
pub(crate) struct Connection;

#[cfg(not(CONFIG_NF_CONNTRACK))]
impl Connection {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self)
    }

    /// Gives a packet nothing.
    ///
    /// # Safety
    ///
    /// There are no requirements.
    pub(crate) unsafe fn give(&mut self, _skb: *mut bindings::sk_buff, _conntrack: &Conntrack) {}
}
