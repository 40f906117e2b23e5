// SPDX-License-Identifier: GPL-2.0-only

//! IPv4 (RFC 791): the tuple of a packet, or of the packet that an ICMP error quotes (RFC 792).

use super::ports::{self, protocol};
use super::tuple::{fold_ipv4, Tuple};
use super::{Packet, Rule};

/// Length of an ICMP header; an error quotes the offending packet behind it.
const ICMP_LEN: u32 = 8;

/// "More fragments" and the fragment offset: all but the reserved and the "don't fragment" bit.
const FRAGMENT: u16 = 0x3fff;

/// What is hashed of an IPv4 header.
struct Header {
    /// Header length with options, in bytes: 0 to 60, as the packet claims it.
    len: u32,
    fragment: bool,
    protocol: u8,
    /// Network byte order.
    src: u32,
    /// Network byte order.
    dst: u32,
}

impl Header {
    #[inline(always)]
    fn read<P: Packet + ?Sized>(packet: &P, offset: u32) -> Option<Self> {
        let ip: [u8; 20] = packet.read(offset)?;
        Some(Self {
            len: u32::from(ip[0] & 0x0f) * 4,
            fragment: u16::from_be_bytes([ip[6], ip[7]]) & FRAGMENT != 0,
            protocol: ip[9],
            src: u32::from_ne_bytes([ip[12], ip[13], ip[14], ip[15]]),
            dst: u32::from_ne_bytes([ip[16], ip[17], ip[18], ip[19]]),
        })
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
#[inline]
pub fn mark<P: Packet + ?Sized>(packet: &P, rule: &Rule) -> Option<u32> {
    tuple(packet, rule).map(|tuple| tuple.mark(rule))
}

#[inline(always)]
fn tuple<P: Packet + ?Sized>(packet: &P, rule: &Rule) -> Option<Tuple> {
    let mut start = 0;
    let mut ip = Header::read(packet, start)?;
    if ip.protocol == protocol::ICMP {
        if let Some(quoted) = quoted_by_error(packet, ip.len) {
            start = quoted;
            ip = Header::read(packet, start)?;
        }
    }

    let mut tuple = Tuple {
        src: fold_ipv4(ip.src, &rule.src_mask),
        dst: fold_ipv4(ip.dst, &rule.dst_mask),
        ..Tuple::default()
    };
    if rule.layer3_only() {
        return Some(tuple);
    }
    tuple.protocol = ip.protocol;
    // Only a first fragment has ports: to keep a datagram together, none is hashed with them.
    if ip.protocol != protocol::ICMP && !ip.fragment {
        tuple.ports = ports::read(packet, start.wrapping_add(ip.len), ip.protocol, rule);
    }
    Some(tuple)
}

/// Where the packet that an ICMP error at `offset` quotes starts; [`None`] for other messages.
fn quoted_by_error<P: Packet + ?Sized>(packet: &P, offset: u32) -> Option<u32> {
    let icmp: [u8; ICMP_LEN as usize] = packet.read(offset)?;
    is_error(icmp[0]).then_some(offset.wrapping_add(ICMP_LEN))
}
