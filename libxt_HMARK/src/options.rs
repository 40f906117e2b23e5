// SPDX-License-Identifier: GPL-2.0-only

//! The options: their names, and how libxtables reads and stores the value of each.

use hmark::rule::flag;

use crate::ffi::{Entry, OptionTable};

/// What `--hmark-tuple` goes by among the options given. As a flag of a rule the bit means
/// something else, which no option sets.
pub const TUPLE: u32 = 1 << 13;

/// The options. Each but the tuple goes by the flag that it sets in the rule.
pub static OPTIONS: OptionTable<15> = OptionTable::new([
    Entry::text(c"hmark-tuple", TUPLE),
    Entry::prefix(c"hmark-src-prefix", flag::SADDR_MASK),
    Entry::prefix(c"hmark-dst-prefix", flag::DADDR_MASK),
    Entry::u16(c"hmark-sport-mask", flag::SPORT_MASK),
    Entry::u16(c"hmark-dport-mask", flag::DPORT_MASK),
    Entry::u32(c"hmark-spi-mask", flag::SPI_MASK),
    Entry::u16(c"hmark-sport", flag::SPORT),
    Entry::u16(c"hmark-dport", flag::DPORT),
    Entry::u32(c"hmark-spi", flag::SPI),
    Entry::u16(c"hmark-proto-mask", flag::PROTO_MASK),
    Entry::u32(c"hmark-rnd", flag::RND),
    Entry::u32(c"hmark-mod", flag::MODULUS).at_least(1),
    Entry::u32(c"hmark-offset", flag::OFFSET),
    // An alias: getopt and libxtables take entries of one number for one option.
    Entry::u32(c"hmark-offs", flag::OFFSET),
    Entry::END,
]);
