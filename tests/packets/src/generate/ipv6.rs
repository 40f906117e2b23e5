// SPDX-License-Identifier: GPL-2.0-only

//! IPv6 packets, with extension headers in any order and number.

use super::protocol::{self, AH, DESTINATION, FRAGMENT, HOP_BY_HOP, NONE, ROUTING};
use super::{address, layer4, Bytes, Random};

/// The most extension headers of a packet, which is more than the kernel follows.
const MAX_EXTENSIONS: usize = 14;

/// Appends an IPv6 packet.
pub(super) fn packet(bytes: &mut Bytes, depth: usize, random: &mut Random) {
    around(bytes, random, protocol, |protocol, bytes, random| {
        layer4::push(protocol, bytes, depth, random);
    });
}

/// Appends an IPv6 packet of this protocol, and with this after its headers.
pub(super) fn around(
    bytes: &mut Bytes,
    random: &mut Random,
    protocol: impl FnOnce(&mut Random) -> u8,
    payload: impl FnOnce(u8, &mut Bytes, &mut Random),
) {
    let start = bytes.len();
    // "Next header" fields, in order: the last one is of layer 4.
    let mut chain = [0; MAX_EXTENSIONS + 1];
    let extensions = match random.below(10) {
        0..3 => 0,
        3..7 => random.between(1, 3),
        7 => random.between(4, 11),
        _ => random.between(11, MAX_EXTENSIONS),
    };
    // A fragment header ends many walks; without one, the walk gets further along the chain.
    let fragments = random.percent(50);
    for next in &mut chain[..extensions] {
        *next = extension(fragments, random);
    }
    chain[extensions] = protocol(random);

    let version = if random.percent(97) { 6 } else { random.u8() };
    bytes.push(&[(version << 4) | (random.u8() & 0x0f)]);
    bytes.push_random(3, random);
    bytes.push(&[0, 0, chain[0], random.u8()]);
    let source: [u8; 16] = address(random);
    let destination = if random.percent(5) {
        source
    } else {
        address(random)
    };
    bytes.push(&source);
    bytes.push(&destination);
    for pair in chain[..=extensions].windows(2) {
        push_extension(pair[0], pair[1], bytes, random);
    }
    payload(chain[extensions], bytes, random);

    let payload = match random.below(8) {
        // Jumbograms have zero.
        0 => random.pick(&[0, 1, 0x7fff, 0xffff]),
        1 => random.u16(),
        _ => bytes.len().saturating_sub(start + 40) as u16,
    };
    bytes.put(start + 4, &payload.to_be_bytes());
}

fn protocol(random: &mut Random) -> u8 {
    match random.below(10) {
        0..4 => protocol::ICMPV6,
        4 => random.pick(&[NONE, protocol::ICMP, FRAGMENT, ROUTING]),
        _ => layer4::protocol(random),
    }
}

fn extension(fragments: bool, random: &mut Random) -> u8 {
    match random.below(40) {
        0 => AH,
        1 => NONE,
        // Mobility and HIP, which are layer 4 to the kernel.
        2 => random.pick(&[135, 139]),
        3..9 if fragments => FRAGMENT,
        _ => random.pick(&[HOP_BY_HOP, ROUTING, DESTINATION, DESTINATION]),
    }
}

/// Appends an extension header of type `this` that announces `next`.
fn push_extension(this: u8, next: u8, bytes: &mut Bytes, random: &mut Random) {
    match this {
        FRAGMENT => {
            bytes.push(&[next, random.pick(&[0, 0, 0xff])]);
            // An offset of zero, with any of the three low bits, is a first fragment.
            let offset = match random.below(10) {
                0..6 => random.pick(&[0, 1, 6, 7]),
                6 => 8,
                7 => 1 << random.below(16),
                _ => random.u16(),
            };
            bytes.push(&offset.to_be_bytes());
            bytes.push_random(4, random);
        }
        AH => {
            let units = random.between(0, 6);
            bytes.push(&[next, units as u8, 0, 0]);
            bytes.push_random(units * 4 + 4, random);
        }
        _ => {
            let units = match random.below(100) {
                0..85 => 0,
                85..97 => random.between(1, 3),
                97 => random.pick(&[16, 127, 128, 255]),
                _ => random.below(256),
            };
            // A header that claims more bytes than there are must end the walk.
            let there = match random.percent(98) {
                true => units,
                false => units.saturating_sub(1),
            };
            // The type of a routing header (2 is Mobile IPv6) and its segments left (0 at the end).
            let third = random.pick(&[0, 1, 2, 4]);
            bytes.push(&[next, units as u8, third, random.pick(&[0, 1, 255])]);
            bytes.push_random(there * 8 + 4, random);
        }
    }
}
