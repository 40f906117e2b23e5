// SPDX-License-Identifier: GPL-2.0-only

//! The rules of one family with their counters, as `iptables-save -c` writes them.

use anyhow::{Context, Result};
use hmark::Family;

use crate::host::program;
use crate::ruleset::{Rule, RuleSet};

/// The rules of one family, with their counters.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The rules.
    pub rules: RuleSet,
    /// The text that they were read from.
    text: String,
}

/// The command that saves a family's rules with their counters.
pub const fn command(family: Family) -> [&'static str; 2] {
    match family {
        Family::Ipv4 => ["iptables-save", "-c"],
        Family::Ipv6 => ["ip6tables-save", "-c"],
    }
}

impl Saved {
    /// The rules that this host has now.
    ///
    /// # Errors
    ///
    /// In one line: there is no iptables, it fails, as it does without root, or its output cannot be read.
    pub fn live(family: Family) -> Result<Self> {
        let words = command(family);
        let text = program::run(&words, b"")?;
        Self::read(text, family).with_context(|| words.join(" "))
    }

    /// Reads what `iptables-save -c` wrote.
    ///
    /// # Errors
    ///
    /// The line that cannot be read. A text that is not UTF-8 cannot be written back, and is refused.
    pub fn read(text: Vec<u8>, family: Family) -> Result<Self> {
        let text = String::from_utf8(text).context("a rule has characters that are not UTF-8")?;
        let rules = RuleSet::read(text.as_bytes(), family)?;
        Ok(Self { rules, text })
    }

    /// A rule's counters as iptables-restore takes them, `[packets:bytes]`; none if the text has none.
    pub fn counters(&self, rule: &Rule) -> &str {
        let line = rule.line.checked_sub(1);
        let line = line.and_then(|line| self.text.lines().nth(line));
        let line = line.unwrap_or_default().trim_start();
        match line.split_once(']') {
            Some((counters, _)) if counters.starts_with('[') => {
                line.get(..=counters.len()).unwrap_or_default()
            }
            _ => "",
        }
    }

    /// The lines of a table's built-in chains, `:PREROUTING ACCEPT [packets:bytes]`.
    pub fn policies(&self, table: &str) -> Vec<&str> {
        let head = format!("*{table}");
        let lines = self.text.lines().map(str::trim);
        let lines = lines.skip_while(|line| *line != head).skip(1);
        let of_table = lines.take_while(|line| *line != "COMMIT");
        // A chain of the user's would be emptied by its line.
        let is_built_in = |line: &&str| {
            let policy = line.split_ascii_whitespace().nth(1);
            line.starts_with(':') && policy.is_some_and(|policy| policy != "-")
        };
        of_table.filter(is_built_in).collect()
    }

    /// The texts of a chain's rules, without counters; [`None`] if there is no such chain.
    pub fn chain(&self, table: &str, chain: &str) -> Option<Vec<&str>> {
        let chain = self.rules.table(table)?.chain(chain)?;
        Some(chain.rules.iter().map(|rule| rule.text.as_str()).collect())
    }

    /// A rule by its number, counted from 1.
    pub fn rule(&self, table: &str, chain: &str, number: usize) -> Option<&Rule> {
        let chain = self.rules.table(table)?.chain(chain)?;
        chain.rules.iter().find(|rule| rule.number == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Generated\n*mangle\n:PREROUTING ACCEPT [10:840]\n:own - [0:0]\n\
        [7:700] -A PREROUTING -i lan -j HMARK --hmark-mod 4\n-A PREROUTING -j ACCEPT\nCOMMIT\n";

    #[test]
    fn counters_are_those_of_the_rule() {
        let saved = Saved::read(TEXT.into(), Family::Ipv4).unwrap();
        let rule = |number| saved.rule("mangle", "PREROUTING", number).unwrap();
        assert_eq!(saved.counters(rule(1)), "[7:700]");
        assert_eq!(saved.counters(rule(2)), "");
        assert_eq!(
            saved.chain("mangle", "PREROUTING").unwrap(),
            ["-i lan -j HMARK --hmark-mod 4", "-j ACCEPT"]
        );
        assert_eq!(saved.chain("mangle", "OUTPUT"), None);
        assert_eq!(saved.policies("mangle"), [":PREROUTING ACCEPT [10:840]"]);
        assert_eq!(saved.policies("filter"), [""; 0]);
    }

    #[test]
    fn texts_that_cannot_be_written_back_are_refused() {
        let mut text = TEXT.as_bytes().to_vec();
        text.splice(0..0, *b"# \xff\n");
        let error = Saved::read(text, Family::Ipv4).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a rule has characters that are not UTF-8"
        );
    }
}
