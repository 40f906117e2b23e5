// SPDX-License-Identifier: GPL-2.0-only

//! The rule as a whole, once all its options are read: defaults, contradictions and likely mistakes.

use hmark::rule::v0::{flag, DEFAULT_RND};
use hmark::rule::v1::{self, Info};
use hmark::rule::{Refusal, Rule};
use hmark::Family;

use crate::options::{Row, OPTIONS};
use crate::sentences::{Error, Warning};
use crate::{selectors, weights};

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
    check_and_drop_weights(rule)?;
    rule.check().map_err(|refusal| refused(refusal, rule))?;
    let v0 = &mut rule.masked.v0;
    if !v0.has(SELECTORS | flag::CT) {
        selectors::select(rule, selectors::DEFAULT, family);
    }
    if !rule.has(flag::RND | v1::flag::KEY) {
        rule.masked.v0.flags |= flag::RND;
        rule.masked.v0.hashrnd = DEFAULT_RND;
    }
    // Without a key, the protocol does not reach the bits of the hash that marks are made of.
    let parts = match rule.has(v1::flag::KEY) {
        true => SELECTORS,
        false => SELECTORS & !flag::PROTO_MASK,
    };
    Ok((!rule.has(parts)).then_some(Warning::NothingSpreads))
}

/// Checks that the rule has the marks that were given weights, and drops full ones.
fn check_and_drop_weights(rule: &mut Info) -> Result<(), Error<'static>> {
    let marks = rule.masked.v0.hmodulus;
    if marks == 0 {
        return Ok(());
    }
    if let Some(mark) = weights::given_from(marks, &rule.less) {
        return Err(Error::Rule {
            refusal: Refusal::WeightOfNoMark,
            value: mark,
            limit: marks - 1,
        });
    }
    if !weights::complete(&mut rule.less) {
        rule.masked.v0.flags &= !v1::flag::WEIGHT;
    }
    Ok(())
}

/// An error with the value that is wrong and the one that it is measured by.
fn refused(refusal: Refusal, rule: &Info) -> Error<'static> {
    let (v0, mask) = (&rule.masked.v0, rule.masked.mark_mask);
    let (value, limit) = match refusal {
        Refusal::OffsetOutsideMask => (v0.hoffset, mask),
        // The last bucket is below that of the last mark, and so below 2^32 - 1.
        Refusal::MarksOutsideMask => (v0.hmodulus, rule.masked.last_bucket() + 1),
        Refusal::FromOverMarks => (rule.from, v0.hmodulus),
        Refusal::TooManyMarksForWeights => (v0.hmodulus, v1::WEIGHTS as u32),
        _ => (0, 0),
    };
    Error::Rule {
        refusal,
        value,
        limit,
    }
}

/// The first option of a rule that only a newer revision of the target than this has.
pub fn needs(rule: &Info, revision: u8) -> Option<&'static Row> {
    OPTIONS
        .iter()
        .find(|row| row.revision() > revision && rule.has(row.flag))
}

#[cfg(test)]
mod tests {
    use hmark::rule::v0;

    use super::*;

    /// A rule of 4 marks with these other options.
    fn given(flags: u32) -> Info {
        Info::from(v0::Info {
            hmodulus: 4,
            flags: flag::MODULUS | flags,
            ..v0::Info::default()
        })
    }

    #[test]
    fn what_is_absent_gets_its_default() {
        let mut rule = given(flag::OFFSET);
        rule.masked.v0.hoffset = 100;
        assert!(matches!(complete(&mut rule, Family::Ipv6), Ok(None)));
        let full = v0::Info {
            src_mask: [u32::MAX; 4],
            dst_mask: [u32::MAX; 4],
            port_mask: u32::MAX,
            proto_mask: u16::MAX,
            flags: 0b1111_1100_0011,
            hashrnd: 0xc175_a3b8,
            hmodulus: 4,
            hoffset: 100,
            ..v0::Info::default()
        };
        assert_eq!(rule, Info::from(full));
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
    fn a_key_takes_the_place_of_the_seed_and_spreads_by_protocol() {
        for (selector, expected) in [
            (flag::CT, Some(Warning::NothingSpreads)),
            (flag::PROTO_MASK, None),
            (flag::CT | flag::PROTO_MASK, None),
        ] {
            let mut rule = given(selector | v1::flag::KEY);
            let before = rule;
            assert_eq!(complete(&mut rule, Family::Ipv6).unwrap(), expected);
            assert_eq!(rule, before);
        }
    }

    #[test]
    fn a_rule_needs_the_revision_of_its_options() {
        for row in &OPTIONS {
            let needed = needs(&given(row.flag), 0).map(|row| row.name);
            assert_eq!(needed, (row.revision() == 1).then_some(row.name));
            assert!(needs(&given(row.flag), 1).is_none());
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
            assert!(matches!(refused, Err(Error::Rule { .. })), "{flags:#x}");
        }
        assert!(complete(&mut Info::default(), Family::Ipv4).is_err());
    }
}
