// SPDX-License-Identifier: GPL-2.0-only

//! A second implementation of HMARK, as simple as possible, to compare `hmark` with.
//!
//! It follows the manual page and RFC 791, 792, 4443 and 8200, and shares no code with `hmark`: it
//! works on bytes in wire order, and divides where `hmark` shifts.

use hmark::rule::v0::{flag::METHOD_L3, Info};
use hmark::{Connection, Ends, Family};

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
    /// Offset of the source address; the destination address follows.
    pub addresses: usize,
    /// Length of an address.
    pub address_len: usize,
    /// Layer 4 protocol.
    pub protocol: u8,
    /// Offset of the layer 4 header, whether or not the packet is long enough to have one.
    pub layer4: usize,
    /// Offset of the ports or SPI, if there are any to hash.
    pub ports: Option<usize>,
    /// Whether all IPv4 headers claim at least the minimum length.
    pub upright: bool,
}

/// ICMP, and ICMP for IPv6.
pub(crate) const ICMP: u8 = 1;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const AH: u8 = 51;

/// Finds the tuple of a packet, or of the packet that an error quotes.
pub(crate) fn find(family: Family, packet: &[u8]) -> Found {
    match family {
        Family::Ipv4 => ipv4(packet),
        Family::Ipv6 => ipv6(packet),
    }
}

fn ipv4(packet: &[u8]) -> Found {
    ipv4_at(packet, 0, None)
}

/// Like [`ipv4`], for the packet at `at`. If an error quotes it, `quoted_by` is the length of the
/// error's own IP header.
fn ipv4_at(packet: &[u8], at: usize, quoted_by: Option<usize>) -> Found {
    let ip = tail(packet, at);
    if ip.len() < 20 {
        return Found::Untouched;
    }
    let header_len = usize::from(ip[0] % 16) * 4;
    let layer4 = at + header_len;
    let message = tail(packet, layer4);
    let is_error = message.len() >= 8 && [3, 4, 5, 11, 12].contains(&message[0]);
    if ip[9] == ICMP && is_error && quoted_by.is_none() {
        return ipv4_at(packet, layer4 + 8, Some(header_len));
    }
    let more_fragments = ip[6] & 0x20 != 0;
    let fragment_offset = usize::from(ip[6] & 0x1f) * 256 + usize::from(ip[7]);
    let whole = !more_fragments && fragment_offset == 0;
    Found::Tuple(Place {
        addresses: at + 12,
        address_len: 4,
        protocol: ip[9],
        layer4,
        ports: ports(packet, ip[9], layer4).filter(|_| whole),
        upright: header_len.min(quoted_by.unwrap_or(20)) >= 20,
    })
}

fn ipv6(packet: &[u8]) -> Found {
    match ipv6_at(packet, 0) {
        // An error is not a fragment, has a complete header of its own, and a type up to 127.
        // Type 0 is reserved.
        Some((Found::Tuple(outer), false))
            if outer.protocol == ICMPV6
                && tail(packet, outer.layer4).len() >= 8
                && (1..128).contains(&packet[outer.layer4]) =>
        {
            let start = outer.layer4 + 8;
            match ipv6_at(packet, start) {
                Some((found @ Found::Tuple(_), _)) if packet[start] / 16 == 6 => found,
                _ => Found::Untouched,
            }
        }
        Some((found, _)) => found,
        None => Found::Untouched,
    }
}

/// The tuple of the packet at `at`, and whether that is a fragment; [`None`] if there is no IPv6
/// header.
fn ipv6_at(packet: &[u8], at: usize) -> Option<(Found, bool)> {
    let ip = tail(packet, at);
    if ip.len() < 40 {
        return None;
    }
    let Some(end) = follow(packet, ip[6], at + 40, 12) else {
        return Some((Found::Nothing, false));
    };
    let found = Found::Tuple(Place {
        addresses: at + 8,
        address_len: 16,
        protocol: end.protocol,
        layer4: end.at,
        ports: ports(packet, end.protocol, end.at).filter(|_| !end.fragment),
        upright: true,
    });
    Some((found, end.fragment))
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
    let header = tail(packet, at);
    match next {
        // Hop-by-hop options, routing, fragment, AH, destination options.
        0 | 43 | 44 | AH | 60 if most == 0 || header.len() < 2 => None,
        AH => Some(end),
        0 | 43 | 60 => {
            let len = 8 + 8 * usize::from(header[1]);
            (header.len() >= len).then(|| follow(packet, header[0], at + len, most - 1))?
        }
        44 => {
            // 13 bits of offset, two reserved ones, and "more fragments".
            let is_first = header.len() >= 4 && header[2] == 0 && header[3] < 8;
            if is_first && header.len() >= 8 {
                let end = follow(packet, header[0], at + 8, most - 1)?;
                return Some(End {
                    fragment: true,
                    ..end
                });
            }
            // All that a later fragment says is which header the first one starts with.
            let is_later = header.len() >= 4 && !is_first;
            (is_later && ![0, 43, 44, AH, 60].contains(&header[0])).then_some(End {
                protocol: header[0],
                at,
                fragment: true,
            })
        }
        _ => Some(end),
    }
}

/// The offset of a protocol's ports or SPI, if it has them and the packet does not end before.
fn ports(packet: &[u8], protocol: u8, layer4: usize) -> Option<usize> {
    let at = match protocol {
        // TCP, UDP, DCCP, ESP, SCTP, UDP-Lite.
        6 | 17 | 33 | 50 | 132 | 136 => layer4,
        AH => layer4 + 4,
        _ => return None,
    };
    (tail(packet, at).len() >= 4).then_some(at)
}

/// The rest of the packet from `at` on.
fn tail(packet: &[u8], at: usize) -> &[u8] {
    packet.get(at..).unwrap_or(&[])
}

/// The mark of what was found in a packet.
pub(crate) fn mark(packet: &[u8], found: Found, rule: &Info) -> Option<u32> {
    match found {
        Found::Untouched => None,
        Found::Nothing => Some(scale(&[], &[], None, 0, rule)),
        Found::Tuple(place) => {
            let len = place.address_len;
            let (source, destination) = packet[place.addresses..][..2 * len].split_at(len);
            let ports = place.ports.map(|at| [0, 1, 2, 3].map(|n| packet[at + n]));
            Some(scale(source, destination, ports, place.protocol, rule))
        }
    }
}

/// The mark of a connection.
pub(crate) fn mark_connection(connection: &Connection, rule: &Info) -> u32 {
    let (source, destination) = match connection.ends {
        Ends::None => (Vec::new(), Vec::new()),
        Ends::Ipv4 { original, reply } => (wire(&[original]), wire(&[reply])),
        Ends::Ipv6 { original, reply } => (wire(&original), wire(&reply)),
    };
    let [a, b] = connection.original_port.to_ne_bytes();
    let [c, d] = connection.reply_port.to_ne_bytes();
    scale(
        &source,
        &destination,
        // ICMP has an id in place of ports.
        (connection.protocol != ICMP).then_some([a, b, c, d]),
        connection.protocol,
        rule,
    )
}

/// The bytes of these words in wire order.
fn wire(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// Masks and sorts, hashes, and scales to the rule's marks.
fn scale(
    source: &[u8],
    destination: &[u8],
    ports: Option<[u8; 4]>,
    protocol: u8,
    rule: &Info,
) -> u32 {
    let mut addresses = [
        fold(source, &wire(&rule.src_mask)),
        fold(destination, &wire(&rule.dst_mask)),
    ];
    addresses.sort();
    let mut pair = [0, 0];
    let mut protocol = u64::from(protocol) & u64::from(rule.proto_mask);
    if rule.flags & METHOD_L3 != 0 {
        protocol = 0;
    } else if let Some(bytes) = ports {
        let mask = rule.port_mask.to_ne_bytes();
        let set = rule.port_set.to_ne_bytes();
        let port = |n: usize| u32::from((bytes[n] & mask[n]) | set[n]);
        pair = [port(0) * 256 + port(1), port(2) * 256 + port(3)];
        pair.sort();
    }
    let ports = pair[1] * 65536 + pair[0];
    let hash = lookup3([addresses[0], addresses[1], ports], rule.hashrnd);
    let bucket = u128::from(u64::from(hash) ^ protocol) * u128::from(rule.hmodulus) / (1 << 32);
    ((bucket + u128::from(rule.hoffset)) % (1 << 32)) as u32
}

/// Masks an address, and adds up its words without carry.
fn fold(address: &[u8], mask: &[u8]) -> u32 {
    let mut folded = [0; 4];
    for (n, (byte, mask)) in address.iter().zip(mask).enumerate() {
        folded[n % 4] ^= byte & mask;
    }
    u32::from_be_bytes(folded)
}

/// Bob Jenkins' lookup3 of three words: its final mix, as a table of (to, by, bits).
fn lookup3(words: [u32; 3], seed: u32) -> u32 {
    let (a, b, c) = (0, 1, 2);
    let start = (0xdead_beef_u64 + 4 * 3 + u64::from(seed)) as u32;
    let mut state = words.map(|word| word.wrapping_add(start));
    for (to, by, bits) in [
        (c, b, 14),
        (a, c, 11),
        (b, a, 25),
        (c, b, 16),
        (a, c, 4),
        (b, a, 14),
        (c, b, 24),
    ] {
        let turned = state[by].rotate_left(bits);
        state[to] = (state[to] ^ state[by]).wrapping_sub(turned);
    }
    state[c]
}
