// SPDX-License-Identifier: GPL-2.0-only

//! Lists of selectors, each of which has an option's part hashed in full.

use hmark::rule::v0::flag;
use hmark::rule::v1::Info;
use hmark::Family;

use crate::options::{Row, OPTIONS};

/// The flags of the selectors of a rule that names nothing to hash: `src,dst,sport,dport,proto`.
pub const DEFAULT: u32 =
    flag::SADDR_MASK | flag::DADDR_MASK | flag::SPORT_MASK | flag::DPORT_MASK | flag::PROTO_MASK;

/// Reads a list of selectors, which may be abbreviated and in any case, into their flags.
///
/// # Errors
///
/// The first element that names no selector.
pub fn read(list: &[u8]) -> Result<u32, &[u8]> {
    let mut flags = 0;
    for element in list.split(|&byte| byte == b',') {
        flags |= selected(element).ok_or(element)?.flag;
    }
    Ok(flags)
}

/// Gives each option whose flag is among these its highest value.
pub fn select(rule: &mut Info, flags: u32, family: Family) {
    rule.masked.v0.flags |= flags;
    for option in OPTIONS.iter().filter(|option| option.flag & flags != 0) {
        option.kind.select(rule, family);
    }
}

/// The first option whose selector begins with `element`, whatever the case.
fn selected(element: &[u8]) -> Option<&'static Row> {
    OPTIONS.iter().filter(|_| !element.is_empty()).find(|row| {
        row.selector.is_some_and(|name| {
            let start = name.as_bytes().get(..element.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(element))
        })
    })
}

#[cfg(test)]
mod tests {
    use hmark::rule::v0;

    use super::*;

    #[test]
    fn names_in_full() {
        assert_eq!(read(b"src,dst,sport,dport,proto"), Ok(DEFAULT));
        assert_eq!(read(b"ct,spi"), Ok(flag::CT | flag::SPI_MASK));
        assert_eq!(read(b"src,src"), Ok(flag::SADDR_MASK));
    }

    #[test]
    fn abbreviations_take_the_first_that_fits() {
        for (short, full) in [
            ("c", "ct"),
            ("s", "src"),
            ("d", "dst"),
            ("sp", "sport"),
            ("dp", "dport"),
            ("p", "proto"),
        ] {
            assert_eq!(read(short.as_bytes()), read(full.as_bytes()), "{short}");
        }
        assert_eq!(read(b"SRC,dSt,Sp"), read(b"src,dst,sport"));
    }

    #[test]
    fn elements_that_name_nothing() {
        for (list, bad) in [
            ("", ""),
            (",", ""),
            ("src,", ""),
            (",src", ""),
            ("src,,dst", ""),
            ("src,dest", "dest"),
            ("srcs", "srcs"),
            ("src dst", "src dst"),
            ("src,\u{e4}", "\u{e4}"),
            ("!src", "!src"),
        ] {
            assert_eq!(read(list.as_bytes()), Err(bad.as_bytes()), "{list}");
        }
    }

    #[test]
    fn selectors_fill_their_masks() {
        let mut rule = Info::default();
        select(&mut rule, flag::SPORT_MASK, Family::Ipv6);
        assert_eq!(rule.masked.v0.port_mask.to_ne_bytes(), [0xff, 0xff, 0, 0]);
        select(&mut rule, DEFAULT | flag::CT, Family::Ipv6);
        let mut full = v0::Info {
            src_mask: [u32::MAX; 4],
            dst_mask: [u32::MAX; 4],
            port_mask: u32::MAX,
            proto_mask: u16::MAX,
            flags: DEFAULT | flag::CT,
            ..v0::Info::default()
        };
        assert_eq!(rule, Info::from(full));
        // As a prefix of 32 bits, by which the rule is saved.
        select(&mut rule, DEFAULT, Family::Ipv4);
        full.src_mask = [u32::MAX, 0, 0, 0];
        full.dst_mask = full.src_mask;
        assert_eq!(rule, Info::from(full));
    }
}
