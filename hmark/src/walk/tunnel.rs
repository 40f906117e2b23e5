// SPDX-License-Identifier: GPL-2.0-only

//! Tunnels: finds the packet inside of a tunnel's packet.
//!
//! One level is followed. An outer fragment is not, nor is anything unknown, encrypted or cut off.

use super::super::rule::{inner, Tunnels};
use super::super::{Family, Packet};
use super::{protocol, Found, Place};

/// Length of a UDP header.
const UDP_LEN: u32 = 8;

/// Length of the header of GTP-U, VXLAN and GENEVE without anything optional.
const TUNNEL_LEN: u32 = 8;

/// Values of an "ethertype" field (`include/uapi/linux/if_ether.h`), which GRE and GENEVE have, too.
mod ethertype {
    pub(super) const IPV4: u16 = 0x0800;
    pub(super) const ETHERNET: u16 = 0x6558;
    pub(super) const VLAN: u16 = 0x8100;
    pub(super) const IPV6: u16 = 0x86dd;
    pub(super) const SERVICE_VLAN: u16 = 0x88a8;
}

/// The most VLAN tags of an inner Ethernet frame (IEEE 802.1ad).
const MOST_VLANS: u32 = 2;

/// The most extension headers of GTP-U that are followed.
const MOST_GTPU_EXTENSIONS: u32 = 8;

/// Whether a packet that can be read in place may be one of these tunnels.
#[inline(always)]
pub(in super::super) fn is_entrance<P: Packet + ?Sized>(
    packet: &P,
    place: &Place,
    tunnels: Tunnels,
) -> bool {
    if place.fragment {
        return false;
    }
    match place.protocol {
        protocol::UDP => match destination_port(packet, place.transport) {
            Some(port) => {
                port == tunnels.gtpu_port
                    || port == tunnels.vxlan_port
                    || port == tunnels.geneve_port
            }
            None => true,
        },
        protocol::GRE | protocol::IPV4 | protocol::IPV6 => true,
        _ => false,
    }
}

/// The destination port of the UDP header at `transport`; host byte order.
#[inline(always)]
fn destination_port<P: Packet + ?Sized>(packet: &P, transport: u32) -> Option<u16> {
    let [high, low] = packet.read(transport.wrapping_add(2))?;
    Some(u16::from_be_bytes([high, low]))
}

/// The place inside of the tunnel's packet whose headers are at `outer`.
///
/// [`None`] if it is no packet of these tunnels, or the inner packet cannot be followed to its
/// layer 4.
#[inline(always)]
pub(in super::super) fn inner<P: Packet + ?Sized>(
    packet: &P,
    outer: &Place,
    tunnels: Tunnels,
) -> Option<Place> {
    if outer.fragment {
        return None;
    }
    let (family, network) = payload(packet, outer.protocol, outer.transport, tunnels)?;
    match super::find(family, packet, network) {
        Found::At(place) => Some(Place {
            // The quotation of a quotation has the direction of the packet itself.
            quoted: place.quoted != outer.quoted,
            ..place
        }),
        Found::Untouched | Found::Nothing => None,
    }
}

/// Family and offset of the IP header inside a tunnel's packet, which is no fragment: its layer 4 is
/// at `transport`.
#[inline(always)]
pub(in super::super) fn payload<P: Packet + ?Sized>(
    packet: &P,
    protocol: u8,
    transport: u32,
    tunnels: Tunnels,
) -> Option<(Family, u32)> {
    match protocol {
        protocol::IPV4 if tunnels.has(inner::IPIP) => announced(packet, Family::Ipv4, transport),
        protocol::IPV6 if tunnels.has(inner::IPIP) => announced(packet, Family::Ipv6, transport),
        protocol::GRE if tunnels.has(inner::GRE) => gre(packet, transport),
        protocol::UDP => {
            // One read for the UDP header, the tunnel's, which has 8 bytes at least, and one byte of
            // what is inside: each read has to be checked against the packet's end.
            let [_, _, high, low, _, _, _, _, header @ .., first]: [u8; 17] =
                packet.read(transport)?;
            let port = u16::from_be_bytes([high, low]);
            let end = transport.wrapping_add(UDP_LEN + TUNNEL_LEN);
            if tunnels.has(inner::GTPU) && port == tunnels.gtpu_port {
                gtpu(packet, header, first, end)
            } else if tunnels.has(inner::VXLAN) && port == tunnels.vxlan_port {
                vxlan(packet, header, end)
            } else if tunnels.has(inner::GENEVE) && port == tunnels.geneve_port {
                geneve(packet, header, end)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// The IP header at `network`, of any family.
#[inline(always)]
fn any<P: Packet + ?Sized>(packet: &P, network: u32) -> Option<(Family, u32)> {
    let [first] = packet.read(network)?;
    beginning_with(first, network)
}

/// The IP header at `network`, of the family that its first byte tells.
#[inline(always)]
fn beginning_with(first: u8, network: u32) -> Option<(Family, u32)> {
    match first {
        // An IPv4 header has 20 bytes at least.
        0x45..=0x4f => Some((Family::Ipv4, network)),
        0x60..=0x6f => Some((Family::Ipv6, network)),
        _ => None,
    }
}

/// The IP header at `network`, if it is of the family that the tunnel's header announces.
#[inline(always)]
fn announced<P: Packet + ?Sized>(
    packet: &P,
    family: Family,
    network: u32,
) -> Option<(Family, u32)> {
    any(packet, network).filter(|&(found, _)| found == family)
}

/// GRE (RFC 2784) with a key and a sequence number (RFC 2890), at `start`.
#[inline(always)]
fn gre<P: Packet + ?Sized>(packet: &P, start: u32) -> Option<(Family, u32)> {
    const CHECKSUM: u8 = 0x80;
    const ROUTING: u8 = 0x40;
    const KEY: u8 = 0x20;
    const SEQUENCE: u8 = 0x10;
    const VERSION: u8 = 0x07;

    let [flags, version, high, low]: [u8; 4] = packet.read(start)?;
    if flags & ROUTING != 0 || version & VERSION != 0 {
        return None;
    }
    let fields = (flags & (CHECKSUM | KEY | SEQUENCE)).count_ones();
    let payload = start.wrapping_add(4).wrapping_add(fields << 2);
    by_ethertype(packet, u16::from_be_bytes([high, low]), payload)
}

/// GTP-U version 1 (3GPP TS 29.281): a G-PDU, which carries a user's packet. Its header without
/// options ends at `end`, before the byte `first`.
#[inline(always)]
fn gtpu<P: Packet + ?Sized>(
    packet: &P,
    header: [u8; TUNNEL_LEN as usize],
    first: u8,
    end: u32,
) -> Option<(Family, u32)> {
    const VERSION_AND_TYPE: u8 = 0xf0;
    const VERSION_1_GTP: u8 = 0x30;
    const EXTENSION: u8 = 0x04;
    const OPTIONAL: u8 = 0x07;
    const G_PDU: u8 = 255;

    let [flags, message, ..] = header;
    if flags & VERSION_AND_TYPE != VERSION_1_GTP || message != G_PDU {
        return None;
    }
    if flags & OPTIONAL == 0 {
        return beginning_with(first, end);
    }
    let [_, _, _, next]: [u8; 4] = packet.read(end)?;
    let options_end = end.wrapping_add(4);
    match flags & EXTENSION {
        0 => any(packet, options_end),
        _ => any(packet, gtpu_extensions(packet, next, options_end)?),
    }
}

/// The end of a chain of GTP-U's extension headers at `offset`, the first of which has type `next`.
#[inline(always)]
fn gtpu_extensions<P: Packet + ?Sized>(packet: &P, mut next: u8, mut offset: u32) -> Option<u32> {
    let mut seen = 0u32;
    while next != 0 {
        seen = seen.wrapping_add(1);
        if seen > MOST_GTPU_EXTENSIONS {
            return None;
        }
        // In units of 4 bytes. With 8 headers of 1 KiB, the offset stays far from wrapping.
        let [units]: [u8; 1] = packet.read(offset)?;
        if units == 0 {
            return None;
        }
        offset = offset.wrapping_add(u32::from(units) << 2);
        [next] = packet.read(offset.wrapping_sub(1))?;
    }
    Some(offset)
}

/// VXLAN (RFC 7348), whose header ends at `end`: an Ethernet frame with a network identifier.
#[inline(always)]
fn vxlan<P: Packet + ?Sized>(
    packet: &P,
    header: [u8; TUNNEL_LEN as usize],
    end: u32,
) -> Option<(Family, u32)> {
    const HAS_IDENTIFIER: u8 = 0x08;

    let [flags, ..] = header;
    match flags & HAS_IDENTIFIER {
        0 => None,
        _ => ethernet(packet, end),
    }
}

/// GENEVE version 0 (RFC 8926), with any options; but no control packet. Its header without options
/// ends at `end`.
#[inline(always)]
fn geneve<P: Packet + ?Sized>(
    packet: &P,
    header: [u8; TUNNEL_LEN as usize],
    end: u32,
) -> Option<(Family, u32)> {
    const CONTROL: u8 = 0x80;

    let [version_and_len, flags, high, low, ..] = header;
    if version_and_len >> 6 != 0 || flags & CONTROL != 0 {
        return None;
    }
    // In units of 4 bytes.
    let options = u32::from(version_and_len & 0x3f) << 2;
    by_ethertype(
        packet,
        u16::from_be_bytes([high, low]),
        end.wrapping_add(options),
    )
}

/// The payload at `start` that an ethertype announces.
#[inline(always)]
fn by_ethertype<P: Packet + ?Sized>(
    packet: &P,
    ethertype: u16,
    start: u32,
) -> Option<(Family, u32)> {
    match ethertype {
        ethertype::IPV4 => announced(packet, Family::Ipv4, start),
        ethertype::IPV6 => announced(packet, Family::Ipv6, start),
        ethertype::ETHERNET => ethernet(packet, start),
        _ => None,
    }
}

/// The packet in the Ethernet frame at `start`, after up to two VLAN tags.
#[inline(always)]
fn ethernet<P: Packet + ?Sized>(packet: &P, start: u32) -> Option<(Family, u32)> {
    let mut offset = start.wrapping_add(12);
    for _ in 0..=MOST_VLANS {
        let ethertype = u16::from_be_bytes(packet.read(offset)?);
        match ethertype {
            ethertype::IPV4 => return announced(packet, Family::Ipv4, offset.wrapping_add(2)),
            ethertype::IPV6 => return announced(packet, Family::Ipv6, offset.wrapping_add(2)),
            ethertype::VLAN | ethertype::SERVICE_VLAN => offset = offset.wrapping_add(4),
            _ => return None,
        }
    }
    None
}
