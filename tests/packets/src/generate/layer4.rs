// SPDX-License-Identifier: GPL-2.0-only

//! Layer 4: what follows the IP headers.

use super::protocol::{AH, ICMP, ICMPV6};
use super::{ipv4, ipv6, port, Bytes, Random};

/// The most levels of errors that quote errors: one more than any walk looks into.
pub(super) const MAX_DEPTH: usize = 3;

/// A protocol that is neither an extension header nor ICMP of either family, in most cases.
pub(in super::super) fn protocol(random: &mut Random) -> u8 {
    match random.below(10) {
        0 => random.u8(),
        // GRE, IPv4 in IP, IPv6 in IP, mobility, HIP and shim6 have neither ports nor an SPI.
        1..3 => random.pick(&[47, 4, 41, 135, 139, 140]),
        // TCP, UDP, DCCP, ESP, AH, SCTP and UDP-Lite have.
        _ => random.pick(&[6, 17, 33, 50, AH, 132, 136]),
    }
}

/// Appends a header of `protocol`, whole or cut off, and a few more bytes.
pub(super) fn push(protocol: u8, bytes: &mut Bytes, depth: usize, random: &mut Random) {
    match protocol {
        ICMP => return icmp(bytes, depth, random),
        ICMPV6 => return icmpv6(bytes, depth, random),
        4 if depth < MAX_DEPTH => return ipv4::packet(bytes, depth + 1, random),
        41 if depth < MAX_DEPTH => return ipv6::packet(bytes, depth + 1, random),
        AH => {
            let len = random.between(0, 6) as u8;
            bytes.push(&[super::layer4::protocol(random), len, 0, 0]);
        }
        _ => {}
    }
    match random.below(8) {
        // Cut off in its first words.
        0 => bytes.push_random(random.below(8), random),
        _ => {
            let source = port(random);
            let destination = if random.percent(10) {
                source
            } else {
                port(random)
            };
            bytes.push(&source.to_be_bytes());
            bytes.push(&destination.to_be_bytes());
            bytes.push_random(random.below(32), random);
        }
    }
}

fn icmp(bytes: &mut Bytes, depth: usize, random: &mut Random) {
    icmp_message(bytes, random);
    quoted(true, bytes, depth, random);
}

/// Appends the header of an ICMP message, mostly of an error.
pub(super) fn icmp_message(bytes: &mut Bytes, random: &mut Random) {
    let message = match random.below(10) {
        // All types near those of the errors, which quote.
        0..2 => random.below(20) as u8,
        2 => random.u8(),
        _ => random.pick(&[3, 4, 5, 11, 12]),
    };
    message_of(message, bytes, random);
}

fn icmpv6(bytes: &mut Bytes, depth: usize, random: &mut Random) {
    icmpv6_message(bytes, random);
    quoted(false, bytes, depth, random);
}

/// Appends the header of an ICMPv6 message, mostly of an error.
pub(super) fn icmpv6_message(bytes: &mut Bytes, random: &mut Random) {
    let message = match random.below(10) {
        0 => random.u8(),
        1..4 => random.pick(&[0, 127, 128, 129, 135, 255]),
        _ => random.pick(&[1, 2, 3, 4, 100, 127]),
    };
    message_of(message, bytes, random);
}

/// Appends a header of 8 bytes.
fn message_of(message: u8, bytes: &mut Bytes, random: &mut Random) {
    bytes.push(&[message, random.pick(&[0, 1, 4])]);
    bytes.push_random(6, random);
}

/// Appends the packet that an error quotes, mostly one of the same family.
fn quoted(same_is_ipv4: bool, bytes: &mut Bytes, depth: usize, random: &mut Random) {
    if depth >= MAX_DEPTH {
        return bytes.push_random(random.below(60), random);
    }
    match (random.below(16), same_is_ipv4) {
        (0, _) => {}
        (1, _) => bytes.push_random(random.below(80), random),
        (2, true) | (3.., false) => ipv6::packet(bytes, depth + 1, random),
        (2, false) | (3.., true) => ipv4::packet(bytes, depth + 1, random),
    }
}
