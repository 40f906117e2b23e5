// SPDX-License-Identifier: GPL-2.0-only

//! A rule as `-L` shows it.

use hmark::rule::{flag, Rule};

use crate::ffi::{put, put_netmask, put_number, Family, NumberFormat};

const MOD: NumberFormat = NumberFormat::new(c"mod %u ");
const OFFSET: NumberFormat = NumberFormat::new(c"+ 0x%x ");
const SPORT_MASK: NumberFormat = NumberFormat::new(c"sport-mask 0x%x ");
const DPORT_MASK: NumberFormat = NumberFormat::new(c"dport-mask 0x%x ");
const SPI_MASK: NumberFormat = NumberFormat::new(c"spi-mask 0x%x ");
const SPORT: NumberFormat = NumberFormat::new(c"sport 0x%x ");
const DPORT: NumberFormat = NumberFormat::new(c"dport 0x%x ");
const SPI: NumberFormat = NumberFormat::new(c"spi 0x%x ");
const PROTO_MASK: NumberFormat = NumberFormat::new(c"proto-mask 0x%x ");
const RND: NumberFormat = NumberFormat::new(c"rnd 0x%x ");

/// Prints the rule to standard output.
pub fn print(rule: &Rule, family: Family) {
    let given = |flag| rule.flags & flag != 0;
    put(c" HMARK ");
    if given(flag::MODULUS) {
        put_number(MOD, rule.hmodulus);
    }
    if given(flag::OFFSET) {
        put_number(OFFSET, rule.hoffset);
    }
    if given(flag::CT) {
        put(c"ct, ");
    }
    if given(flag::SADDR_MASK) {
        put(c"src-prefix ");
        put_netmask(&rule.src_mask, family);
        put(c" ");
    }
    if given(flag::DADDR_MASK) {
        put(c"dst-prefix ");
        put_netmask(&rule.dst_mask, family);
        put(c" ");
    }
    let mask = u32::from_be(rule.port_mask);
    let set = u32::from_be(rule.port_set);
    for (flag, format, number) in [
        (flag::SPORT_MASK, SPORT_MASK, mask >> 16),
        (flag::DPORT_MASK, DPORT_MASK, mask & 0xffff),
        (flag::SPI_MASK, SPI_MASK, mask),
        (flag::SPORT, SPORT, set >> 16),
        (flag::DPORT, DPORT, set & 0xffff),
        (flag::SPI, SPI, set),
        (flag::PROTO_MASK, PROTO_MASK, u32::from(rule.proto_mask)),
        (flag::RND, RND, rule.hashrnd),
    ] {
        if given(flag) {
            put_number(format, number);
        }
    }
}
