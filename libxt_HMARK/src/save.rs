// SPDX-License-Identifier: GPL-2.0-only

//! A rule as iptables-save and `-S` show it: the options that make it again.

use hmark::rule::{flag, Rule};

use crate::ffi::{prefix_length, put, put_number, Family, NumberFormat};
use crate::numbers;

const SRC_PREFIX: NumberFormat = NumberFormat::new(c" --hmark-src-prefix %d");
const DST_PREFIX: NumberFormat = NumberFormat::new(c" --hmark-dst-prefix %d");
const MOD: NumberFormat = NumberFormat::new(c" --hmark-mod %u");
const OFFSET: NumberFormat = NumberFormat::new(c" --hmark-offset %u");

/// Prints the options to standard output.
pub fn save(rule: &Rule, family: Family) {
    let given = |flag| rule.flags & flag != 0;
    if given(flag::SADDR_MASK) {
        put_number(SRC_PREFIX, prefix_length(&rule.src_mask, family) as u32);
    }
    if given(flag::DADDR_MASK) {
        put_number(DST_PREFIX, prefix_length(&rule.dst_mask, family) as u32);
    }
    numbers::each(rule, |name, format, number| {
        put(c" --hmark-");
        put(name);
        put_number(format, number);
    });
    if given(flag::MODULUS) {
        put_number(MOD, rule.hmodulus);
    }
    if given(flag::OFFSET) {
        put_number(OFFSET, rule.hoffset);
    }
    if given(flag::CT) {
        put(c" --hmark-tuple ct");
    }
}
