// SPDX-License-Identifier: GPL-2.0-only

//! Random packets and rules: well-formed ones, all the corner cases of the walk over headers, and
//! nonsense.

mod ipv4;
mod ipv6;
pub(super) mod layer4;
mod rule;
mod rule_v1;
mod tunnel;

pub use rule::{rule, sharp_rule};
pub use rule_v1::{mend, rule_v1, sharp_rule_v1};

use super::hmark::Family;
use super::{protocol, Bytes, Random};

/// The UDP ports of GTP-U, VXLAN and GENEVE.
const TUNNEL_PORTS: [u16; 3] = [2152, 4789, 6081];

/// Makes a packet of at least [`Family::header_len`] bytes.
pub fn packet(family: Family, bytes: &mut Bytes, random: &mut Random) {
    bytes.clear();
    if random.percent(4) {
        bytes.push_random(random.between(1, 200), random);
    } else {
        ip(family, bytes, 0, random);
    }
    complete(family, bytes, random);
}

/// Makes a packet for a rule that looks into tunnels: mostly one of a tunnel, or an error about one.
pub fn packet_v1(family: Family, bytes: &mut Bytes, random: &mut Random) {
    match random.below(10) {
        0..2 => return packet(family, bytes, random),
        2 => {
            bytes.clear();
            tunnel::error(family, bytes, 0, random);
        }
        _ => {
            bytes.clear();
            tunnel::packet(family, bytes, 0, random);
        }
    }
    complete(family, bytes, random);
}

/// Appends a packet of the family.
fn ip(family: Family, bytes: &mut Bytes, depth: usize, random: &mut Random) {
    match family {
        Family::Ipv4 => ipv4::packet(bytes, depth, random),
        Family::Ipv6 => ipv6::packet(bytes, depth, random),
    }
}

/// Makes a packet as long as every hook sees it, and sometimes spoils it.
fn complete(family: Family, bytes: &mut Bytes, random: &mut Random) {
    let missing = family.header_len().saturating_sub(bytes.len());
    bytes.push_random(missing, random);
    if random.percent(15) {
        spoil(bytes, random);
    }
}

/// Changes a few bits or bytes of a packet, which must have some.
pub fn spoil(bytes: &mut Bytes, random: &mut Random) {
    let len = bytes.len();
    // Most headers are near the start.
    let reach = if random.percent(70) { len.min(80) } else { len };
    for _ in 0..random.between(1, 4) {
        let byte = &mut bytes.as_mut_slice()[random.below(reach)];
        *byte = match random.below(4) {
            0 => random.u8(),
            1 => random.pick(&[0x00, 0x01, 0x7f, 0x80, 0xff]),
            _ => *byte ^ (1 << random.below(8)),
        };
    }
}

/// An address, often from a small set, so that source and destination may be equal.
pub(super) fn address<const N: usize>(random: &mut Random) -> [u8; N] {
    let mut address = [0; N];
    match random.below(8) {
        0 => address = [random.pick(&[0x00, 0xff]); N],
        1 => address[N - 1] = random.pick(&[1, 2]),
        2 => address[0] = random.pick(&[1, 2, 0x80]),
        _ => random.fill(&mut address),
    }
    address
}

/// A port or the like, often from a small set.
pub fn port(random: &mut Random) -> u16 {
    match random.below(4) {
        0 => random.pick(&[0, 1, 80, 0x00ff, 0x0100, 0x7fff, 0x8000, 0xff00, 0xffff]),
        _ => random.u16(),
    }
}
