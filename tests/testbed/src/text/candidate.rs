// SPDX-License-Identifier: GPL-2.0-only

//! A rule text to try: the options after `-j HMARK`, right or wrong.

use std::fmt;

use anyhow::{anyhow, Result};
use hmark::rule::v0::flag;
use hmark_text::{Row, OPTIONS, SELECTORS};

use crate::family::Family;

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

    /// Whether one of the options with these flags is given, in full or abbreviated.
    pub fn gives(&self, flags: u32) -> bool {
        self.options().any(|(row, _)| row.flag & flags != 0)
    }

    /// The flags of the options whose parts the tuple selects in full.
    pub fn selected(&self) -> u32 {
        let mut lists = self.options().filter(|(row, _)| row.flag == flag::CT);
        let elements = lists.next().map_or("", |(_, list)| list).split(',');
        elements
            .filter_map(selected)
            .fold(0, |flags, row| flags | row.flag)
    }

    /// The options with which the stock library makes the same rule: where it has no default, these
    /// include ours, in the form that is saved.
    pub fn for_stock(&self, family: Family) -> Self {
        let mut options = self.0.clone();
        if !self.gives(flag::RND) {
            options.insert(0, "--hmark-rnd 0xc175a3b8".to_owned());
        }
        if !self.gives(SELECTORS | flag::CT) {
            let bits = family.address_bits();
            let selectors = format!(
                "--hmark-src-prefix {bits} --hmark-dst-prefix {bits} --hmark-sport-mask 0xffff \
                 --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff"
            );
            options.insert(0, selectors);
        }
        Self(options)
    }

    /// The options that make the rule again, as our library saves them on this machine.
    ///
    /// # Errors
    /// If they are no rule.
    pub fn saved(&self, family: Family) -> Result<String> {
        let text = self.to_string();
        let (rule, _) =
            hmark_text::read(&text, family).map_err(|error| anyhow!("{text}: {error}"))?;
        let mut line = hmark_text::Line::new();
        hmark_text::save(&rule, family, &mut line);
        Ok(line.to_string())
    }

    /// The options that getopt finds, with their values.
    pub fn options(&self) -> impl Iterator<Item = (&'static Row, &str)> {
        self.0.iter().filter_map(|option| {
            let option = option.trim_start_matches("! ").strip_prefix("--")?;
            let (name, value) = option.split_once([' ', '=']).unwrap_or((option, ""));
            Some((hmark_text::option(name.as_bytes())?, value.trim_end()))
        })
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// The first option whose selector begins like this element of a tuple.
pub fn selected(element: &str) -> Option<&'static Row> {
    let element = element.to_ascii_lowercase();
    let begins = |name: &str| name.starts_with(&element);
    OPTIONS.iter().find(|row| row.selector.is_some_and(begins))
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
        assert_eq!(candidate.selected(), flag::SADDR_MASK);
        assert!(candidate.gives(flag::RND) && !candidate.gives(flag::SPI));
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
