// SPDX-License-Identifier: GPL-2.0-only

//! A tracked connection, whose tuples a rule may hash instead of a packet.
//!
//! C header: `include/net/netfilter/nf_conntrack_tuple.h`

use super::Packet;

/// The two ends of a tracked connection: the sources of its original and of its reply direction.
///
/// With NAT these are the ends' own addresses, whatever a packet on its way carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// `NFPROTO_IPV4` (2) or `NFPROTO_IPV6` (10); anything else (a template) has no addresses.
    pub l3num: u16,
    /// Layer 4 protocol.
    pub protocol: u8,
    /// Source address of the original direction; network byte order, IPv4 in the first word.
    pub original_src: [u32; 4],
    /// Source address of the reply direction; network byte order, IPv4 in the first word.
    pub reply_src: [u32; 4],
    /// Source port (or ICMP id, GRE key …) of the original direction; network byte order.
    pub original_port: u16,
    /// Source port (or ICMP id, GRE key …) of the reply direction; network byte order.
    pub reply_port: u16,
}

/// A packet of the connection of which nothing else is known.
impl Packet for Connection {
    fn mark(&self) -> u32 {
        0
    }

    fn end(&self) -> u32 {
        0
    }

    fn is_linear(&self) -> bool {
        true
    }

    fn in_place<const N: usize>(&self, _offset: u32) -> Option<&[u8; N]> {
        None
    }

    fn copy<const N: usize>(&self, _offset: u32, _to: &mut [u8; N]) -> Option<()> {
        None
    }

    #[inline(always)]
    fn connection(&self) -> Option<Connection> {
        Some(*self)
    }
}
