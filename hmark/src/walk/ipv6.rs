// SPDX-License-Identifier: GPL-2.0-only

//! IPv6 (RFC 8200), past any extension headers, and the packets that ICMPv6 errors quote
//! (RFC 4443).
//!
//! The walk over extension headers gives the result of the kernel's `ipv6_find_hdr()` for "the
//! last header, but stop at an Authentication Header".

use super::super::tuple::Address;
use super::super::Packet;
use super::{protocol, Found, Place};

/// Length of an IPv6 header.
const HEADER_LEN: u32 = 40;

/// Length of an ICMPv6 header; an error quotes the offending packet after it.
const ICMPV6_LEN: u32 = 8;

/// Number of extension headers that the kernel follows: `IP6_MAX_EXT_HDRS_CNT`,
/// `include/net/ipv6.h`.
const MAX_EXTENSIONS: u32 = 12;

/// Extension headers: values of a "next header" field.
mod extension {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const NONE: u8 = 59;
    pub(super) const DESTINATION: u8 = 60;
}

/// The end of a chain of extension headers.
struct Transport {
    /// The last "next header": a layer 4 protocol, AH, or "no next header".
    protocol: u8,
    /// Offset of that header; meaningless in a later fragment.
    offset: u32,
    /// A fragment header was passed.
    fragment: bool,
}

impl Transport {
    /// The place of this layer 4 in the packet whose IPv6 header is at `network`.
    #[inline(always)]
    fn place(&self, network: u32) -> Place {
        let transport = match self.fragment || self.protocol == protocol::ICMPV6 {
            true => None,
            false => Some(self.offset),
        };
        Place {
            network,
            protocol: self.protocol,
            transport,
        }
    }
}

/// As [`super::plain`], for IPv6: a packet without extension headers.
#[inline(always)]
pub(super) fn plain<P: Packet + ?Sized>(packet: &P) -> Option<Place> {
    let (_, next) = version_and_next(packet.in_place(0)?);
    if is_extension(next) || next == protocol::ICMPV6 {
        return None;
    }
    let transport = Transport {
        protocol: next,
        offset: HEADER_LEN,
        fragment: false,
    };
    Some(transport.place(0))
}

/// As [`super::find`], for IPv6.
#[inline(always)]
pub(super) fn find<P: Packet + ?Sized>(packet: &P) -> Found {
    let Some((_, next)) = header(packet, 0) else {
        return Found::Untouched;
    };
    let Some(outer) = transport(packet, next, HEADER_LEN) else {
        return Found::Nothing;
    };
    if outer.protocol == protocol::ICMPV6 && !outer.fragment {
        if let Some(network) = quoted_by_error(packet, outer.offset) {
            return match quoted(packet, network) {
                Some(place) => Found::At(place),
                None => Found::Untouched,
            };
        }
    }
    Found::At(outer.place(0))
}

/// The place in a quoted packet whose IPv6 header is at `network`.
///
/// [`None`] if it cannot be followed.
#[inline(always)]
fn quoted<P: Packet + ?Sized>(packet: &P, network: u32) -> Option<Place> {
    let (6, next) = header(packet, network)? else {
        return None;
    };
    let transport = transport(packet, next, network.wrapping_add(HEADER_LEN))?;
    Some(transport.place(network))
}

/// Version and "next header" of the IPv6 header at `network`.
#[inline(always)]
fn header<P: Packet + ?Sized>(packet: &P, network: u32) -> Option<(u8, u8)> {
    let mut copy = [0; HEADER_LEN as usize];
    packet.header(network, &mut copy).map(version_and_next)
}

#[inline(always)]
fn version_and_next(header: &[u8; HEADER_LEN as usize]) -> (u8, u8) {
    let [version, _, _, _, _, _, next, ..] = *header;
    (version >> 4, next)
}

/// The offset of the packet that an ICMPv6 error at `offset` quotes; [`None`] for other messages.
#[inline(always)]
fn quoted_by_error<P: Packet + ?Sized>(packet: &P, offset: u32) -> Option<u32> {
    let [icmp_type, ..]: [u8; ICMPV6_LEN as usize] = packet.read(offset)?;
    // RFC 4443: errors have types 0 to 127; to the kernel the unassigned type 0 is none.
    matches!(icmp_type, 1..=127).then_some(offset.wrapping_add(ICMPV6_LEN))
}

#[inline(always)]
fn is_extension(next: u8) -> bool {
    matches!(
        next,
        extension::HOP_BY_HOP
            | extension::ROUTING
            | extension::FRAGMENT
            | extension::DESTINATION
            | extension::NONE
            | protocol::AH
    )
}

/// Follows the extension headers from the "next header" field `next`, whose header is at `offset`.
///
/// [`None`] if there are too many, or one is cut off, or in a later fragment of a packet whose
/// fragmented part starts with an extension header.
#[inline(always)]
fn transport<P: Packet + ?Sized>(packet: &P, mut next: u8, mut offset: u32) -> Option<Transport> {
    let mut fragment = false;
    let mut seen: u32 = 0;
    while is_extension(next) && next != extension::NONE {
        seen = seen.wrapping_add(1);
        if seen > MAX_EXTENSIONS {
            return None;
        }
        let [following, units] = packet.read(offset)?;
        let len = match next {
            protocol::AH => break,
            extension::FRAGMENT => {
                fragment = true;
                let [high, low] = packet.read(offset.wrapping_add(2))?;
                if u16::from_be_bytes([high, low]) & !0x7 != 0 {
                    let last = !is_extension(following) || following == extension::NONE;
                    return last.then_some(Transport {
                        protocol: following,
                        offset,
                        fragment,
                    });
                }
                8
            }
            // The unit is 8 bytes, and the first unit is not counted.
            _ => u32::from(units).wrapping_add(1) << 3,
        };
        // At most 12 headers of 2 KiB each: the offset stays far from wrapping.
        if packet.end().wrapping_sub(offset) < len {
            return None;
        }
        next = following;
        offset = offset.wrapping_add(len);
    }
    Some(Transport {
        protocol: next,
        offset,
        fragment,
    })
}

/// Source and destination address of the IPv6 header at `network`.
///
/// [`None`] if the packet ends before the last of them.
#[inline(always)]
pub(in super::super) fn addresses<P: Packet + ?Sized>(
    packet: &P,
    network: u32,
) -> Option<(Address, Address)> {
    let mut copy = [0; HEADER_LEN as usize];
    let header = packet.header::<{ HEADER_LEN as usize }>(network, &mut copy)?;
    let [_, _, _, _, _, _, _, _, addresses @ ..] = header;
    let [src @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = addresses;
    let [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, dst @ ..] = addresses;
    Some((address(src), address(dst)))
}

#[inline(always)]
fn address(bytes: &[u8; 16]) -> Address {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes;
    Address::from_words([
        u32::from_ne_bytes([a, b, c, d]),
        u32::from_ne_bytes([e, f, g, h]),
        u32::from_ne_bytes([i, j, k, l]),
        u32::from_ne_bytes([m, n, o, p]),
    ])
}
