// SPDX-License-Identifier: GPL-2.0-only

//! IPv4 (RFC 791), and the packets that ICMP errors quote (RFC 792).

use super::super::tuple::Address;
use super::super::{Family, Packet};
use super::{protocol, Found, Place};

/// Length of an IPv4 header without options.
const HEADER_LEN: usize = 20;

/// Length of an ICMP header; an error quotes the offending packet after it.
const ICMP_LEN: u32 = 8;

/// Mask for the first byte of flags and fragment offset. It keeps "more fragments" and the upper
/// bits of the offset, but not the reserved bit and "don't fragment".
const FRAGMENT_HIGH: u8 = 0x3f;

/// An IPv4 header without options.
///
/// Fields are read by patterns, which cannot be out of bounds.
struct Header<'a>(&'a [u8; HEADER_LEN]);

impl Header<'_> {
    /// The header length, including options, that the packet claims: 0 to 60 bytes.
    #[inline(always)]
    fn len(&self) -> u32 {
        let [version_and_len, ..] = *self.0;
        u32::from(version_and_len & 0x0f) << 2
    }

    #[inline(always)]
    fn is_fragment(&self) -> bool {
        let [_, _, _, _, _, _, high, low, ..] = *self.0;
        (high & FRAGMENT_HIGH) | low != 0
    }

    #[inline(always)]
    fn protocol(&self) -> u8 {
        let [_, _, _, _, _, _, _, _, _, protocol, ..] = *self.0;
        protocol
    }

    /// The place that this header describes, given that it is at `network`.
    #[inline(always)]
    fn place(&self, network: u32, quoted: bool) -> Place {
        Place {
            family: Family::Ipv4,
            network,
            protocol: self.protocol(),
            transport: network.wrapping_add(self.len()),
            fragment: self.is_fragment(),
            quoted,
        }
    }
}

/// Whether an ICMP message of this type is an error, which quotes the packet that it is about.
#[inline(always)]
fn is_error(icmp_type: u8) -> bool {
    // Destination unreachable, source quench, redirect, time exceeded, parameter problem.
    matches!(icmp_type, 3 | 4 | 5 | 11 | 12)
}

/// [`super::plain`] for IPv4.
#[inline(always)]
pub(super) fn plain<P: Packet + ?Sized>(packet: &P, network: u32) -> Option<Place> {
    let ip = Header(packet.in_place(network)?);
    match ip.protocol() {
        protocol::ICMP => None,
        _ => Some(ip.place(network, false)),
    }
}

/// [`super::find`] for IPv4.
#[inline(always)]
pub(super) fn find<P: Packet + ?Sized>(packet: &P, mut network: u32) -> Found {
    let (mut copy, mut quoted_copy) = (None, None);
    let mut is_quoted = false;
    let Some(mut ip) = packet.header(network, &mut copy).map(Header) else {
        return Found::Untouched;
    };
    if ip.protocol() == protocol::ICMP {
        if let Some(quoted) = quoted_by_error(packet, network.wrapping_add(ip.len())) {
            network = quoted;
            is_quoted = true;
            ip = match packet.header(network, &mut quoted_copy).map(Header) {
                Some(ip) => ip,
                None => return Found::Untouched,
            };
        }
    }
    Found::At(ip.place(network, is_quoted))
}

/// The offset of the packet that an ICMP error at `offset` quotes; [`None`] for other messages.
#[inline(always)]
fn quoted_by_error<P: Packet + ?Sized>(packet: &P, offset: u32) -> Option<u32> {
    let [icmp_type, ..]: [u8; ICMP_LEN as usize] = packet.read(offset)?;
    is_error(icmp_type).then_some(offset.wrapping_add(ICMP_LEN))
}

/// Source and destination address of the IPv4 header at `network`.
///
/// [`None`] if the packet ends before the last of them.
#[inline(always)]
pub(in super::super) fn addresses<P: Packet + ?Sized>(
    packet: &P,
    network: u32,
) -> Option<(Address, Address)> {
    let mut copy = None;
    let [_, _, _, _, _, _, _, _, _, _, _, _, a, b, c, d, e, f, g, h] =
        *packet.header(network, &mut copy)?;
    let address = |bytes| Address::from_ipv4(u32::from_ne_bytes(bytes));
    Some((address([a, b, c, d]), address([e, f, g, h])))
}
