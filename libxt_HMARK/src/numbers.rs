// SPDX-License-Identifier: GPL-2.0-only

//! The numbers that `-L` and iptables-save both show by name, in the order that both have.

use core::ffi::CStr;

use hmark::rule::{flag, Rule};

use crate::ffi::NumberFormat;

/// How `-L` shows each of the numbers behind its name.
pub const LISTED: NumberFormat = NumberFormat::new(c" 0x%x ");

/// How iptables-save does, by how wide the number is.
const BYTE: NumberFormat = NumberFormat::new(c" 0x%02x");
const PORT: NumberFormat = NumberFormat::new(c" 0x%04x");
const WORD: NumberFormat = NumberFormat::new(c" 0x%08x");

/// Calls `show` for each number that the rule was given: the option without `--hmark-`, how
/// iptables-save shows the number behind that, and the number.
pub fn each(rule: &Rule, show: fn(&'static CStr, NumberFormat, u32)) {
    let mask = u32::from_be(rule.port_mask);
    let set = u32::from_be(rule.port_set);
    let number = |flag, name, saved, value| {
        if rule.flags & flag != 0 {
            show(name, saved, value);
        }
    };
    number(flag::SPORT_MASK, c"sport-mask", PORT, mask >> 16);
    number(flag::DPORT_MASK, c"dport-mask", PORT, mask & 0xffff);
    number(flag::SPI_MASK, c"spi-mask", WORD, mask);
    number(flag::SPORT, c"sport", PORT, set >> 16);
    number(flag::DPORT, c"dport", PORT, set & 0xffff);
    number(flag::SPI, c"spi", WORD, set);
    number(
        flag::PROTO_MASK,
        c"proto-mask",
        BYTE,
        rule.proto_mask.into(),
    );
    number(flag::RND, c"rnd", WORD, rule.hashrnd);
}
