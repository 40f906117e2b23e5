// SPDX-License-Identifier: GPL-2.0-only

//! A rule as iptables-save and `-S` show it: the options that make it again.

use hmark::rule::{flag, Rule};

use crate::ffi::{prefix_length, Family};
use crate::line::Line;
use crate::numbers;

/// Writes the options to `line`.
pub fn save(rule: &Rule, family: Family, line: &mut Line) {
    let given = |flag| rule.flags & flag != 0;
    for (flag, name, mask) in [
        (flag::SADDR_MASK, c" --hmark-src-prefix ", &rule.src_mask),
        (flag::DADDR_MASK, c" --hmark-dst-prefix ", &rule.dst_mask),
    ] {
        if given(flag) {
            line.text(name);
            match prefix_length(mask, family) {
                Some(length) => line.decimal(length),
                None => line.text(c"-1"),
            };
        }
    }
    numbers::each(rule, line, |line, name, number, digits| {
        line.text(c" --hmark-").text(name);
        line.text(c" ").hex(number, digits);
    });
    if given(flag::MODULUS) {
        line.text(c" --hmark-mod ").decimal(rule.hmodulus);
    }
    if given(flag::OFFSET) {
        line.text(c" --hmark-offset ").decimal(rule.hoffset);
    }
    if given(flag::CT) {
        line.text(c" --hmark-tuple ct");
    }
}
