// SPDX-License-Identifier: GPL-2.0-only

//! The options: their names, and how libxtables reads and stores the value of each.

use core::mem::offset_of;

use hmark::rule::{flag, Rule};

use crate::ffi::{Entry, OptionTable};

/// What `--hmark-tuple` goes by in the options used. As a flag of a rule the bit means something
/// else, and no option sets that.
pub const TUPLE: u32 = 1 << 13;

const SPORT_MASK: usize = offset_of!(Rule, port_mask);
const DPORT_MASK: usize = SPORT_MASK + 2;
const SPORT: usize = offset_of!(Rule, port_set);
const DPORT: usize = SPORT + 2;

/// Each option goes by the flag that it sets in the rule.
pub static OPTIONS: OptionTable<15> = OptionTable::new([
    Entry::text(c"hmark-tuple", TUPLE),
    Entry::prefix(
        c"hmark-src-prefix",
        flag::SADDR_MASK,
        offset_of!(Rule, src_mask),
    ),
    Entry::prefix(
        c"hmark-dst-prefix",
        flag::DADDR_MASK,
        offset_of!(Rule, dst_mask),
    ),
    Entry::u16(c"hmark-sport-mask", flag::SPORT_MASK, SPORT_MASK).network_order(),
    Entry::u16(c"hmark-dport-mask", flag::DPORT_MASK, DPORT_MASK).network_order(),
    Entry::u32(c"hmark-spi-mask", flag::SPI_MASK, SPORT_MASK).network_order(),
    Entry::u16(c"hmark-sport", flag::SPORT, SPORT).network_order(),
    Entry::u16(c"hmark-dport", flag::DPORT, DPORT).network_order(),
    Entry::u32(c"hmark-spi", flag::SPI, SPORT).network_order(),
    Entry::u16(
        c"hmark-proto-mask",
        flag::PROTO_MASK,
        offset_of!(Rule, proto_mask),
    ),
    Entry::u32(c"hmark-rnd", flag::RND, offset_of!(Rule, hashrnd)),
    Entry::u32(c"hmark-mod", flag::MODULUS, offset_of!(Rule, hmodulus))
        .mandatory()
        .at_least(1),
    Entry::u32(c"hmark-offset", flag::OFFSET, offset_of!(Rule, hoffset)),
    // An alias: libxtables and getopt take entries of one number for one option.
    Entry::u32(c"hmark-offs", flag::OFFSET, offset_of!(Rule, hoffset)),
    Entry::END,
]);
