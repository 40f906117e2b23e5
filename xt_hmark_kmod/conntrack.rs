// SPDX-License-Identifier: GPL-2.0-only

//! The conntrack entry of a packet: `struct nf_conn`.
//!
//! C header: [`include/net/netfilter/nf_conntrack.h`](srctree/include/net/netfilter/nf_conntrack.h)

use crate::hmark::Connection;
use crate::skbuff::SkBuff;

/// The tracked connection that a packet belongs to.
///
/// [`None`] if the packet is not tracked, or not yet (in the raw table, before conntrack), or if
/// the kernel has no conntrack at all. A template has a connection without addresses.
#[cfg(CONFIG_NF_CONNTRACK)]
#[inline(always)]
pub(crate) fn connection(skb: &SkBuff) -> Option<Connection> {
    use crate::bindings;

    const ORIGINAL: usize = 0;
    const REPLY: usize = 1;

    // SAFETY: An `SkBuff` is a valid `sk_buff`.
    let nfct = unsafe { (*skb.as_raw())._nfct };
    // The low bits tell where in the connection's life the packet stands.
    let conn = (nfct & !(bindings::NFCT_INFOMASK as usize)) as *const bindings::nf_conn;
    if conn.is_null() {
        return None;
    }

    // SAFETY: The packet holds a reference to its `nf_conn`. Its tuples stay as they are while the
    // packet is in this hook: only the packet that creates a connection may change them.
    let [original, reply] = unsafe {
        let hashes = &raw const (*conn).tuplehash;
        [&(*hashes)[ORIGINAL].tuple, &(*hashes)[REPLY].tuple]
    };
    // SAFETY: Conntrack zeroes both tuples before it fills them in, so that all of the union is
    // initialised; each of its views is plain numbers.
    unsafe {
        Some(Connection {
            l3num: original.src.l3num,
            protocol: original.dst.protonum,
            original_src: original.src.u3.ip6,
            reply_src: reply.src.u3.ip6,
            original_port: original.src.u.all,
            reply_port: reply.src.u.all,
        })
    }
}

/// The tracked connection that a packet belongs to: there is none without conntrack.
#[cfg(not(CONFIG_NF_CONNTRACK))]
pub(crate) fn connection(_skb: &SkBuff) -> Option<Connection> {
    None
}
