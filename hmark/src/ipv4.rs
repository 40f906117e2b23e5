// SPDX-License-Identifier: GPL-2.0-only

//! IPv4 (RFC 791): the tuple of a packet, or of the packet that an ICMP error quotes (RFC 792).

use super::ports::{self, protocol};
use super::tuple::{fold_ipv4, word, Tuple};
use super::{Packet, Rule};

/// Length of an IPv4 header without options.
const HEADER_LEN: usize = 20;

/// Length of an ICMP header; an error quotes the offending packet behind it.
const ICMP_LEN: u32 = 8;

/// Of the byte before the fragment offset's low one, all but the reserved and the "don't fragment"
/// bit: "more fragments" and the offset's high bits.
const FRAGMENT_HIGH: u8 = 0x3f;

/// An IPv4 header, without options.
///
/// Its fields are read where they are needed, and addresses last: so that few values are at hand
/// at a time, which registers hold.
struct Header<'a>(&'a [u8; HEADER_LEN]);

impl<'a> Header<'a> {
    #[inline(always)]
    fn at<P: Packet + ?Sized>(
        packet: &'a P,
        offset: u32,
        copy: &'a mut [u8; HEADER_LEN],
    ) -> Option<Self> {
        packet.header(offset, copy).map(Self)
    }

    /// Header length with options, in bytes: 0 to 60, as the packet claims it.
    #[inline(always)]
    fn len(&self) -> u32 {
        u32::from(self.0[0] & 0x0f) * 4
    }

    #[inline(always)]
    fn is_fragment(&self) -> bool {
        (self.0[6] & FRAGMENT_HIGH) | self.0[7] != 0
    }

    #[inline(always)]
    fn protocol(&self) -> u8 {
        self.0[9]
    }

    /// The ports of the packet whose header this is, at `start`, as the rule has them hashed.
    ///
    /// [`None`] where the packet ends before them.
    #[inline(always)]
    fn ports<P: Packet + ?Sized>(&self, packet: &P, start: u32, rule: &Rule) -> Option<u32> {
        // Only a first fragment has ports: to keep a datagram together, none is hashed with them.
        if rule.layer3_only() || self.is_fragment() || self.protocol() == protocol::ICMP {
            return Some(0);
        }
        ports::read(
            packet,
            start.wrapping_add(self.len()),
            self.protocol(),
            rule,
        )
    }

    /// The tuple of the packet with these ports.
    #[inline(always)]
    fn tuple(&self, ports: u32, rule: &Rule) -> Tuple {
        Tuple {
            src: fold_ipv4(word(self.0, 12), &rule.src_mask),
            dst: fold_ipv4(word(self.0, 16), &rule.dst_mask),
            ports,
            protocol: match rule.layer3_only() {
                true => 0,
                false => self.protocol(),
            },
        }
    }
}

/// Whether an ICMP message of this type is an error, which quotes the packet it is about.
fn is_error(icmp_type: u8) -> bool {
    // Destination unreachable, source quench, redirect, time exceeded, parameter problem.
    matches!(icmp_type, 3 | 4 | 5 | 11 | 12)
}

/// The mark of an IPv4 packet whose header is at offset 0.
///
/// [`None`]: the packet's mark is left alone, because an ICMP error quotes less than an IPv4
/// header (or because there is no IPv4 header at all, which the kernel never lets through).
#[inline(always)]
pub fn mark<P: Packet + ?Sized>(packet: &P, rule: &Rule) -> Option<u32> {
    let (mut copy, mut quoted_copy) = ([0; HEADER_LEN], [0; HEADER_LEN]);
    let mut start = 0;
    let mut ip = Header::at(packet, start, &mut copy)?;
    if ip.protocol() == protocol::ICMP {
        if let Some(quoted) = quoted_by_error(packet, ip.len()) {
            start = quoted;
            ip = Header::at(packet, start, &mut quoted_copy)?;
        }
    }
    let ports = ip.ports(packet, start, rule).unwrap_or(0);
    Some(ip.tuple(ports, rule).mark(rule))
}

/// As [`mark`], of the packets that most are: no ICMP, and not cut off.
///
/// [`None`] for any other.
#[inline(always)]
pub fn mark_plain<P: Packet + ?Sized>(packet: &P, rule: &Rule) -> Option<u32> {
    let ip = Header(packet.in_place(0)?);
    if ip.protocol() == protocol::ICMP {
        return None;
    }
    let ports = ip.ports(packet, 0, rule)?;
    Some(ip.tuple(ports, rule).mark(rule))
}

/// Where the packet that an ICMP error at `offset` quotes starts; [`None`] for other messages.
fn quoted_by_error<P: Packet + ?Sized>(packet: &P, offset: u32) -> Option<u32> {
    let icmp: [u8; ICMP_LEN as usize] = packet.read(offset)?;
    is_error(icmp[0]).then_some(offset.wrapping_add(ICMP_LEN))
}
