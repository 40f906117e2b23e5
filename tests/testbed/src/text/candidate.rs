// SPDX-License-Identifier: GPL-2.0-only

//! A rule text to try: the options after `-j HMARK`, right or wrong.

use std::fmt;

use crate::family::Family;

/// The options that the stock library knows.
pub const OPTIONS: [&str; 13] = [
    "hmark-tuple",
    "hmark-src-prefix",
    "hmark-dst-prefix",
    "hmark-sport-mask",
    "hmark-dport-mask",
    "hmark-spi-mask",
    "hmark-sport",
    "hmark-dport",
    "hmark-spi",
    "hmark-proto-mask",
    "hmark-rnd",
    "hmark-mod",
    "hmark-offset",
];

/// Options that select nothing to hash.
const NO_SELECTORS: [&str; 3] = ["hmark-rnd", "hmark-mod", "hmark-offset"];

/// Options with their values, one in each item, each as in a line for iptables-restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate(Vec<String>);

impl Candidate {
    /// A candidate with these options.
    pub fn new(options: Vec<String>) -> Self {
        Self(options)
    }

    /// Splits a text before each option or its `!`.
    pub fn parse(text: &str) -> Self {
        let mut options: Vec<String> = Vec::new();
        for word in text.split(' ') {
            match options.last_mut() {
                Some(last) if last == "!" || !(word == "!" || word.starts_with("--")) => {
                    last.push(' ');
                    last.push_str(word);
                }
                _ => options.push(word.to_owned()),
            }
        }
        Self(options)
    }

    /// All candidates with one option fewer.
    pub fn smaller(&self) -> Vec<Self> {
        let without = |at| {
            let mut options = self.0.clone();
            options.remove(at);
            Self(options)
        };
        (0..self.0.len()).map(without).collect()
    }

    /// Whether the option is given, in full or abbreviated.
    pub fn gives(&self, option: &str) -> bool {
        self.options().any(|(name, _)| name == option)
    }

    /// The value of the option, if it is given.
    pub fn value(&self, option: &str) -> Option<&str> {
        let mut options = self.options();
        Some(options.find(|(name, _)| *name == option)?.1)
    }

    /// The options with which the stock library makes the same rule: where it has no default, these
    /// include ours, in the form that is saved.
    pub fn for_stock(&self, family: Family) -> Self {
        let mut options = self.0.clone();
        if !self.gives("hmark-rnd") {
            options.insert(0, "--hmark-rnd 0xc175a3b8".to_owned());
        }
        if self.options().all(|(name, _)| NO_SELECTORS.contains(&name)) {
            let bits = family.address_bits();
            let selectors = format!(
                "--hmark-src-prefix {bits} --hmark-dst-prefix {bits} --hmark-sport-mask 0xffff \
                 --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff"
            );
            options.insert(0, selectors);
        }
        Self(options)
    }

    /// The options that getopt finds, by their full names, with their values.
    pub fn options(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().filter_map(|option| {
            let option = option.trim_start_matches("! ").strip_prefix("--")?;
            let (name, value) = option.split_once([' ', '=']).unwrap_or((option, ""));
            Some((full_name(name)?, value))
        })
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// The option that `name` is or abbreviates, if there is exactly one.
fn full_name(name: &str) -> Option<&'static str> {
    let named = OPTIONS.iter().find(|option| **option == name);
    let mut fitting = OPTIONS.iter().filter(|option| option.starts_with(name));
    let first = fitting.next();
    let only = first.filter(|_| fitting.next().is_none());
    named.or(only).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_split_into_options() {
        let text = "--hmark-mod 4 ! --hmark-rnd \" 1\" --hmark-tuple=src";
        let candidate = Candidate::parse(text);
        assert_eq!(candidate.to_string(), text);
        let smaller: Vec<_> = candidate
            .smaller()
            .iter()
            .map(Candidate::to_string)
            .collect();
        assert_eq!(
            smaller,
            [
                "! --hmark-rnd \" 1\" --hmark-tuple=src",
                "--hmark-mod 4 --hmark-tuple=src",
                "--hmark-mod 4 ! --hmark-rnd \" 1\"",
            ]
        );
        assert_eq!(candidate.value("hmark-tuple"), Some("src"));
        assert!(candidate.gives("hmark-rnd") && !candidate.gives("hmark-spi"));
    }

    #[test]
    fn abbreviations_are_of_one_option() {
        assert_eq!(full_name("hmark-o"), Some("hmark-offset"));
        assert_eq!(full_name("hmark-spi"), Some("hmark-spi"));
        assert_eq!(full_name("hmark-sp"), None);
        assert_eq!(full_name("hmark-modulus"), None);
    }

    #[test]
    fn the_stock_library_is_told_the_defaults() {
        let text = |text: &str| Candidate::parse(text).for_stock(Family::Ipv4).to_string();
        assert_eq!(
            text("--hmark-m 4 --hmark-t src"),
            "--hmark-rnd 0xc175a3b8 --hmark-m 4 --hmark-t src"
        );
        assert!(text("--hmark-mod 4 --hmark-rnd 1").starts_with("--hmark-src-prefix 32 "));
        let full = "--hmark-mod 4 --hmark-rnd 1 --hmark-spi 7";
        assert_eq!(text(full), full);
    }
}
