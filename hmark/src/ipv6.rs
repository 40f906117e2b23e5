// SPDX-License-Identifier: GPL-2.0-only

//! IPv6 (RFC 8200): the tuple of a packet, or of the packet that an ICMPv6 error quotes
//! (RFC 4443), past any extension headers.
//!
//! The walk over extension headers gives what the kernel's `ipv6_find_hdr()` does for "the last
//! header, but stop at an Authentication Header".

use super::ports::{self, protocol};
use super::tuple::{fold_ipv6, word, Tuple};
use super::{Packet, Rule};

/// Length of an IPv6 header.
const HEADER_LEN: u32 = 40;

/// Length of an ICMPv6 header; an error quotes the offending packet behind it.
const ICMPV6_LEN: u32 = 8;

/// How many extension headers the kernel follows: `IP6_MAX_EXT_HDRS_CNT`, `include/net/ipv6.h`.
const MAX_EXTENSIONS: u32 = 12;

/// Extension headers: values of a "next header" field.
mod extension {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const NONE: u8 = 59;
    pub(super) const DESTINATION: u8 = 60;
}

/// An IPv6 header.
///
/// Its fields are read where they are needed, and addresses last: so that few values are at hand
/// at a time, which registers hold.
struct Header<'a>(&'a [u8; HEADER_LEN as usize]);

impl<'a> Header<'a> {
    #[inline(always)]
    fn at<P: Packet + ?Sized>(
        packet: &'a P,
        offset: u32,
        copy: &'a mut [u8; HEADER_LEN as usize],
    ) -> Option<Self> {
        packet.header(offset, copy).map(Self)
    }

    #[inline(always)]
    fn version(&self) -> u8 {
        self.0[0] >> 4
    }

    #[inline(always)]
    fn next(&self) -> u8 {
        self.0[6]
    }

    /// Masks and folds the address at `start`.
    #[inline(always)]
    fn fold(&self, start: usize, mask: &[u32; 4]) -> u32 {
        let part = |at: usize| word(self.0, start + at);
        fold_ipv6(&[part(0), part(4), part(8), part(12)], mask)
    }

    /// The tuple of the packet with this transport and these ports.
    #[inline(always)]
    fn tuple(&self, transport: &Transport, ports: u32, rule: &Rule) -> Tuple {
        Tuple {
            src: self.fold(8, &rule.src_mask),
            dst: self.fold(24, &rule.dst_mask),
            ports,
            protocol: match rule.layer3_only() {
                true => 0,
                false => transport.protocol,
            },
        }
    }
}

/// The end of a chain of extension headers.
struct Transport {
    /// The last "next header": a layer 4 protocol, AH, or "no next header".
    protocol: u8,
    /// Where that header starts; meaningless in a later fragment.
    offset: u32,
    /// A fragment header was passed.
    fragment: bool,
}

/// The mark of an IPv6 packet whose header is at offset 0.
///
/// A packet whose extension headers cannot be followed gets the mark of an all-zero tuple.
/// [`None`]: the packet's mark is left alone, because an ICMPv6 error quotes a packet that cannot
/// be followed (or because there is no IPv6 header at all, which the kernel never lets through).
#[inline(always)]
pub fn mark<P: Packet + ?Sized>(packet: &P, rule: &Rule) -> Option<u32> {
    let (mut copy, mut quoted_copy) = ([0; HEADER_LEN as usize], [0; HEADER_LEN as usize]);
    let mut ip = Header::at(packet, 0, &mut copy)?;
    let Some(mut transport) = transport(packet, ip.next(), HEADER_LEN) else {
        return Some(Tuple::default().mark(rule));
    };
    if transport.protocol == protocol::ICMPV6 && !transport.fragment {
        if let Some(start) = quoted_by_error(packet, transport.offset) {
            ip = Header::at(packet, start, &mut quoted_copy).filter(|ip| ip.version() == 6)?;
            transport = self::transport(packet, ip.next(), start.wrapping_add(HEADER_LEN))?;
        }
    }
    let ports = transport.ports(packet, rule).unwrap_or(0);
    Some(ip.tuple(&transport, ports, rule).mark(rule))
}

/// As [`mark`], of the packets that most are: no extension headers, no ICMPv6, and not cut off.
///
/// [`None`] for any other.
#[inline(always)]
pub fn mark_plain<P: Packet + ?Sized>(packet: &P, rule: &Rule) -> Option<u32> {
    let ip = Header(packet.in_place(0)?);
    if is_extension(ip.next()) || ip.next() == protocol::ICMPV6 {
        return None;
    }
    let transport = Transport {
        protocol: ip.next(),
        offset: HEADER_LEN,
        fragment: false,
    };
    let ports = transport.ports(packet, rule)?;
    Some(ip.tuple(&transport, ports, rule).mark(rule))
}

impl Transport {
    /// The ports in this header of the packet, as the rule has them hashed.
    ///
    /// [`None`] where the packet ends before them.
    #[inline(always)]
    fn ports<P: Packet + ?Sized>(&self, packet: &P, rule: &Rule) -> Option<u32> {
        // Only a first fragment has ports: to keep a datagram together, none is hashed with them.
        if rule.layer3_only() || self.fragment || self.protocol == protocol::ICMPV6 {
            return Some(0);
        }
        ports::read(packet, self.offset, self.protocol, rule)
    }
}

/// Where the packet that an ICMPv6 error at `offset` quotes starts; [`None`] for other messages.
fn quoted_by_error<P: Packet + ?Sized>(packet: &P, offset: u32) -> Option<u32> {
    let icmp: [u8; ICMPV6_LEN as usize] = packet.read(offset)?;
    // RFC 4443: errors have types 0 to 127; the kernel takes the unassigned type 0 for none.
    matches!(icmp[0], 1..=127).then_some(offset.wrapping_add(ICMPV6_LEN))
}

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

/// Follows the extension headers from the "next header" field `next`, whose header is at
/// `offset`.
///
/// [`None`] if there are too many, or one is cut off, or in a later fragment of a packet whose
/// fragmented part starts with an extension header.
#[inline(always)]
fn transport<P: Packet + ?Sized>(packet: &P, next: u8, offset: u32) -> Option<Transport> {
    if !is_extension(next) {
        return Some(Transport {
            protocol: next,
            offset,
            fragment: false,
        });
    }
    follow(packet, next, offset)
}

#[inline(always)]
fn follow<P: Packet + ?Sized>(packet: &P, mut next: u8, mut offset: u32) -> Option<Transport> {
    let mut fragment = false;
    let mut seen = 0;
    while is_extension(next) && next != extension::NONE {
        seen += 1;
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
            _ => (u32::from(units) + 1) * 8,
        };
        // No more than 12 headers of 2 KiB each: this stays far from wrapping.
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
