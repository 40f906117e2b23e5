// SPDX-License-Identifier: GPL-2.0-only

//! From a packet or a connection to the mark.

use super::hash::{lookup3, siphash13};
use super::redraw::draw;
use super::walk::{find_at, ICMP};
use super::{bytes, tunnel, Family, Found, Place, Rule};

/// A packet's connection in conntrack. Addresses and ports are bytes in wire order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// `NFPROTO_*`: 2 or 10. Any other number stands for a template, which has no addresses.
    pub l3num: u16,
    /// The source addresses of the original and the reply direction; IPv4 has the first 4 bytes.
    pub addresses: [[u8; 16]; 2],
    /// The source ports of both directions, or what conntrack has in their place.
    pub ports: [[u8; 2]; 2],
    /// Layer 4 protocol.
    pub protocol: u8,
}

/// An end of a tuple.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    /// IPv4 has the first 4 bytes; the others are zero.
    address: [u8; 16],
    port: [u8; 2],
}

/// A tuple: before the masks of the rule, or after.
#[derive(Clone, Copy, Debug)]
struct Tuple {
    family: Family,
    ends: [End; 2],
    has_ports: bool,
    protocol: u8,
}

/// Finds what a rule of `family` hashes of a packet.
pub fn find(family: Family, packet: &[u8], rule: &Rule) -> Found {
    match find_at(family, packet, 0) {
        Found::Tuple(outer) => Found::Tuple(tunnel::inner(packet, &outer, rule).unwrap_or(outer)),
        found => found,
    }
}

/// The new mark of a packet by a rule of `family`; [`None`] if the old one stays.
pub fn mark(family: Family, packet: &[u8], rule: &Rule, old: u32) -> Option<u32> {
    mark_found(family, packet, find(family, packet, rule), rule, old)
}

/// The new mark of a packet in which [`find`] found this.
pub fn mark_found(
    family: Family,
    packet: &[u8],
    found: Found,
    rule: &Rule,
    old: u32,
) -> Option<u32> {
    let tuple = match found {
        Found::Untouched => return None,
        Found::Nothing => Tuple {
            family,
            ends: [End::default(); 2],
            has_ports: false,
            protocol: 0,
        },
        Found::Tuple(place) => {
            let masks = [&rule.src_mask, &rule.dst_mask].map(|mask| match place.family == family {
                true => *mask,
                // The mask has no meaning for this address but whether there is one.
                false => match mask
                    .iter()
                    .take(family.address_len())
                    .all(|byte| *byte == 0)
                {
                    true => [0; 16],
                    false => [0xff; 16],
                },
            });
            masked(at(packet, &place, rule)?, masks, rule)
        }
    };
    Some(mark_tuple(&tuple, rule, old))
}

/// The new mark of a connection's packet; [`None`] if the old one stays.
pub fn mark_connection(connection: &Connection, rule: &Rule, old: u32) -> Option<u32> {
    let family = match connection.l3num {
        2 => Some(Family::Ipv4),
        10 => Some(Family::Ipv6),
        _ if rule.hashes_templates => None,
        _ => return None,
    };
    let [mut original, mut reply] = connection.addresses;
    // The family does not matter to revision 0's hash of no addresses.
    let len = family.map_or(0, Family::address_len);
    for address in [&mut original, &mut reply] {
        address.iter_mut().skip(len).for_each(|byte| *byte = 0);
    }
    let [original_port, reply_port] = connection.ports;
    let tuple = Tuple {
        family: family.unwrap_or(Family::Ipv4),
        ends: [
            End {
                address: original,
                port: original_port,
            },
            End {
                address: reply,
                port: reply_port,
            },
        ],
        // ICMP has an id in place of ports.
        has_ports: connection.protocol != ICMP,
        protocol: connection.protocol,
    };
    let tuple = masked(tuple, [rule.src_mask, rule.dst_mask], rule);
    Some(mark_tuple(&tuple, rule, old))
}

/// The tuple at a place, in the direction that the rule wants it.
fn at(packet: &[u8], place: &Place, rule: &Rule) -> Option<Tuple> {
    let address = |at| match place.family {
        Family::Ipv4 => {
            let [a, b, c, d]: [u8; 4] = bytes(packet, at)?;
            Some([a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        }
        Family::Ipv6 => bytes(packet, at),
    };
    let [a, b, c, d]: [u8; 4] = match place.ports {
        Some(at) => bytes(packet, at)?,
        None => [0; 4],
    };
    let mut addresses = [
        address(place.addresses)?,
        address(place.addresses + place.family.address_len())?,
    ];
    let mut ports = [[a, b], [c, d]];
    if rule.reverses_errors() && place.quotes % 2 == 1 {
        addresses.reverse();
        // ESP and AH have an SPI, which is one number.
        if ![50, 51].contains(&place.protocol) {
            ports.reverse();
        }
    }
    let ([source, destination], [source_port, destination_port]) = (addresses, ports);
    Some(Tuple {
        family: place.family,
        ends: [
            End {
                address: source,
                port: source_port,
            },
            End {
                address: destination,
                port: destination_port,
            },
        ],
        has_ports: place.ports.is_some(),
        protocol: place.protocol,
    })
}

/// What of a tuple the rule hashes.
fn masked(tuple: Tuple, masks: [[u8; 16]; 2], rule: &Rule) -> Tuple {
    let [a, b, c, d] = rule.port_mask;
    let [e, f, g, h] = rule.port_set;
    let port_masks = [[a, b], [c, d]];
    let port_sets = [[e, f], [g, h]];
    let mut ends = tuple.ends;
    for ((end, mask), (port_mask, port_set)) in ends
        .iter_mut()
        .zip(masks)
        .zip(port_masks.into_iter().zip(port_sets))
    {
        for (byte, mask) in end.address.iter_mut().zip(mask) {
            *byte &= mask;
        }
        for (byte, (mask, set)) in end.port.iter_mut().zip(port_mask.into_iter().zip(port_set)) {
            *byte = match tuple.has_ports && !rule.layer3_only() {
                true => (*byte & mask) | set,
                false => 0,
            };
        }
    }
    let protocol = match rule.layer3_only() {
        true => 0,
        false => tuple.protocol & (rule.proto_mask % 256) as u8,
    };
    Tuple {
        ends,
        protocol,
        ..tuple
    }
}

/// Hashes a masked tuple, draws a bucket, and merges it into the old mark.
fn mark_tuple(tuple: &Tuple, rule: &Rule, old: u32) -> u32 {
    let hash = match rule.key() {
        Some(key) => keyed(tuple, key),
        None => seeded(tuple, rule.seed),
    };
    let drawn = draw(hash, rule.from(), rule.modulus, rule.less());
    rule.merge(old, drawn.mark)
}

/// Sorts addresses and ports, each for themselves, and hashes them.
fn seeded(tuple: &Tuple, seed: u32) -> u32 {
    let mut addresses = tuple.ends.map(|end| fold(&end.address));
    addresses.sort_unstable();
    let mut ports = tuple
        .ends
        .map(|end| u32::from(u16::from_be_bytes(end.port)));
    ports.sort_unstable();
    let hash = lookup3(
        [addresses[0], addresses[1], ports[1] * 65536 + ports[0]],
        seed,
    );
    hash ^ u32::from(tuple.protocol)
}

/// Adds up the words of an address without carry.
fn fold(address: &[u8; 16]) -> u32 {
    let mut folded = [0; 4];
    for word in address.chunks(4) {
        for (sum, byte) in folded.iter_mut().zip(word) {
            *sum ^= byte;
        }
    }
    u32::from_be_bytes(folded)
}

/// The lower half of the keyed hash of both ends, the lesser first: addresses, ports, protocol.
fn keyed(tuple: &Tuple, key: &[u8; 16]) -> u32 {
    let mut ends = tuple.ends;
    ends.sort_unstable();
    let [lesser, greater] = &ends;
    let len = tuple.family.address_len();
    let mut message = [0; 37];
    let mut place = message.iter_mut();
    let addresses = [lesser, greater]
        .into_iter()
        .flat_map(|end| end.address.iter().take(len));
    let ports = [lesser, greater].into_iter().flat_map(|end| &end.port);
    let mut used = 0;
    for byte in addresses.chain(ports).chain([&tuple.protocol]) {
        if let Some(to) = place.next() {
            *to = *byte;
            used += 1;
        }
    }
    (siphash13(key, message.get(..used).unwrap_or(&[])) % (1 << 32)) as u32
}
