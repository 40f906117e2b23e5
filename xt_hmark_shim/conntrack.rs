// SPDX-License-Identifier: GPL-2.0-only

//! The conntrack entry of a packet: `struct nf_conn`, of which the places of the two tuples' fields
//! are asserted in `glue.c`.
//!
//! C header: `include/net/netfilter/nf_conntrack_tuple.h`

use crate::hmark::{Connection, Ends, Family};
use crate::packet::Skb;

extern "C" {
    /// The two tuples of the connection that a packet belongs to; null if there is none.
    fn hmark_tuples(skb: *const Skb) -> *const TupleHash;
}

/// `struct nf_conntrack_tuple_hash`
#[repr(C)]
struct TupleHash {
    node: [usize; 2],
    tuple: Tuple,
}

/// `struct nf_conntrack_tuple`; addresses and ports are in network byte order.
#[repr(C, align(4))]
struct Tuple {
    source: [u32; 4],
    source_port: u16,
    l3num: u16,
    destination: [u32; 4],
    destination_port: u16,
    protonum: u8,
    direction: u8,
}

const _: () = assert!(size_of::<Tuple>() == 40);

/// The connection of a packet.
///
/// The tuples are read word by word, and never through a reference, since they can change at any
/// time: clones of a packet share one unconfirmed connection, and NAT may change its reply tuple on
/// another CPU. A reader may then see a mix of the old and the new value, as in C.
///
/// # Safety
///
/// `skb` must be a valid `sk_buff`, which keeps its connection during the call.
#[inline(always)]
pub(crate) unsafe fn connection(skb: *const Skb) -> Option<Connection> {
    // SAFETY: By this function's contract.
    let hashes = unsafe { hmark_tuples(skb) };
    if hashes.is_null() {
        return None;
    }
    // SAFETY: `glue.c` returns a connection's two tuples; conntrack has initialised both.
    unsafe {
        let original = &raw const (*hashes).tuple;
        let reply = &raw const (*hashes.wrapping_add(1)).tuple;
        let ends = match Family::from_nfproto((&raw const (*original).l3num).read_volatile()) {
            Some(Family::Ipv4) => Ends::Ipv4 {
                original: word(original, 0),
                reply: word(reply, 0),
            },
            Some(Family::Ipv6) => Ends::Ipv6 {
                original: words(original),
                reply: words(reply),
            },
            None => Ends::None,
        };
        Some(Connection {
            ends,
            protocol: (&raw const (*original).protonum).read_volatile(),
            original_port: (&raw const (*original).source_port).read_volatile(),
            reply_port: (&raw const (*reply).source_port).read_volatile(),
        })
    }
}

/// A word of the source address.
///
/// # Safety
///
/// `tuple` must be valid for reads, and `index` below 4.
#[inline(always)]
unsafe fn word(tuple: *const Tuple, index: usize) -> u32 {
    // SAFETY: By this function's contract.
    unsafe {
        (&raw const (*tuple).source)
            .cast::<u32>()
            .add(index)
            .read_volatile()
    }
}

/// The source address.
///
/// # Safety
///
/// `tuple` must be valid for reads.
#[inline(always)]
unsafe fn words(tuple: *const Tuple) -> [u32; 4] {
    // SAFETY: By this function's contract; there are four words.
    unsafe {
        [
            word(tuple, 0),
            word(tuple, 1),
            word(tuple, 2),
            word(tuple, 3),
        ]
    }
}
