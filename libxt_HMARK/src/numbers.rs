// SPDX-License-Identifier: GPL-2.0-only

//! The numbers that `-L` and iptables-save both show by name, in the order that both have.

use core::ffi::CStr;

use hmark::rule::{flag, Rule};

use crate::line::Line;

/// Writes a number: the option without `--hmark-`, the number in host byte order, and how many
/// hexadecimal digits iptables-save shows at least.
type Show = fn(&mut Line, &'static CStr, u32, usize);

/// Has each number that the rule was given written to `line`.
#[inline(never)]
pub fn each(rule: &Rule, line: &mut Line, show: Show) {
    let mask = u32::from_be(rule.port_mask);
    let set = u32::from_be(rule.port_set);
    let mut number = |flag, name, value, digits| {
        if rule.flags & flag != 0 {
            show(line, name, value, digits);
        }
    };
    number(flag::SPORT_MASK, c"sport-mask", mask >> 16, 4);
    number(flag::DPORT_MASK, c"dport-mask", mask & 0xffff, 4);
    number(flag::SPI_MASK, c"spi-mask", mask, 8);
    number(flag::SPORT, c"sport", set >> 16, 4);
    number(flag::DPORT, c"dport", set & 0xffff, 4);
    number(flag::SPI, c"spi", set, 8);
    number(flag::PROTO_MASK, c"proto-mask", rule.proto_mask.into(), 2);
    number(flag::RND, c"rnd", rule.hashrnd, 8);
}
