// SPDX-License-Identifier: GPL-2.0-only

//! Rules: those that iptables makes, and any others that the kernel may accept or refuse.

use super::super::conntrack::words;
use super::super::hmark::rule::v0::{flag, Info};
use super::super::Random;

/// Number of the ABI's flags.
const FLAGS: usize = flag::ALL.count_ones() as usize;

/// A rule, which the kernel may have to refuse.
pub fn rule(random: &mut Random) -> Info {
    Info {
        src_mask: address_mask(random),
        dst_mask: address_mask(random),
        port_mask: port_mask(random),
        port_set: match random.below(4) {
            0 => random.u32(),
            1 => random.u32() & random.u32() & random.u32(),
            _ => 0,
        },
        flags: flags(random),
        proto_mask: match random.below(8) {
            0 => random.u16(),
            1..3 => 0,
            3 => 0x00ff,
            _ => 0xffff,
        },
        hashrnd: match random.below(4) {
            0 => random.pick(&[0, 1, u32::MAX, 0xc175_a3b8]),
            _ => random.u32(),
        },
        // With few buckets, different hashes would often give the same mark.
        hmodulus: match random.below(16) {
            0 => random.pick(&[0, 1, 2, 4, 1 << 31]),
            1 => random.between(1, 1000) as u32,
            2 => random.u32(),
            _ => u32::MAX,
        },
        hoffset: match random.below(4) {
            0 => random.u32(),
            1 => random.pick(&[1, 100, 1 << 31, u32::MAX]),
            _ => 0,
        },
    }
}

/// A valid rule that tells packets apart by everything that can be hashed.
pub const fn sharp_rule() -> Info {
    Info {
        src_mask: [u32::MAX; 4],
        dst_mask: [u32::MAX; 4],
        port_mask: u32::MAX,
        port_set: 0,
        flags: 0,
        proto_mask: 0xffff,
        hashrnd: 0xc175_a3b8,
        hmodulus: u32::MAX,
        hoffset: 0,
    }
}

fn flags(random: &mut Random) -> u32 {
    match random.below(8) {
        0 => random.u32(),
        1 => random.u32() & flag::ALL,
        2 => flag::CT,
        3 => flag::METHOD_L3,
        4 => flag::METHOD_L3 | flag::CT,
        // Any two, of which some exclude each other.
        5 => (1 << random.below(FLAGS)) | (1 << random.below(FLAGS)),
        _ => flag::SADDR_MASK | flag::DADDR_MASK | flag::SPORT_MASK | flag::DPORT_MASK,
    }
}

fn address_mask(random: &mut Random) -> [u32; 4] {
    match random.below(8) {
        0 => [0; 4],
        1 => core::array::from_fn(|_| random.u32()),
        // A prefix.
        2 => words(!(u128::MAX.checked_shr(random.below(129) as u32).unwrap_or(0))),
        // Each word in turn, since an IPv6 address is folded by words.
        3 => {
            let mut mask = [0; 4];
            mask[random.below(4)] = u32::MAX;
            mask
        }
        _ => [u32::MAX; 4],
    }
}

fn port_mask(random: &mut Random) -> u32 {
    match random.below(8) {
        0 => 0,
        1 => random.u32(),
        2 => 0xffff_0000_u32.to_be(),
        3 => 0x0000_ffff_u32.to_be(),
        _ => u32::MAX,
    }
}
