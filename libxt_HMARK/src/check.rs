// SPDX-License-Identifier: GPL-2.0-only

//! The rule as a whole, once all its options are read: what is missing, what contradicts, defaults.

use core::ffi::CStr;

use hmark::rule::{flag, Refusal, Rule, DEFAULT_RND};

use crate::ffi::{self, Family};
use crate::tuple;

/// What picks the bytes of a packet that are hashed.
const SELECTORS: u32 = flag::SADDR_MASK
    | flag::DADDR_MASK
    | flag::SPORT_MASK
    | flag::DPORT_MASK
    | flag::SPI_MASK
    | flag::PROTO_MASK
    | flag::SPORT
    | flag::DPORT
    | flag::SPI;

/// Fills in the defaults, or ends iptables with what is wrong with the rule.
pub fn check(rule: &mut Rule, family: Family) {
    if let Err(message) = complete(rule, family) {
        ffi::refuse_rule(message);
    }
    if rule.flags & SELECTORS == 0 {
        ffi::warn(
            c"--hmark-tuple ct alone hashes nothing, so that all packets get one mark: \
               add src,dst,sport,dport,proto",
        );
    }
}

fn complete(rule: &mut Rule, family: Family) -> Result<(), &'static CStr> {
    rule.check().map_err(message)?;
    if rule.flags & (SELECTORS | flag::CT) == 0 {
        tuple::select(rule, tuple::DEFAULT);
        if family == Family::Ipv4 {
            // As in the rule restored from the saved text, which has a prefix of 32 bits: iptables
            // -C and -D compare bytes, and are to find both by the same short command.
            for mask in [&mut rule.src_mask, &mut rule.dst_mask] {
                *mask = [u32::MAX, 0, 0, 0];
            }
        }
    }
    if rule.flags & flag::RND == 0 {
        rule.flags |= flag::RND;
        rule.hashrnd = DEFAULT_RND;
    }
    Ok(())
}

fn message(refusal: Refusal) -> &'static CStr {
    match refusal {
        Refusal::NoBuckets => {
            c"option \"--hmark-mod\" is missing: \
              give the number of marks, from 1 to 4294967295"
        }
        Refusal::ProtocolInLayer3 => {
            c"--hmark-proto-mask needs layer 4, but the rule hashes layer 3 alone"
        }
        Refusal::SpiAndPortMask => {
            c"--hmark-spi-mask (or spi in --hmark-tuple) excludes \
              --hmark-sport-mask and --hmark-dport-mask (or sport and dport): give either"
        }
        Refusal::SpiAndPort => c"--hmark-spi excludes --hmark-sport and --hmark-dport: give either",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rule of 4 marks with these other options.
    fn given(flags: u32) -> Rule {
        Rule {
            hmodulus: 4,
            flags: flag::MODULUS | flags,
            ..Rule::default()
        }
    }

    #[test]
    fn what_is_absent_gets_its_default() {
        let mut rule = given(flag::OFFSET);
        rule.hoffset = 100;
        assert_eq!(complete(&mut rule, Family::Ipv6), Ok(()));
        let full = Rule {
            src_mask: [u32::MAX; 4],
            dst_mask: [u32::MAX; 4],
            port_mask: u32::MAX,
            proto_mask: u16::MAX,
            flags: 0b1111_1100_0011,
            hashrnd: 0xc175_a3b8,
            hmodulus: 4,
            hoffset: 100,
            ..Rule::default()
        };
        assert_eq!(rule, full);

        let mut rule = given(flag::OFFSET);
        rule.hoffset = 100;
        assert_eq!(complete(&mut rule, Family::Ipv4), Ok(()));
        let prefixes = Rule {
            src_mask: [u32::MAX, 0, 0, 0],
            dst_mask: [u32::MAX, 0, 0, 0],
            ..full
        };
        assert_eq!(rule, prefixes);
    }

    #[test]
    fn what_is_given_stays() {
        for selector in [flag::CT, flag::SADDR_MASK, flag::SPORT, flag::SPI] {
            let mut rule = given(selector | flag::RND);
            let before = rule;
            assert_eq!(complete(&mut rule, Family::Ipv6), Ok(()));
            assert_eq!(rule, before);
        }
    }

    #[test]
    fn contradictions() {
        for flags in [
            flag::SPI_MASK | flag::SPORT_MASK,
            flag::SPI_MASK | flag::DPORT_MASK,
            flag::SPI | flag::SPORT,
        ] {
            assert!(
                complete(&mut given(flags), Family::Ipv4).is_err(),
                "{flags:#x}"
            );
        }
        assert!(complete(&mut Rule::default(), Family::Ipv4).is_err());
    }
}
