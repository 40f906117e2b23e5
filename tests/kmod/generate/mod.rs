// SPDX-License-Identifier: GPL-2.0-only

//! Random packets, rules, connections and layouts in memory: well-formed ones, all the corner cases
//! of the walk over headers, and nonsense.
//!
//! This is used in the kernel (`fuzz.rs`) and, included by path, in user space. It allocates
//! nothing, and bases every decision on a [`Random`]. The crate that includes it must have `rule`
//! and `Family` of the crate `hmark` in its root.

mod bytes;
mod connection;
mod ipv4;
mod ipv6;
mod layer4;
mod layout;
pub(crate) mod protocol;
mod random;
mod rule;

pub(crate) use bytes::{Bytes, CAPACITY};
pub(crate) use connection::{connection, Conntrack, End};
pub(crate) use layout::{Layout, MAX_HEADROOM};
pub(crate) use random::Random;
pub(crate) use rule::{rule, sharp as sharp_rule};

use crate::Family;

/// Makes a packet of at least [`Family::header_len`] bytes.
pub(crate) fn packet(family: Family, bytes: &mut Bytes, random: &mut Random) {
    bytes.clear();
    if random.percent(4) {
        bytes.push_random(random.between(1, 200), random);
    } else {
        match family {
            Family::Ipv4 => ipv4::packet(bytes, 0, random),
            Family::Ipv6 => ipv6::packet(bytes, 0, random),
        }
    }
    let missing = family.header_len().saturating_sub(bytes.len());
    bytes.push_random(missing, random);
    if random.percent(15) {
        spoil(bytes, random);
    }
}

/// Changes a few bits or bytes.
fn spoil(bytes: &mut Bytes, random: &mut Random) {
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
fn address<const N: usize>(random: &mut Random) -> [u8; N] {
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
fn port(random: &mut Random) -> u16 {
    match random.below(4) {
        0 => random.pick(&[0, 1, 80, 0x00ff, 0x0100, 0x7fff, 0x8000, 0xff00, 0xffff]),
        _ => random.u16(),
    }
}
