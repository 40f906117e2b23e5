// SPDX-License-Identifier: GPL-2.0-only

//! The walk: finds the IP header and the layer 4 header that count. It hashes nothing.
//!
//! Those are the packet's own headers or, in an ICMP error, those of the packet that it quotes, so
//! that an error follows its flow.

use super::{Family, Packet};

pub(super) mod ipv4;
pub(super) mod ipv6;
pub(super) mod ports;
pub(super) mod protocol;

/// The result of the walk.
///
/// The variant is a number of its own, not one hidden in a field's spare values: so the compiler
/// sees that each end of the walk has but one way to go on.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The packet's mark is left alone: an ICMP error quotes too little of a packet (or there is no
    /// IP header, which the kernel never lets through).
    Untouched,
    /// There is nothing to hash, since extension headers cannot be followed: the tuple is all zero.
    Nothing,
    /// The headers that count are here.
    At(Place),
}

/// Where the headers are that count; offsets are in bytes from the packet's network header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Offset of the IP header whose addresses count: 0, or that of a quoted packet.
    pub network: u32,
    /// Layer 4 protocol, or the last extension header if it is an AH, or "no next header".
    pub protocol: u8,
    /// Offset of the layer 4 header, whether or not the packet is long enough to have one;
    /// meaningless in a later fragment of IPv6.
    pub transport: u32,
    /// Whether the packet is a fragment.
    ///
    /// Only the first fragment has ports: to keep a datagram together, none is hashed with them.
    pub fragment: bool,
}

/// Walks over the headers of any packet.
#[inline(always)]
pub(super) fn find<P: Packet + ?Sized>(family: Family, packet: &P) -> Found {
    match family {
        Family::Ipv4 => ipv4::find(packet),
        Family::Ipv6 => ipv6::find(packet),
    }
}

/// The place in a packet whose layer 4 follows its first header at once, and is not ICMP.
///
/// [`None`] for any other packet.
#[inline(always)]
pub(super) fn plain<P: Packet + ?Sized>(family: Family, packet: &P) -> Option<Place> {
    match family {
        Family::Ipv4 => ipv4::plain(packet),
        Family::Ipv6 => ipv6::plain(packet),
    }
}
