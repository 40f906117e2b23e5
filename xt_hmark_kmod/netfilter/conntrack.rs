// SPDX-License-Identifier: GPL-2.0-only

//! The conntrack entry of a packet: `struct nf_conn`.
//!
//! C headers: [`include/net/netfilter/nf_conntrack.h`](srctree/include/net/netfilter/nf_conntrack.h),
//! [`include/net/netfilter/nf_conntrack_tuple.h`](srctree/include/net/netfilter/nf_conntrack_tuple.h)

use core::marker::PhantomData;

use super::skbuff::SkBuff;
use crate::bindings;

/// The tracked connection that a packet belongs to.
///
/// # Invariants
///
/// `conn` is a valid `nf_conn` for `'a`, during which the packet holds a reference to it.
#[derive(Clone, Copy)]
pub(crate) struct Connection<'a> {
    conn: *const bindings::nf_conn,
    _packet: PhantomData<&'a SkBuff>,
}

impl<'a> Connection<'a> {
    /// The connection of a packet.
    ///
    /// [`None`] if the packet is not tracked, or not yet (in the raw table, before conntrack).
    /// A template has a connection whose tuples are all zero.
    ///
    /// Connections are tracked only in a network namespace where something needs it, such as a rule
    /// with `-m conntrack`: this does not turn tracking on.
    #[cfg(CONFIG_NF_CONNTRACK)]
    #[inline(always)]
    pub(crate) fn of(skb: &'a SkBuff) -> Option<Self> {
        // SAFETY: An `SkBuff` is a valid `sk_buff`.
        let nfct = unsafe { (*skb.as_raw())._nfct };
        // The low bits are the packet's `enum ip_conntrack_info`.
        let conn = (nfct & !(bindings::NFCT_INFOMASK as usize)) as *const bindings::nf_conn;
        // INVARIANT: A packet holds a reference to its `nf_conn`, and keeps it as long as the
        // packet is borrowed.
        (!conn.is_null()).then_some(Self {
            conn,
            _packet: PhantomData,
        })
    }

    /// The connection of a packet: there is none in a kernel without conntrack.
    #[cfg(not(CONFIG_NF_CONNTRACK))]
    pub(crate) fn of(_skb: &'a SkBuff) -> Option<Self> {
        None
    }

    /// The tuple of the original direction, that of the first packet.
    #[inline(always)]
    pub(crate) fn original(self) -> Tuple<'a> {
        self.tuple(0)
    }

    /// The tuple of the reply direction.
    #[inline(always)]
    pub(crate) fn reply(self) -> Tuple<'a> {
        self.tuple(1)
    }

    /// The tuple of a direction: `IP_CT_DIR_ORIGINAL` (0) or `IP_CT_DIR_REPLY` (1).
    #[inline(always)]
    fn tuple(self, direction: usize) -> Tuple<'a> {
        // SAFETY: By the type invariants the `nf_conn` is valid, and so are its two tuples.
        let tuple = unsafe {
            let hashes =
                (&raw const (*self.conn).tuplehash).cast::<bindings::nf_conntrack_tuple_hash>();
            &raw const (*hashes.wrapping_add(direction)).tuple
        };
        // INVARIANT: As above, the tuple is valid; the type says why it is initialised.
        Tuple {
            tuple,
            _connection: PhantomData,
        }
    }
}

/// The tuple of one direction of a connection.
///
/// It is read word by word through a raw pointer, as by `READ_ONCE()`, and never through a
/// reference, since it can change at any time: clones of a packet (made by a bridge, multicast
/// or nfqueue) share one unconfirmed `nf_conn`, and NAT may change its reply tuple for the
/// first of them on another CPU. A reader may then see a mix of the old and the new value, as
/// in C.
///
/// # Invariants
///
/// `tuple` is valid for reads for `'a`. It is initialised: conntrack zeroes each tuple before
/// it fills it in, and copies it into the `nf_conn` as a whole. Templates are all zero.
#[derive(Clone, Copy)]
pub(crate) struct Tuple<'a> {
    tuple: *const bindings::nf_conntrack_tuple,
    _connection: PhantomData<Connection<'a>>,
}

impl Tuple<'_> {
    /// The family of the addresses: `NFPROTO_*`, or 0 in a template.
    #[inline(always)]
    pub(crate) fn l3num(self) -> u16 {
        // SAFETY: By the type invariants this is valid for reads, and initialised.
        unsafe { (&raw const (*self.tuple).src.l3num).read_volatile() }
    }

    /// The layer 4 protocol.
    #[inline(always)]
    pub(crate) fn protonum(self) -> u8 {
        // SAFETY: As in `l3num`.
        unsafe { (&raw const (*self.tuple).dst.protonum).read_volatile() }
    }

    /// The IPv4 source address, in network byte order; the first word of an IPv6 one.
    #[inline(always)]
    pub(crate) fn src_ip(self) -> u32 {
        // SAFETY: As in `l3num`. Each view of the union is plain numbers.
        unsafe { (&raw const (*self.tuple).src.u3.ip).read_volatile() }
    }

    /// The IPv6 source address, in network byte order.
    #[inline(always)]
    pub(crate) fn src_ip6(self) -> [u32; 4] {
        // SAFETY: As in `src_ip`.
        let words = unsafe { &raw const (*self.tuple).src.u3.ip6 }.cast::<u32>();
        // SAFETY: As in `src_ip`; the address has four words.
        unsafe {
            [
                words.read_volatile(),
                words.add(1).read_volatile(),
                words.add(2).read_volatile(),
                words.add(3).read_volatile(),
            ]
        }
    }

    /// The source port, or an ICMP id or GRE key in its place; network byte order.
    #[inline(always)]
    pub(crate) fn src_port(self) -> u16 {
        // SAFETY: As in `src_ip`.
        unsafe { (&raw const (*self.tuple).src.u.all).read_volatile() }
    }
}
