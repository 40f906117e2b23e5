// SPDX-License-Identifier: GPL-2.0-only

//! The rule as a whole, once all its options are read: defaults, contradictions and likely mistakes.

use hmark::rule::v0::{flag, Info, DEFAULT_RND};
use hmark::rule::Rule;
use hmark::Family;

use crate::selectors;
use crate::sentences::{Error, Warning};

/// The flags of options that pick the bytes of a packet that are hashed.
pub const SELECTORS: u32 = flag::SADDR_MASK
    | flag::DADDR_MASK
    | flag::SPORT_MASK
    | flag::DPORT_MASK
    | flag::SPI_MASK
    | flag::PROTO_MASK
    | flag::SPORT
    | flag::DPORT
    | flag::SPI;

/// Fills in the defaults of a rule, and checks it as a whole.
///
/// # Errors
///
/// [`Error::Rule`] if options contradict each other, or a mandatory one is missing.
pub fn complete(rule: &mut Info, family: Family) -> Result<Option<Warning>, Error<'static>> {
    rule.check().map_err(Error::Rule)?;
    if !rule.has(SELECTORS | flag::CT) {
        selectors::select(rule, selectors::DEFAULT, family);
    }
    if !rule.has(flag::RND) {
        rule.flags |= flag::RND;
        rule.hashrnd = DEFAULT_RND;
    }
    // The protocol does not reach the bits of the hash that marks are made of.
    let spreads = rule.has(SELECTORS & !flag::PROTO_MASK);
    Ok((!spreads).then_some(Warning::NothingSpreads))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rule of 4 marks with these other options.
    fn given(flags: u32) -> Info {
        Info {
            hmodulus: 4,
            flags: flag::MODULUS | flags,
            ..Info::default()
        }
    }

    #[test]
    fn what_is_absent_gets_its_default() {
        let mut rule = given(flag::OFFSET);
        rule.hoffset = 100;
        assert!(matches!(complete(&mut rule, Family::Ipv6), Ok(None)));
        let full = Info {
            src_mask: [u32::MAX; 4],
            dst_mask: [u32::MAX; 4],
            port_mask: u32::MAX,
            proto_mask: u16::MAX,
            flags: 0b1111_1100_0011,
            hashrnd: 0xc175_a3b8,
            hmodulus: 4,
            hoffset: 100,
            ..Info::default()
        };
        assert_eq!(rule, full);
    }

    #[test]
    fn what_is_given_stays() {
        for (selector, expected) in [
            (flag::CT, Some(Warning::NothingSpreads)),
            (flag::PROTO_MASK, Some(Warning::NothingSpreads)),
            (flag::CT | flag::PROTO_MASK, Some(Warning::NothingSpreads)),
            (flag::CT | flag::SADDR_MASK, None),
            (flag::PROTO_MASK | flag::SPORT, None),
            (flag::SPI, None),
        ] {
            let mut rule = given(selector | flag::RND);
            let before = rule;
            let warning = complete(&mut rule, Family::Ipv6).unwrap();
            assert_eq!(rule, before);
            assert_eq!(warning, expected, "{selector:#x}");
        }
    }

    #[test]
    fn contradictions() {
        for flags in [
            flag::SPI_MASK | flag::SPORT_MASK,
            flag::SPI_MASK | flag::DPORT_MASK,
            flag::SPI | flag::SPORT,
        ] {
            let refused = complete(&mut given(flags), Family::Ipv4);
            assert!(matches!(refused, Err(Error::Rule(_))), "{flags:#x}");
        }
        assert!(complete(&mut Info::default(), Family::Ipv4).is_err());
    }
}
