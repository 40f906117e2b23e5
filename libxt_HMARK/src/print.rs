// SPDX-License-Identifier: GPL-2.0-only

//! A rule as `-L` shows it.

use hmark::rule::{flag, Rule};

use crate::ffi::{with_netmask, Family};
use crate::line::Line;
use crate::numbers;

/// Writes the rule to `line`.
pub fn print(rule: &Rule, family: Family, line: &mut Line) {
    let given = |flag| rule.flags & flag != 0;
    line.text(c" HMARK ");
    if given(flag::MODULUS) {
        line.text(c"mod ").decimal(rule.hmodulus).text(c" ");
    }
    if given(flag::OFFSET) {
        line.text(c"+ ").hex(rule.hoffset, 1).text(c" ");
    }
    if given(flag::CT) {
        line.text(c"ct, ");
    }
    for (flag, name, mask) in [
        (flag::SADDR_MASK, c"src-prefix ", &rule.src_mask),
        (flag::DADDR_MASK, c"dst-prefix ", &rule.dst_mask),
    ] {
        if given(flag) {
            line.text(name);
            with_netmask(mask, family, line);
            line.text(c" ");
        }
    }
    numbers::each(rule, line, |line, name, number, _| {
        line.text(name).text(c" ").hex(number, 1).text(c" ");
    });
}
