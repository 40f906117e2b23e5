// SPDX-License-Identifier: GPL-2.0-only

//! IPv6 (RFC 8200) with any extension headers, and the packets that ICMPv6 errors quote
//! (RFC 4443).
//!
//! The walk over extension headers has the same result as the kernel's `ipv6_find_hdr()` when that
//! is asked for the last header, and to stop at an Authentication Header.

use super::super::tuple::Address;
use super::super::{Family, Packet};
use super::{protocol, Found, Place};

/// Length of an IPv6 header.
const HEADER_LEN: u32 = 40;

/// Length of an ICMPv6 header; an error quotes the offending packet after it.
const ICMPV6_LEN: u32 = 8;

/// The most extension headers that the kernel follows: `IP6_MAX_EXT_HDRS_CNT`,
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

/// The result of following a chain of extension headers.
#[repr(u8)] // as in `Found`
enum Chain {
    /// It cannot be followed to its end.
    Broken,
    /// It ends here.
    Ends(Transport),
}

/// The end of a chain of extension headers.
struct Transport {
    /// The last "next header": a layer 4 protocol, AH, or "no next header".
    protocol: u8,
    /// Offset of that header; meaningless in a later fragment.
    offset: u32,
    /// Whether a fragment header was passed.
    fragment: bool,
}

impl Transport {
    /// The place of this layer 4 in the packet whose IPv6 header is at `network`.
    #[inline(always)]
    fn place(&self, network: u32, quoted: bool) -> Place {
        Place {
            family: Family::Ipv6,
            network,
            protocol: self.protocol,
            transport: self.offset,
            fragment: self.fragment,
            quoted,
        }
    }
}

/// [`super::plain`] for IPv6: a packet without extension headers.
#[inline(always)]
pub(super) fn plain<P: Packet + ?Sized>(packet: &P, network: u32) -> Option<Place> {
    let (_, next) = version_and_next(packet.in_place(network)?);
    if is_extension(next) || next == protocol::ICMPV6 {
        return None;
    }
    let transport = Transport {
        protocol: next,
        offset: network.wrapping_add(HEADER_LEN),
        fragment: false,
    };
    Some(transport.place(network, false))
}

/// [`super::find`] for IPv6.
#[inline(always)]
pub(super) fn find<P: Packet + ?Sized>(packet: &P, mut network: u32) -> Found {
    let mut is_quoted = false;
    let Some((_, next)) = header(packet, network) else {
        return Found::Untouched;
    };
    let Chain::Ends(mut transport) = follow(packet, next, network.wrapping_add(HEADER_LEN)) else {
        return Found::Nothing;
    };
    if transport.protocol == protocol::ICMPV6 && !transport.fragment {
        if let Some(quoted) = quoted_by_error(packet, transport.offset) {
            network = quoted;
            is_quoted = true;
            transport = match quoted_transport(packet, network) {
                Chain::Ends(transport) => transport,
                Chain::Broken => return Found::Untouched,
            };
        }
    }
    Found::At(transport.place(network, is_quoted))
}

/// The end of the headers of a quoted packet whose IPv6 header is at `network`.
#[inline(always)]
fn quoted_transport<P: Packet + ?Sized>(packet: &P, network: u32) -> Chain {
    let Some((6, next)) = header(packet, network) else {
        return Chain::Broken;
    };
    follow(packet, next, network.wrapping_add(HEADER_LEN))
}

/// Version and "next header" of the IPv6 header at `network`.
#[inline(always)]
fn header<P: Packet + ?Sized>(packet: &P, network: u32) -> Option<(u8, u8)> {
    packet.header(network, &mut None).map(version_and_next)
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
    // RFC 4443: errors have types 0 to 127, but the kernel does not count the unassigned type 0.
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

/// Follows the extension headers from the one at `offset`, whose type is `next`.
///
/// The chain is broken if there are too many headers, if one is cut off, or in a later fragment of
/// a packet whose fragmented part starts with an extension header.
#[inline(always)]
fn follow<P: Packet + ?Sized>(packet: &P, mut next: u8, mut offset: u32) -> Chain {
    let mut fragment = false;
    let mut seen: u32 = 0;
    while is_extension(next) && next != extension::NONE {
        seen = seen.wrapping_add(1);
        if seen > MAX_EXTENSIONS {
            return Chain::Broken;
        }
        let Some([following, units]) = packet.read(offset) else {
            return Chain::Broken;
        };
        let len = match next {
            protocol::AH => break,
            extension::FRAGMENT => {
                fragment = true;
                let Some([high, low]) = packet.read(offset.wrapping_add(2)) else {
                    return Chain::Broken;
                };
                if u16::from_be_bytes([high, low]) & !0x7 != 0 {
                    if is_extension(following) && following != extension::NONE {
                        return Chain::Broken;
                    }
                    next = following;
                    break;
                }
                8
            }
            // The length is in units of 8 bytes, not counting the first unit.
            _ => u32::from(units).wrapping_add(1) << 3,
        };
        // With at most 12 headers of 2 KiB each, the offset stays far from wrapping.
        if packet.end().wrapping_sub(offset) < len {
            return Chain::Broken;
        }
        next = following;
        offset = offset.wrapping_add(len);
    }
    Chain::Ends(Transport {
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
    let mut copy = None;
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
