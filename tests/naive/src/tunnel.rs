// SPDX-License-Identifier: GPL-2.0-only

//! The packet inside a tunnel's packet.
//!
//! GTP-U: 3GPP TS 29.281; VXLAN: RFC 7348; GENEVE: RFC 8926; GRE: RFC 2784 and 2890; IP in IP: RFC
//! 2003, 2473 and 4213.

use super::rule::inner::{GENEVE, GRE, GTPU, IPIP, VXLAN};
use super::walk::{find_at, ports_within};
use super::{bytes, Family, Found, Place, Rule};

/// The most extension headers of GTP-U that are followed.
const MOST_EXTENSIONS: u8 = 8;

/// Ethernet types: IPv4, IPv6, and bridged Ethernet; VLAN tags of customers and of providers.
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const BRIDGED: u16 = 0x6558;
const TAGS: [u16; 2] = [0x8100, 0x88a8];

/// The place of the tuple inside the packet at `outer`, if the rule follows its tunnel and the
/// inner packet has all that is to be hashed.
pub(super) fn inner(packet: &[u8], outer: &Place, rule: &Rule) -> Option<Place> {
    if outer.fragment {
        return None;
    }
    let (family, at) = start(packet, outer, rule)?;
    match family {
        Family::Ipv4 => {
            let ip: [u8; 20] = bytes(packet, at)?;
            (ip[0] / 16 == 4 && ip[0] % 16 >= 5).then_some(())?;
        }
        Family::Ipv6 => {
            let ip: [u8; 40] = bytes(packet, at)?;
            (ip[0] / 16 == 6).then_some(())?;
        }
    }
    let Found::Tuple(place) = find_at(family, packet, at) else {
        return None;
    };
    let has_ports = !place.fragment && ports_within(place.protocol).is_some();
    if rule.hashes_ports() && has_ports && place.ports.is_none() {
        return None;
    }
    Some(Place {
        inner: true,
        quotes: outer.quotes + place.quotes,
        upright: outer.upright && place.upright,
        ..place
    })
}

/// The family and the offset of the inner IP header.
fn start(packet: &[u8], outer: &Place, rule: &Rule) -> Option<(Family, usize)> {
    let at = outer.layer4;
    match outer.protocol {
        4 if rule.follows(IPIP) => Some((Family::Ipv4, at)),
        41 if rule.follows(IPIP) => Some((Family::Ipv6, at)),
        47 if rule.follows(GRE) => gre(packet, at),
        17 => {
            let [_, _, high, low]: [u8; 4] = bytes(packet, at)?;
            let port = u16::from_be_bytes([high, low]);
            if rule.follows(GTPU) && port == rule.gtpu_port {
                gtpu(packet, at + 8)
            } else if rule.follows(VXLAN) && port == rule.vxlan_port {
                vxlan(packet, at + 8)
            } else if rule.follows(GENEVE) && port == rule.geneve_port {
                geneve(packet, at + 8)
            } else {
                None
            }
        }
        _ => None,
    }
}

fn gre(packet: &[u8], at: usize) -> Option<(Family, usize)> {
    let [flags, version, high, low]: [u8; 4] = bytes(packet, at)?;
    let routing = flags & 0x40 != 0;
    if version % 8 != 0 || routing {
        return None;
    }
    // Checksum, key and sequence number, each of 4 bytes.
    let fields = [0x80, 0x20, 0x10]
        .into_iter()
        .filter(|bit| flags & bit != 0);
    typed(packet, [high, low], at + 4 + 4 * fields.count())
}

fn gtpu(packet: &[u8], at: usize) -> Option<(Family, usize)> {
    let [flags, message, ..]: [u8; 8] = bytes(packet, at)?;
    let (version, is_gtp, is_packet) = (flags / 32, flags & 0x10 != 0, message == 255);
    if version != 1 || !is_gtp || !is_packet {
        return None;
    }
    let mut at = at + 8;
    // Any of "extension header", "sequence number" and "N-PDU number" brings room for all of them.
    if flags & 0x07 != 0 {
        let [_, _, _, next]: [u8; 4] = bytes(packet, at)?;
        at += 4;
        if flags & 0x04 != 0 {
            at = extensions(packet, next, at, MOST_EXTENSIONS)?;
        }
    }
    let [first] = bytes(packet, at)?;
    match first / 16 {
        4 => Some((Family::Ipv4, at)),
        6 => Some((Family::Ipv6, at)),
        _ => None,
    }
}

/// The end of a chain of at most `most` extension headers of GTP-U, the first of type `next`.
fn extensions(packet: &[u8], next: u8, at: usize, most: u8) -> Option<usize> {
    if next == 0 {
        return Some(at);
    }
    let [units] = bytes(packet, at)?;
    let header = packet.get(at..at + 4 * usize::from(units))?;
    extensions(
        packet,
        *header.last()?,
        at + header.len(),
        most.checked_sub(1)?,
    )
}

fn vxlan(packet: &[u8], at: usize) -> Option<(Family, usize)> {
    let [flags, ..]: [u8; 8] = bytes(packet, at)?;
    match flags & 0x08 {
        0 => None,
        _ => ethernet(packet, at + 8),
    }
}

fn geneve(packet: &[u8], at: usize) -> Option<(Family, usize)> {
    let [first, second, high, low, ..]: [u8; 8] = bytes(packet, at)?;
    let (version, options, is_control) = (first / 64, first % 64, second & 0x80 != 0);
    if version != 0 || is_control {
        return None;
    }
    typed(packet, [high, low], at + 8 + 4 * usize::from(options))
}

/// What an Ethernet type of GRE or GENEVE announces at `at`.
fn typed(packet: &[u8], ethertype: [u8; 2], at: usize) -> Option<(Family, usize)> {
    match u16::from_be_bytes(ethertype) {
        IPV4 => Some((Family::Ipv4, at)),
        IPV6 => Some((Family::Ipv6, at)),
        BRIDGED => ethernet(packet, at),
        _ => None,
    }
}

fn ethernet(packet: &[u8], at: usize) -> Option<(Family, usize)> {
    // The type is behind both addresses, or behind one or two tags.
    for tags in 0..=2 {
        let at = at + 12 + 4 * tags;
        match u16::from_be_bytes(bytes(packet, at)?) {
            IPV4 => return Some((Family::Ipv4, at + 2)),
            IPV6 => return Some((Family::Ipv6, at + 2)),
            tag if TAGS.contains(&tag) => {}
            _ => return None,
        }
    }
    None
}
