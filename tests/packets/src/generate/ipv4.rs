// SPDX-License-Identifier: GPL-2.0-only

//! IPv4 packets.

use super::{address, layer4, protocol, Bytes, Random};

/// Appends an IPv4 packet.
pub(super) fn packet(bytes: &mut Bytes, depth: usize, random: &mut Random) {
    around(bytes, random, protocol, |protocol, bytes, random| {
        layer4::push(protocol, bytes, depth, random);
    });
}

/// Appends an IPv4 packet of this protocol, and with this after its header.
pub(super) fn around(
    bytes: &mut Bytes,
    random: &mut Random,
    protocol: impl FnOnce(&mut Random) -> u8,
    payload: impl FnOnce(u8, &mut Bytes, &mut Random),
) {
    let start = bytes.len();
    let words = match random.below(10) {
        0..6 => 5,
        6..9 => random.between(6, 15) as u8,
        _ => random.below(16) as u8,
    };
    let version = if random.percent(97) { 4 } else { random.u8() };
    let protocol = protocol(random);
    bytes.push(&[(version << 4) | words, random.u8(), 0, 0]);
    bytes.push(&random.u16().to_be_bytes());
    bytes.push(&fragment(random).to_be_bytes());
    bytes.push(&[random.u8(), protocol, random.u8(), random.u8()]);
    let source: [u8; 4] = address(random);
    let destination = if random.percent(5) {
        source
    } else {
        address(random)
    };
    bytes.push(&source);
    bytes.push(&destination);

    // If a header claims to be shorter than it is, layer 4 starts inside it.
    let options = usize::from(words.saturating_sub(5)) * 4;
    if random.percent(95) {
        bytes.push_random(options, random);
    }
    payload(protocol, bytes, random);

    let len = match random.below(8) {
        0 => random.u16(),
        _ => (bytes.len() - start) as u16,
    };
    bytes.put(start + 2, &len.to_be_bytes());
}

fn protocol(random: &mut Random) -> u8 {
    match random.below(10) {
        0..4 => protocol::ICMP,
        4 => random.pick(&[protocol::ICMPV6, 0, 2]),
        _ => layer4::protocol(random),
    }
}

/// Flags and fragment offset.
fn fragment(random: &mut Random) -> u16 {
    match random.below(20) {
        0..9 => 0,
        9..12 => 0x4000,
        12 => 0x8000,
        13 => 0xc000,
        14 => 0x2000,
        15 => 0x6000,
        16 => 1 << random.below(16),
        17 => random.between(1, 0x1fff) as u16,
        _ => random.u16(),
    }
}
