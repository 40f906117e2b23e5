// SPDX-License-Identifier: GPL-2.0-only

//! Packets of tunnels, with any packet inside: well-formed ones, and all that must not be followed.

use super::super::hmark::Family;
use super::protocol::{icmp, GRE, IPV4, IPV6, UDP};
use super::{ip, ipv4, ipv6, layer4, port, Bytes, Random, TUNNEL_PORTS};

/// Appends a packet of the family that has another packet inside.
pub(super) fn packet(family: Family, bytes: &mut Bytes, depth: usize, random: &mut Random) {
    let (protocol, payload): (u8, fn(&mut Bytes, usize, &mut Random)) = match random.below(10) {
        0..3 => (UDP, gtpu),
        3..5 => (UDP, vxlan),
        5..7 => (UDP, geneve),
        7..9 => (GRE, gre),
        _ => match random.below(2) {
            0 => (IPV4, ipv4_in_ip),
            _ => (IPV6, ipv6_in_ip),
        },
    };
    around(family, protocol, bytes, random, |bytes, random| {
        payload(bytes, depth, random);
    });
}

/// Appends an ICMP or ICMPv6 error of the family that quotes the packet of a tunnel.
pub(super) fn error(family: Family, bytes: &mut Bytes, depth: usize, random: &mut Random) {
    around(family, icmp(family), bytes, random, |bytes, random| {
        match family {
            Family::Ipv4 => layer4::icmp_message(bytes, random),
            Family::Ipv6 => layer4::icmpv6_message(bytes, random),
        }
        packet(family, bytes, depth + 1, random);
    });
}

/// Appends a packet of the family and protocol, with this after its headers.
fn around(
    family: Family,
    protocol: u8,
    bytes: &mut Bytes,
    random: &mut Random,
    payload: impl FnOnce(&mut Bytes, &mut Random),
) {
    let payload = |_, bytes: &mut Bytes, random: &mut Random| payload(bytes, random);
    match family {
        Family::Ipv4 => ipv4::around(bytes, random, |_| protocol, payload),
        Family::Ipv6 => ipv6::around(bytes, random, |_| protocol, payload),
    }
}

/// A header of UDP to a tunnel's port, or sometimes to any other one.
fn udp(tunnel: usize, bytes: &mut Bytes, random: &mut Random) {
    let destination = match random.below(20) {
        0 => port(random),
        1 => random.pick(&TUNNEL_PORTS),
        _ => TUNNEL_PORTS[tunnel],
    };
    bytes.push(&port(random).to_be_bytes());
    bytes.push(&destination.to_be_bytes());
    bytes.push_random(4, random);
}

fn gtpu(bytes: &mut Bytes, depth: usize, random: &mut Random) {
    udp(0, bytes, random);
    let fields = match random.below(5) {
        0..2 => 0,
        2 => 4,
        _ => random.below(8) as u8,
    };
    // Version 1, and GTP rather than GTP'.
    let first = match random.below(20) {
        0 => random.u8(),
        _ => 0x30 | (random.u8() & 0x08) | fields,
    };
    let message = match random.below(10) {
        // Echo request and response, error indication, end marker.
        0 => random.pick(&[1, 2, 26, 254]),
        1 => random.u8(),
        _ => 255,
    };
    bytes.push(&[first, message]);
    bytes.push_random(6, random);
    if first & 0x07 != 0 {
        bytes.push_random(3, random);
        let extended = first & 0x04 != 0;
        gtpu_extensions(extended, bytes, random);
    }
    match random.below(20) {
        0 => bytes.push_random(random.below(50), random),
        _ => inside(any(random), bytes, depth, random),
    }
}

/// Appends the type of the first extension header, and the chain of them if there is one.
fn gtpu_extensions(extended: bool, bytes: &mut Bytes, random: &mut Random) {
    // A few more than are followed.
    let extensions = match random.below(10) {
        _ if !extended => 0,
        0..2 => 0,
        2..7 => random.between(1, 2),
        _ => random.between(3, 10),
    };
    let kind = |random: &mut Random| match random.below(4) {
        0 => random.between(1, 255) as u8,
        // PDU session container, long PDCP number, service class.
        _ => random.pick(&[0x85, 0x03, 0x40]),
    };
    // Without the bit for extensions, the type says nothing.
    let first = match (extensions, extended) {
        (0, true) => 0,
        _ => kind(random),
    };
    bytes.push(&[first]);
    for left in (0..extensions).rev() {
        let units = match random.below(40) {
            0 => 0,
            1 => random.u8(),
            2..10 => random.between(2, 4) as u8,
            _ => 1,
        };
        bytes.push(&[units]);
        bytes.push_random((usize::from(units) * 4).saturating_sub(2), random);
        let next = if left == 0 { 0 } else { kind(random) };
        bytes.push(&[next]);
    }
}

fn vxlan(bytes: &mut Bytes, depth: usize, random: &mut Random) {
    udp(1, bytes, random);
    let flags = if random.percent(90) {
        0x08
    } else {
        random.u8()
    };
    bytes.push(&[flags]);
    bytes.push_random(7, random);
    ethernet(bytes, depth, random);
}

fn geneve(bytes: &mut Bytes, depth: usize, random: &mut Random) {
    udp(2, bytes, random);
    let options = match random.below(10) {
        0..4 => 0,
        4..8 => random.between(1, 4) as u8,
        8 => random.pick(&[16, 31, 63]),
        _ => random.below(64) as u8,
    };
    let version = if random.percent(95) {
        0
    } else {
        random.u8() & 0xc0
    };
    // Critical options may be there; control packets have no packet inside.
    let control = if random.percent(5) { 0x80 } else { 0 };
    bytes.push(&[version | options, control | (random.u8() & 0x7f)]);
    let content = content(random);
    bytes.push(&content.ethertype(random).to_be_bytes());
    bytes.push_random(4, random);
    let missing = usize::from(random.percent(3));
    bytes.push_random(usize::from(options).saturating_sub(missing) * 4, random);
    inside(content, bytes, depth, random);
}

fn gre(bytes: &mut Bytes, depth: usize, random: &mut Random) {
    // Checksum, routing, key, sequence number.
    let present = match random.below(10) {
        0..3 => 0,
        3 => random.u8(),
        4 => 0x40 | (random.u8() & 0xb0),
        _ => random.u8() & 0xb0,
    };
    let version = match random.below(20) {
        // PPTP.
        0 => 1,
        1 => random.u8(),
        _ => 0,
    };
    bytes.push(&[present, version]);
    let content = content(random);
    bytes.push(&content.ethertype(random).to_be_bytes());
    let fields = (present & 0xb0).count_ones() as usize;
    bytes.push_random(fields * 4, random);
    inside(content, bytes, depth, random);
}

/// Appends an IPv4 packet, as its protocol number announces, in most cases.
fn ipv4_in_ip(bytes: &mut Bytes, depth: usize, random: &mut Random) {
    let family = if random.percent(97) {
        Family::Ipv4
    } else {
        Family::Ipv6
    };
    inside(Content::Ip(family), bytes, depth, random);
}

/// Appends an IPv6 packet likewise.
fn ipv6_in_ip(bytes: &mut Bytes, depth: usize, random: &mut Random) {
    let family = if random.percent(97) {
        Family::Ipv6
    } else {
        Family::Ipv4
    };
    inside(Content::Ip(family), bytes, depth, random);
}

fn ethernet(bytes: &mut Bytes, depth: usize, random: &mut Random) {
    bytes.push_random(12, random);
    let tags = match random.below(10) {
        0..6 => 0,
        6..9 => random.between(1, 2),
        _ => 3,
    };
    for _ in 0..tags {
        // Of customers and of providers; the third one is none that the standards know.
        let tag: u16 = random.pick(&[0x8100, 0x8100, 0x88a8, 0x88a8, 0x9100]);
        bytes.push(&tag.to_be_bytes());
        bytes.push_random(2, random);
    }
    let content = Content::Ip(any(random).family());
    bytes.push(&content.ethertype(random).to_be_bytes());
    inside(content, bytes, depth, random);
}

/// What is in a tunnel.
#[derive(Clone, Copy)]
enum Content {
    Ip(Family),
    Ethernet,
}

impl Content {
    /// Its Ethernet type, or sometimes any other one.
    fn ethertype(self, random: &mut Random) -> u16 {
        match (random.below(30), self) {
            // ARP, MPLS, and others.
            (0, _) => random.pick(&[0x0806, 0x8847, 0x0800, 0x86dd, 0x6558, 0]),
            (1, _) => random.u16(),
            (_, Self::Ip(Family::Ipv4)) => 0x0800,
            (_, Self::Ip(Family::Ipv6)) => 0x86dd,
            (_, Self::Ethernet) => 0x6558,
        }
    }

    fn family(self) -> Family {
        match self {
            Self::Ip(family) => family,
            Self::Ethernet => Family::Ipv4,
        }
    }
}

/// A packet of either family.
fn any(random: &mut Random) -> Content {
    Content::Ip(random.pick(&Family::ALL))
}

/// A packet of either family, or bridged Ethernet.
fn content(random: &mut Random) -> Content {
    match random.below(4) {
        0 => Content::Ethernet,
        _ => any(random),
    }
}

/// Appends what is in the tunnel, which may be another tunnel's packet.
fn inside(content: Content, bytes: &mut Bytes, depth: usize, random: &mut Random) {
    match content {
        Content::Ethernet => ethernet(bytes, depth, random),
        Content::Ip(_) if depth >= layer4::MAX_DEPTH => {
            bytes.push_random(random.below(60), random);
        }
        Content::Ip(family) => match random.below(10) {
            0 => packet(family, bytes, depth + 1, random),
            1 => error(family, bytes, depth + 1, random),
            _ => ip(family, bytes, depth + 1, random),
        },
    }
}
