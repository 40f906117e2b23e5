// SPDX-License-Identifier: GPL-2.0-only

//! The differences between the libraries that the man page names, and which rules they concern.

use std::fmt;

use ::tests::family::Family;

use super::case::Case;

/// A named difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Without seed or selectors the stock library refuses the rule; ours has defaults.
    Defaults,
    /// The stock library takes a number over 32 for an IPv4 address; ours refuses it.
    Prefix,
    /// The stock library leaves it to the kernel to refuse both an SPI and a port.
    SpiAndPort,
    /// Both libraries store a netmask that has no length, and neither restores what it saved.
    Netmask,
}

impl Difference {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Defaults,
        Self::Prefix,
        Self::SpiAndPort,
        Self::Netmask,
    ];

    /// Why the stock library may accept the rule and ours refuse it.
    pub fn refused_by_ours(case: &Case, family: Family) -> Option<Self> {
        let prefixes = ["hmark-src-prefix", "hmark-dst-prefix"];
        let long = |option| case.value(option).and_then(number).is_some_and(|n| n > 32);
        if family == Family::V4 && prefixes.into_iter().any(long) {
            return Some(Self::Prefix);
        }
        let port = case.gives("hmark-sport") || case.gives("hmark-dport");
        (case.gives("hmark-spi") && port).then_some(Self::SpiAndPort)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Defaults => "defaults",
            Self::Prefix => "prefix over 32",
            Self::SpiAndPort => "SPI and port",
            Self::Netmask => "netmask without length",
        })
    }
}

/// A number as C's `strtoul` and `inet_aton` read it.
fn number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.to_ascii_lowercase().strip_prefix("0x") {
        Some(_) => (&text[2..], 16),
        None if text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    u64::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_in_its_rules_alone() {
        let of = |text: &str, family| Difference::refused_by_ours(&Case::parse(text), family);
        for length in ["33", "0x21", "041", "4294967295"] {
            let text = format!("--hmark-mod 4 --hmark-ds {length}");
            assert_eq!(of(&text, Family::V4), Some(Difference::Prefix), "{length}");
            assert_eq!(of(&text, Family::V6), None, "{length}");
        }
        for length in ["32", "0x20", "040", "255.0.0.0", "-1", "colour"] {
            let text = format!("--hmark-src-prefix {length}");
            assert_eq!(of(&text, Family::V4), None, "{length}");
        }
        let both = "--hmark-spi 1 --hmark-dport 1";
        assert_eq!(of(both, Family::V6), Some(Difference::SpiAndPort));
        assert_eq!(of("--hmark-spi 1 --hmark-dport-mask 1", Family::V6), None);
    }
}
