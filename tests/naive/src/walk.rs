// SPDX-License-Identifier: GPL-2.0-only

//! The walk over headers, by RFC 791, 792, 4443 and 8200.

use super::{bytes, Family};

/// The part of a packet to hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// An ICMP error quotes too little, or there is no IP header: the packet's mark stays.
    Untouched,
    /// Extension headers cannot be followed: the tuple is empty.
    Nothing,
    /// A tuple.
    Tuple(Place),
}

/// The location of the tuple in a packet; offsets are from the start of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The family of the addresses.
    pub family: Family,
    /// Offset of the source address; the destination address follows.
    pub addresses: usize,
    /// Layer 4 protocol.
    pub protocol: u8,
    /// Offset of the layer 4 header, whether or not the packet is long enough to have one.
    pub layer4: usize,
    /// Offset of the ports or SPI, if there are any to hash.
    pub ports: Option<usize>,
    /// Whether the packet is a fragment.
    pub fragment: bool,
    /// How many ICMP errors quote the headers.
    pub quotes: u8,
    /// Whether the headers are inside a tunnel's packet.
    pub inner: bool,
    /// Whether all IPv4 headers claim at least the minimum length.
    pub upright: bool,
}

/// ICMP, ICMP for IPv6, and AH.
pub(super) const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const AH: u8 = 51;

/// Finds the tuple of the packet at `at`, or of the packet that it quotes if it is an error.
pub(super) fn find_at(family: Family, packet: &[u8], at: usize) -> Found {
    match family {
        Family::Ipv4 => ipv4(packet, at, None),
        Family::Ipv6 => ipv6(packet, at),
    }
}

/// The tuple of the IPv4 packet at `at`. If an error quotes it, `quoted_by` is the length of the
/// error's own IP header.
fn ipv4(packet: &[u8], at: usize, quoted_by: Option<usize>) -> Found {
    let Some(ip) = bytes::<20>(packet, at) else {
        return Found::Untouched;
    };
    let header_len = usize::from(ip[0] % 16) * 4;
    let layer4 = at + header_len;
    let is_error =
        bytes::<8>(packet, layer4).is_some_and(|icmp| [3, 4, 5, 11, 12].contains(&icmp[0]));
    if ip[9] == ICMP && is_error && quoted_by.is_none() {
        return ipv4(packet, layer4 + 8, Some(header_len));
    }
    let more_fragments = ip[6] & 0x20 != 0;
    let fragment_offset = usize::from(ip[6] & 0x1f) * 256 + usize::from(ip[7]);
    let fragment = more_fragments || fragment_offset != 0;
    Found::Tuple(Place {
        family: Family::Ipv4,
        addresses: at + 12,
        protocol: ip[9],
        layer4,
        ports: ports(packet, ip[9], layer4).filter(|_| !fragment),
        fragment,
        quotes: u8::from(quoted_by.is_some()),
        inner: false,
        upright: header_len.min(quoted_by.unwrap_or(20)) >= 20,
    })
}

fn ipv6(packet: &[u8], at: usize) -> Found {
    let outer = match ipv6_alone(packet, at) {
        Some(Found::Tuple(outer)) => outer,
        Some(found) => return found,
        None => return Found::Untouched,
    };
    // An error is not a fragment, has a complete header of its own, and a type up to 127. Type 0 is
    // reserved.
    let is_error = bytes::<8>(packet, outer.layer4).is_some_and(|icmp| (1..128).contains(&icmp[0]));
    if outer.protocol != ICMPV6 || !is_error || outer.fragment {
        return Found::Tuple(outer);
    }
    let start = outer.layer4 + 8;
    let version = bytes(packet, start).map(|[first]| first / 16);
    match ipv6_alone(packet, start) {
        Some(Found::Tuple(quoted)) if version == Some(6) => Found::Tuple(Place {
            quotes: 1,
            ..quoted
        }),
        _ => Found::Untouched,
    }
}

/// The tuple of the packet at `at`, error or not; [`None`] if there is no IPv6 header.
fn ipv6_alone(packet: &[u8], at: usize) -> Option<Found> {
    let ip: [u8; 40] = bytes(packet, at)?;
    let Some(end) = follow(packet, ip[6], at + 40, 12) else {
        return Some(Found::Nothing);
    };
    Some(Found::Tuple(Place {
        family: Family::Ipv6,
        addresses: at + 8,
        protocol: end.protocol,
        layer4: end.at,
        ports: ports(packet, end.protocol, end.at).filter(|_| !end.fragment),
        fragment: end.fragment,
        quotes: 0,
        inner: false,
        upright: true,
    }))
}

/// The end of a chain of extension headers.
struct End {
    protocol: u8,
    at: usize,
    fragment: bool,
}

/// Follows a chain of at most `most` extension headers from the one of type `next` at `at`.
fn follow(packet: &[u8], next: u8, at: usize, most: usize) -> Option<End> {
    let end = End {
        protocol: next,
        at,
        fragment: false,
    };
    // Hop-by-hop options, routing, fragment, AH, destination options.
    if ![0, 43, 44, AH, 60].contains(&next) {
        return Some(end);
    }
    let left = most.checked_sub(1)?;
    let [after, units]: [u8; 2] = bytes(packet, at)?;
    match next {
        AH => Some(end),
        44 => {
            // 13 bits of offset, two reserved ones, and "more fragments".
            let [_, _, high, low]: [u8; 4] = bytes(packet, at)?;
            if high == 0 && low < 8 {
                bytes::<8>(packet, at)?;
                return Some(End {
                    fragment: true,
                    ..follow(packet, after, at + 8, left)?
                });
            }
            // All that a later fragment says is which header the first one starts with.
            (![0, 43, 44, AH, 60].contains(&after)).then_some(End {
                protocol: after,
                at,
                fragment: true,
            })
        }
        _ => {
            let len = 8 + 8 * usize::from(units);
            packet.get(at..at + len)?;
            follow(packet, after, at + len, left)
        }
    }
}

/// The distance from the layer 4 header to the ports or the SPI, if the protocol has them.
pub(super) fn ports_within(protocol: u8) -> Option<usize> {
    match protocol {
        // TCP, UDP, DCCP, ESP, SCTP, UDP-Lite.
        6 | 17 | 33 | 50 | 132 | 136 => Some(0),
        AH => Some(4),
        _ => None,
    }
}

/// The offset of a protocol's ports or SPI, if it has them and the packet does not end before.
fn ports(packet: &[u8], protocol: u8, layer4: usize) -> Option<usize> {
    let at = layer4 + ports_within(protocol)?;
    bytes::<4>(packet, at).map(|_| at)
}
