// SPDX-License-Identifier: GPL-2.0-only

//! A rule as iptables-save and `-S` show it: the options that make it again.

use hmark::rule::{flag, Rule};

use crate::ffi::{prefix_length, put, put_number, Family, NumberFormat};

const SRC_PREFIX: NumberFormat = NumberFormat::new(c" --hmark-src-prefix %d");
const DST_PREFIX: NumberFormat = NumberFormat::new(c" --hmark-dst-prefix %d");
const SPORT_MASK: NumberFormat = NumberFormat::new(c" --hmark-sport-mask 0x%04x");
const DPORT_MASK: NumberFormat = NumberFormat::new(c" --hmark-dport-mask 0x%04x");
const SPI_MASK: NumberFormat = NumberFormat::new(c" --hmark-spi-mask 0x%08x");
const SPORT: NumberFormat = NumberFormat::new(c" --hmark-sport 0x%04x");
const DPORT: NumberFormat = NumberFormat::new(c" --hmark-dport 0x%04x");
const SPI: NumberFormat = NumberFormat::new(c" --hmark-spi 0x%08x");
const PROTO_MASK: NumberFormat = NumberFormat::new(c" --hmark-proto-mask 0x%02x");
const RND: NumberFormat = NumberFormat::new(c" --hmark-rnd 0x%08x");
const MOD: NumberFormat = NumberFormat::new(c" --hmark-mod %u");
const OFFSET: NumberFormat = NumberFormat::new(c" --hmark-offset %u");

/// Prints the options to standard output.
pub fn save(rule: &Rule, family: Family) {
    // Only where it is printed: libxtables counts the bits of a mask one by one.
    let prefix = |flag, mask| match rule.flags & flag {
        0 => 0,
        _ => prefix_length(mask, family) as u32,
    };
    let mask = u32::from_be(rule.port_mask);
    let set = u32::from_be(rule.port_set);
    for (flag, format, number) in [
        (
            flag::SADDR_MASK,
            SRC_PREFIX,
            prefix(flag::SADDR_MASK, &rule.src_mask),
        ),
        (
            flag::DADDR_MASK,
            DST_PREFIX,
            prefix(flag::DADDR_MASK, &rule.dst_mask),
        ),
        (flag::SPORT_MASK, SPORT_MASK, mask >> 16),
        (flag::DPORT_MASK, DPORT_MASK, mask & 0xffff),
        (flag::SPI_MASK, SPI_MASK, mask),
        (flag::SPORT, SPORT, set >> 16),
        (flag::DPORT, DPORT, set & 0xffff),
        (flag::SPI, SPI, set),
        (flag::PROTO_MASK, PROTO_MASK, u32::from(rule.proto_mask)),
        (flag::RND, RND, rule.hashrnd),
        (flag::MODULUS, MOD, rule.hmodulus),
        (flag::OFFSET, OFFSET, rule.hoffset),
    ] {
        if rule.flags & flag != 0 {
            put_number(format, number);
        }
    }
    if rule.flags & flag::CT != 0 {
        put(c" --hmark-tuple ct");
    }
}
