// SPDX-License-Identifier: GPL-2.0-only

//! A rule that is saved and read again is the same rule; and so is its text.

use std::net::{Ipv4Addr, Ipv6Addr};

use hmark::rule::v0::{self, flag};
use hmark::rule::v1::{self, Info};
use hmark::rule::{inner, Rule};
use hmark::Family;
use hmark_text::{read, save, Kind, Line, OPTIONS, SELECTORS};
use proptest::prelude::*;
use proptest::sample::subsequence;

/// Random rules and texts of each test: fewer where an emulator may run this.
const CASES: u32 = if cfg!(target_arch = "x86_64") {
    500
} else {
    100
};

fn saved(rule: &Info, family: Family) -> String {
    let mut line = Line::new();
    save(rule, family, &mut line);
    line.to_string()
}

/// The rule that a text makes. Panics with the error if there is one.
fn made(text: &str, family: Family) -> Info {
    match read(text, family) {
        Ok((rule, _)) => rule,
        Err(error) => panic!("{text}: {error}"),
    }
}

fn families() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::Ipv4), Just(Family::Ipv6)]
}

/// A netmask with this many ones, as far as the family has them.
fn mask(ones: u32, family: Family) -> [u32; 4] {
    let mask = u128::MAX.checked_shl(128 - ones % (family.address_bits() + 1));
    let bytes = mask.unwrap_or(0).to_be_bytes();
    let mut words = bytes
        .chunks(4)
        .map(|word| u32::from_ne_bytes(word.try_into().unwrap()));
    [(); 4].map(|()| words.next().unwrap())
}

/// Numbers below half of the marks are as they come; others are such that marks fit a mask, and may have
/// weights.
fn number(flag: u32, seed: u32, is_small: bool, rule: &Info) -> u32 {
    let v0 = &rule.masked.v0;
    match flag {
        _ if !is_small => seed,
        flag::MODULUS => seed % 256 + 1,
        flag::OFFSET => (seed % 16) << 12,
        v1::flag::FROM => seed % v0.hmodulus + 1,
        // From nothing below the offset to as far as marks may reach.
        v1::flag::MASK => 0xf_ffff << (seed % 13),
        _ => seed,
    }
}

prop_compose! {
    /// A rule with any of the options, and all that has a default.
    fn rules()(
        family in families(),
        options: [bool; OPTIONS.len()],
        seed: [u32; OPTIONS.len()],
        lengths: [u32; 2],
        is_small: bool,
        key: [u8; 16],
        less in proptest::collection::vec(prop_oneof![Just(0), Just(100), 0..=100_u8], v1::WEIGHTS),
        runs: u8,
        tunnels in 0..=inner::ALL,
        ports: [u16; 3],
    ) -> (Family, Info) {
        let mut rule = Info::default();
        let has_key = OPTIONS.iter().zip(options).any(|(option, given)| {
            given && option.flag == v1::flag::KEY
        });
        for ((option, given), seed) in OPTIONS.iter().zip(options).zip(seed) {
            let flag = option.flag;
            let is_mandatory = flag == flag::MODULUS || (flag == flag::RND && !has_key);
            if !given && !is_mandatory {
                continue;
            }
            let mut other = rule;
            match &option.kind {
                Kind::Selectors | Kind::Switch => {}
                Kind::Prefix(prefix) => {
                    let [src, dst] = lengths;
                    let ones = if flag == flag::SADDR_MASK { src } else { dst };
                    *(prefix.get_mut)(&mut other) = mask(ones, family);
                }
                Kind::Number(field) | Kind::Ones(field) => {
                    let number = number(flag, seed, is_small, &rule);
                    let number = number.clamp(*field.range.start(), *field.range.end());
                    (field.set)(&mut other, number);
                }
                Kind::Weights => {
                    let marks = rule.masked.v0.hmodulus as usize;
                    // Longer runs the more often the lowest bits are cut off.
                    let places = other.less.iter_mut().take(marks).enumerate();
                    places.for_each(|(place, to)| *to = less[place >> (runs % 5)]);
                }
                Kind::Key => other.key = key,
                Kind::Tunnels => {
                    other.inner = tunnels;
                    let all = [&mut other.gtpu_port, &mut other.vxlan_port, &mut other.geneve_port];
                    for ((to, port), bit) in all.into_iter().zip(ports).zip(0..) {
                        *to = if tunnels & (1 << bit) != 0 { port } else { 0 };
                    }
                }
            }
            other.masked.v0.flags |= flag;
            // Of options that exclude each other, the first is given.
            if other.check().is_ok() {
                rule = other;
            }
        }
        if !rule.has(SELECTORS | flag::CT) {
            rule.masked.v0.flags |= flag::SPI_MASK;
        }
        (family, rule)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn a_rule((family, rule) in rules()) {
        let text = saved(&rule, family);
        prop_assert_eq!(made(&text, family), rule, "{}", text);
    }

    #[test]
    fn a_text_of_any_length(family in families(), ones: u32, number: u32) {
        let ones = ones % (family.address_bits() + 1);
        for value in [format!("{ones}"), format!("{ones:#x}"), format!("+{ones}"), format!("0{ones:o}")] {
            let text = format!(
                "--hmark-src-prefix={value} --hmark-rnd {number:#X} --hmark-m 0x7 --hmark-offs {number}"
            );
            let rule = made(&text, family);
            prop_assert_eq!(rule.masked.v0.src_mask, mask(ones, family));
            prop_assert_eq!(rule.masked.v0.hashrnd, number);
            prop_assert_eq!(made(&saved(&rule, family), family), rule);
        }
    }

    #[test]
    fn a_text_of_any_prefix_and_selectors(
        family in families(),
        prefix in prefixes(),
        selectors in subsequence(vec!["ct", "dst", "sport", "dport", "proto"], 1..=5),
    ) {
        let text = format!(
            "--hmark-src-prefix {prefix} --hmark-tuple {} --hmark-mod 4",
            selectors.join(",")
        );
        if let Ok((rule, _)) = read(&text, family) {
            prop_assert_eq!(made(&saved(&rule, family), family), rule, "{}", text);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(family in families(), text in ".{0,80}", value in ".{0,80}") {
        let _ = read(&text, family);
        for option in &OPTIONS {
            let name = option.name.to_str().unwrap();
            if let Err(error) = read(&format!("--{name} {value}"), family) {
                let error = error.to_string();
                prop_assert!(error.is_ascii() && error.len() < 300, "{}", error);
            }
        }
    }

    #[test]
    fn any_rule_is_saved(family in families(), mut rule in any_info()) {
        rule.masked.v0.flags = u32::MAX;
        prop_assert!(saved(&rule, family).len() < 2560);
    }
}

/// A prefix length, a netmask or an address, of either family.
fn prefixes() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..=130_u32).prop_map(|length| length.to_string()),
        (0..=32_u32).prop_map(|zeros| ((u64::MAX << zeros) & 0xffff_ffff).to_string()),
        any::<Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<Ipv6Addr>().prop_map(|address| address.to_string()),
    ]
}

prop_compose! {
    /// Any bytes at all.
    fn any_info()(
        words: [u32; 15],
        mark_mask: u32,
        from: u32,
        key: [u8; 16],
        [gtpu_port, vxlan_port, geneve_port]: [u16; 3],
        inner: u8,
        reserved: [u8; 5],
        less in proptest::collection::vec(any::<u8>(), v1::WEIGHTS),
    ) -> Info {
        let [a, b, c, d, e, f, g, h, port_mask, port_set, flags, proto, hashrnd, hmodulus, hoffset]
            = words;
        let v0 = v0::Info {
            src_mask: [a, b, c, d],
            dst_mask: [e, f, g, h],
            port_mask,
            port_set,
            flags,
            proto_mask: proto as u16,
            hashrnd,
            hmodulus,
            hoffset,
        };
        Info {
            masked: v1::Masked { v0, mark_mask },
            from,
            key,
            gtpu_port,
            vxlan_port,
            geneve_port,
            inner,
            reserved,
            less: less.try_into().unwrap(),
        }
    }
}
