// SPDX-License-Identifier: GPL-2.0-only

//! The differences between the libraries that the man page names, and the rules that they concern.

use std::net::Ipv6Addr;

use hmark::rule::v0::flag;
use hmark_text::Row;

use crate::family::Family;

use super::candidate::Candidate;

/// The flags of the options that take a netmask.
const PREFIXES: u32 = flag::SADDR_MASK | flag::DADDR_MASK;

/// A named difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// The stock library refuses a rule without seed or selectors; ours has defaults.
    Defaults,
    /// The stock library takes a netmask that has no length, but never restores what it saves of it;
    /// ours refuses it. Such a netmask is also a number over 32, which is read as an IPv4 address.
    Netmask,
    /// The stock library leaves it to the kernel to refuse an SPI together with a port.
    SpiAndPort,
    /// In the stock library, a later tuple overrides the mask for the same part; ours refuses it.
    Overridden,
    /// The stock library takes an IPv6 netmask with a zone, and ignores that; ours refuses it.
    Zone,
    /// The stock library stores more bits for an address in an IPv4 tuple than for the prefix that
    /// it saves in its place; ours does not. So neither finds the other's rule by the tuple.
    Tuple,
}

impl Difference {
    /// The reason why the stock library may accept a rule that ours refuses.
    pub fn refused_by_ours(candidate: &Candidate, family: Family) -> Option<Self> {
        let is_prefix = |(row, _): &(&Row, _)| row.flag & PREFIXES != 0;
        for (_, value) in candidate.options().filter(is_prefix) {
            if netmask(value, family).is_some_and(lacks_length) {
                return Some(Self::Netmask);
            }
            if family == Family::Ipv6 && value.contains('%') {
                return Some(Self::Zone);
            }
        }
        if overridden(candidate) {
            return Some(Self::Overridden);
        }
        let port = candidate.gives(flag::SPORT | flag::DPORT);
        (candidate.gives(flag::SPI) && port).then_some(Self::SpiAndPort)
    }
}

/// Whether both libraries store the same bytes for a rule that both accept.
pub fn stored_alike(candidate: &Candidate, family: Family) -> bool {
    family == Family::Ipv6 || candidate.selected() & PREFIXES == 0
}

/// Whether the tuple names a part that an option before it masks.
fn overridden(candidate: &Candidate) -> bool {
    let mut before = candidate
        .options()
        .take_while(|(row, _)| row.flag != flag::CT);
    before.any(|(row, _)| candidate.selected() & row.flag != 0)
}

/// Reads a number as C's `strtoul` and `inet_aton` do.
fn number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.to_ascii_lowercase().strip_prefix("0x") {
        Some(_) => (&text[2..], 16),
        None if text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    u64::from_str_radix(digits, radix).ok()
}

/// Reads an address as C's `inet_aton` and `inet_pton` do, from the first bit on. A number that can
/// be a length is none.
fn netmask(text: &str, family: Family) -> Option<u128> {
    if family == Family::Ipv6 {
        let address: Ipv6Addr = text.split('%').next()?.parse().ok()?;
        return Some(address.to_bits());
    }
    let numbers = text.split('.').map(number).collect::<Option<Vec<_>>>()?;
    let is_length = |last: &u64| numbers.len() == 1 && *last <= 32;
    let (last, bytes) = numbers.split_last().filter(|(last, _)| !is_length(last))?;
    let address = (0..).zip(bytes).map(|(at, byte)| byte << (24 - 8 * at));
    Some(u128::from(address.sum::<u64>() + last) << 96)
}

fn lacks_length(netmask: u128) -> bool {
    netmask.leading_ones() + netmask.trailing_zeros() < u128::BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_in_its_rules_alone() {
        let of = |text: &str, family| {
            let candidate = Candidate::parse(text);
            Difference::refused_by_ours(&candidate, family)
        };
        let both = "--hmark-spi 1 --hmark-dport 1";
        assert_eq!(of(both, Family::Ipv6), Some(Difference::SpiAndPort));
        assert_eq!(of("--hmark-spi 1 --hmark-dport-mask 1", Family::Ipv6), None);
    }

    #[test]
    fn a_tuple_overrides_what_is_before_it() {
        let of = |text: &str| {
            let candidate = Candidate::parse(&format!("--hmark-mod 4 {text}"));
            Difference::refused_by_ours(&candidate, Family::Ipv4)
        };
        for text in [
            "--hmark-src-prefix 8 --hmark-tuple dst,S",
            "--hmark-spi-m 1 --hmark-tuple spi",
            "--hmark-proto-mask 1 --hmark-tuple ct,p",
        ] {
            assert_eq!(of(text), Some(Difference::Overridden), "{text}");
        }
        for text in [
            "--hmark-tuple src --hmark-src-prefix 8",
            "--hmark-src-prefix 8 --hmark-tuple dst,ct",
            "--hmark-sport 8 --hmark-tuple sport",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_in_a_tuple_are_stored_otherwise() {
        let alike = |text, family| stored_alike(&Candidate::parse(text), family);
        for (text, expected) in [
            ("--hmark-mod 4", true),
            ("--hmark-src-prefix 8 --hmark-tuple ct,p,sp,dport", true),
            ("--hmark-mod 4 --hmark-tuple ct,S", false),
            ("--hmark-mod 4 --hmark-t dst", false),
            ("--hmark-mod 4 --hmark-tuple ct,src ", false),
        ] {
            assert_eq!(alike(text, Family::Ipv4), expected, "{text}");
            assert!(alike(text, Family::Ipv6));
        }
    }

    #[test]
    fn netmasks_without_length_are_found() {
        let of = |netmask: &str, family| {
            let candidate = Candidate::parse(&format!("--hmark-mod 4 --hmark-ds {netmask}"));
            Difference::refused_by_ours(&candidate, family)
        };
        for netmask in ["255.0.255.0", "255.255", "1.2.3.4", "33", "0x21", "041"] {
            let expected = Some(Difference::Netmask);
            assert_eq!(of(netmask, Family::Ipv4), expected, "{netmask}");
            assert_eq!(of(netmask, Family::Ipv6), None, "{netmask}");
        }
        for netmask in ["255.0.0.0", "0xff.0", "4294967295", "32", "0x20", "-1", "x"] {
            assert_eq!(of(netmask, Family::Ipv4), None, "{netmask}");
        }
        for (netmask, expected) in [
            ("fe80::", Some(Difference::Netmask)),
            ("fe80::%lo", Some(Difference::Netmask)),
            ("ffff::%1", Some(Difference::Zone)),
            ("ffff::", None),
            ("64", None),
        ] {
            assert_eq!(of(netmask, Family::Ipv6), expected, "{netmask}");
        }
    }
}
