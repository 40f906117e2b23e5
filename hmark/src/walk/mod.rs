// SPDX-License-Identifier: GPL-2.0-only

//! The walk: finds the IP header and the layer 4 header to hash. It hashes nothing itself.
//!
//! They are the packet's own headers or, in an ICMP error, those of the packet that it quotes, so
//! that an error gets the mark of its flow.

use super::{Family, Packet};

pub(super) mod ipv4;
pub(super) mod ipv6;
pub(super) mod ports;
pub(super) mod protocol;
pub(super) mod tunnel;

/// The result of the walk.
///
/// The variant is stored as a number of its own and not in a niche of a field, so that the compiler
/// knows after each exit of the walk which branch to take.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The packet's mark is left alone: an ICMP error quotes too little of a packet (or there is no
    /// IP header; the kernel lets no such packet through).
    Untouched,
    /// There is nothing to hash, since the extension headers cannot be followed. The tuple is all
    /// zero.
    Nothing,
    /// The headers to hash are here.
    At(Place),
}

/// The location of the headers to hash. Offsets are in bytes from the packet's network header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The family of the IP header whose addresses are hashed.
    pub family: Family,
    /// Offset of that header: 0, or that of a quoted packet or of the inner packet of a tunnel.
    pub network: u32,
    /// The layer 4 protocol, or AH or "no next header" if the extension headers end with that.
    pub protocol: u8,
    /// Offset of the layer 4 header, whether or not the packet is long enough to have one;
    /// meaningless in a later fragment of IPv6.
    pub transport: u32,
    /// Whether the packet is a fragment.
    ///
    /// Only the first fragment has ports. They are not hashed, so that all fragments of a datagram
    /// have the same mark.
    pub fragment: bool,
    /// Whether the headers are those of a packet that an ICMP error quotes, so that source and
    /// destination are those of the other direction.
    pub quoted: bool,
}

/// Walks over the headers of any packet, whose IP header is at `network`.
#[inline(always)]
pub(super) fn find<P: Packet + ?Sized>(family: Family, packet: &P, network: u32) -> Found {
    match family {
        Family::Ipv4 => ipv4::find(packet, network),
        Family::Ipv6 => ipv6::find(packet, network),
    }
}

/// The place in a packet, whose IP header is at `network`, if layer 4 directly follows that header
/// and is not ICMP.
///
/// [`None`] for any other packet.
#[inline(always)]
pub(super) fn plain<P: Packet + ?Sized>(family: Family, packet: &P, network: u32) -> Option<Place> {
    match family {
        Family::Ipv4 => ipv4::plain(packet, network),
        Family::Ipv6 => ipv6::plain(packet, network),
    }
}
