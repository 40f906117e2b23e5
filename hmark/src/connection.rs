// SPDX-License-Identifier: GPL-2.0-only

//! A tracked connection, whose tuples a rule may hash instead of the packet's headers.
//!
//! C header: `include/net/netfilter/nf_conntrack_tuple.h`

use super::{Family, Packet};

/// A tracked connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// The addresses of its two ends.
    pub ends: Ends,
    /// Layer 4 protocol.
    pub protocol: u8,
    /// Source port (or ICMP id, GRE key …) of the original direction; network byte order.
    pub original_port: u16,
    /// Source port (or ICMP id, GRE key …) of the reply direction; network byte order.
    pub reply_port: u16,
}

/// The ends of a tracked connection: the source addresses of its original and of its reply
/// direction, in network byte order.
///
/// With NAT these are the ends' own addresses, whatever addresses a packet carries in transit.
#[repr(u8)] // as in `Found`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ends {
    /// A template, which has no addresses.
    #[default]
    None,
    /// IPv4 addresses.
    Ipv4 {
        /// Source address of the original direction.
        original: u32,
        /// Source address of the reply direction.
        reply: u32,
    },
    /// IPv6 addresses, as four words each.
    Ipv6 {
        /// Source address of the original direction.
        original: [u32; 4],
        /// Source address of the reply direction.
        reply: [u32; 4],
    },
}

#[cfg(not(MODULE))]
impl Ends {
    /// Makes the ends from conntrack's number for the family, `NFPROTO_*`. An IPv4 address is the
    /// first word. Any number other than those of the two families stands for a template.
    pub fn new(l3num: u16, original: [u32; 4], reply: [u32; 4]) -> Self {
        match Family::from_nfproto(l3num) {
            Some(Family::Ipv4) => Self::Ipv4 {
                original: original[0],
                reply: reply[0],
            },
            Some(Family::Ipv6) => Self::Ipv6 { original, reply },
            None => Self::None,
        }
    }
}

impl Connection {
    /// The ports of a packet in the original direction, laid out as on the wire.
    #[inline(always)]
    pub(super) fn ports(&self) -> u32 {
        let (source, destination) = (u32::from(self.original_port), u32::from(self.reply_port));
        match cfg!(target_endian = "little") {
            true => source | (destination << 16),
            false => (source << 16) | destination,
        }
    }
}

#[cfg(not(MODULE))]
impl Connection {
    /// The connection as it would be if the other end had opened it.
    pub fn reversed(&self) -> Self {
        Self {
            ends: match self.ends {
                Ends::None => Ends::None,
                Ends::Ipv4 { original, reply } => Ends::Ipv4 {
                    original: reply,
                    reply: original,
                },
                Ends::Ipv6 { original, reply } => Ends::Ipv6 {
                    original: reply,
                    reply: original,
                },
            },
            protocol: self.protocol,
            original_port: self.reply_port,
            reply_port: self.original_port,
        }
    }
}

/// A packet of which only the connection is known.
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

    fn copy<const N: usize>(&self, _offset: u32) -> Option<[u8; N]> {
        None
    }

    #[inline(always)]
    fn connection(&self) -> Option<Connection> {
        Some(*self)
    }
}
