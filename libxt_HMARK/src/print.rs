// SPDX-License-Identifier: GPL-2.0-only

//! A rule as `-L` shows it.

use hmark::rule::{flag, Rule};

use crate::ffi::{put, put_netmask, put_number, Family, NumberFormat};
use crate::numbers;

const MOD: NumberFormat = NumberFormat::new(c"mod %u ");
const OFFSET: NumberFormat = NumberFormat::new(c"+ 0x%x ");

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
    numbers::each(rule, |name, _, number| {
        put(name);
        put_number(numbers::LISTED, number);
    });
}
