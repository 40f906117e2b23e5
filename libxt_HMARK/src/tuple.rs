// SPDX-License-Identifier: GPL-2.0-only

//! `--hmark-tuple`: a list of selectors, each of which is hashed in full.

use hmark::rule::{flag, Rule};

/// The selectors, in the order in which an abbreviation is looked up.
const SELECTORS: [(&str, u32); 7] = [
    ("ct", flag::CT),
    ("src", flag::SADDR_MASK),
    ("dst", flag::DADDR_MASK),
    ("sport", flag::SPORT_MASK),
    ("dport", flag::DPORT_MASK),
    ("proto", flag::PROTO_MASK),
    ("spi", flag::SPI_MASK),
];

/// What a rule hashes that was told nothing: `src,dst,sport,dport,proto`.
pub const DEFAULT: u32 =
    flag::SADDR_MASK | flag::DADDR_MASK | flag::SPORT_MASK | flag::DPORT_MASK | flag::PROTO_MASK;

/// Reads a list of selectors, which may be abbreviated and in any case, into their [`flag`] bits.
///
/// Fails with the first element that names no selector.
pub fn parse(list: &[u8]) -> Result<u32, &[u8]> {
    let mut flags = 0;
    for element in list.split(|&byte| byte == b',') {
        flags |= selector(element).ok_or(element)?;
    }
    Ok(flags)
}

/// Has `rule` hash the selectors of `flags` in full.
pub fn select(rule: &mut Rule, flags: u32) {
    rule.flags |= flags;
    // All four words, for IPv4 too: iptables -C and -D compare rules byte for byte.
    if flags & flag::SADDR_MASK != 0 {
        rule.src_mask = [u32::MAX; 4];
    }
    if flags & flag::DADDR_MASK != 0 {
        rule.dst_mask = [u32::MAX; 4];
    }
    if flags & flag::SPORT_MASK != 0 {
        rule.port_mask |= 0xffff_0000_u32.to_be();
    }
    if flags & flag::DPORT_MASK != 0 {
        rule.port_mask |= 0x0000_ffff_u32.to_be();
    }
    if flags & flag::SPI_MASK != 0 {
        rule.port_mask = u32::MAX;
    }
    if flags & flag::PROTO_MASK != 0 {
        rule.proto_mask = u16::MAX;
    }
}

fn selector(element: &[u8]) -> Option<u32> {
    if element.is_empty() {
        return None;
    }
    SELECTORS
        .iter()
        .find(|(name, _)| {
            name.as_bytes()
                .get(..element.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(element))
        })
        .map(|&(_, flag)| flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_full() {
        assert_eq!(parse(b"src,dst,sport,dport,proto"), Ok(DEFAULT));
        assert_eq!(parse(b"ct,spi"), Ok(flag::CT | flag::SPI_MASK));
        assert_eq!(parse(b"src,src"), Ok(flag::SADDR_MASK));
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
            assert_eq!(parse(short.as_bytes()), parse(full.as_bytes()), "{short}");
        }
        assert_eq!(parse(b"SRC,dSt,Sp"), parse(b"src,dst,sport"));
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
            assert_eq!(parse(list.as_bytes()), Err(bad.as_bytes()), "{list}");
        }
    }

    #[test]
    fn selectors_fill_their_masks() {
        let mut rule = Rule::default();
        select(&mut rule, flag::SPORT_MASK);
        assert_eq!(rule.port_mask.to_ne_bytes(), [0xff, 0xff, 0, 0]);
        select(&mut rule, DEFAULT | flag::CT);
        let full = Rule {
            src_mask: [u32::MAX; 4],
            dst_mask: [u32::MAX; 4],
            port_mask: u32::MAX,
            proto_mask: u16::MAX,
            flags: DEFAULT | flag::CT,
            ..Rule::default()
        };
        assert_eq!(rule, full);
    }
}
