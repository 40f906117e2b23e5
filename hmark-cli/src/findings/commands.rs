// SPDX-License-Identifier: GPL-2.0-only

//! Commands of iptables that change a rule, with the rule's own text, so that they can be pasted. A key is
//! not shown: KEY stands for it.

use super::Site;
use crate::ruleset::words::split;
use crate::ruleset::{Chain, Rule, Table};

/// The text of a rule, but for its key.
pub fn text(rule: &Rule) -> String {
    with_value(&rule.text, "--hmark-key", "KEY")
}

/// A rule's text with another value of an option, if it has the option.
fn with_value(text: &str, option: &str, value: &str) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    let place = words.iter().position(|word| *word == option);
    if let Some(old) = place.and_then(|place| words.get_mut(place.checked_add(1)?)) {
        *old = value;
    }
    words.join(" ")
}

/// A rule's text with an option of its target, which replaces one that it has.
pub fn with_option(text: &str, option: &str, value: &str) -> String {
    match text.split(' ').any(|word| word == option) {
        true => with_value(text, option, value),
        false => format!("{text} {option} {value}"),
    }
}

/// A rule's text with one more match before its target.
pub fn with_match(text: &str, condition: &str) -> String {
    // A comment may have these letters, too, but in quotes.
    let targets = split(text).unwrap_or_default();
    let has_target = targets
        .iter()
        .any(|word| word.is_option() && matches!(word.text.as_str(), "-j" | "-g"));
    let target = [" -j ", " -g "].iter().find_map(|word| text.rfind(word));
    match target.filter(|_| has_target) {
        Some(at) => {
            let (matches, target) = text.split_at_checked(at).unwrap_or((text, ""));
            format!("{matches} {condition}{target}")
        }
        None if has_target => format!("{condition} {text}"),
        None => format!("{text} {condition}"),
    }
}

/// Replaces a rule by another text.
pub fn replace(site: &Site<'_>, table: &Table, chain: &Chain, rule: &Rule, text: &str) -> String {
    format!(
        "{} -t {} -R {} {} {text}",
        site.iptables(),
        table.name,
        chain.name,
        rule.number
    )
}

/// Deletes a rule.
pub fn delete(site: &Site<'_>, table: &Table, chain: &Chain, rule: &Rule) -> String {
    format!(
        "{} -t {} -D {} {}",
        site.iptables(),
        table.name,
        chain.name,
        rule.number
    )
}

/// Adds a rule to a table, before the one of a number or, without one, at the end of the chain.
pub fn add(site: &Site<'_>, table: &str, chain: &str, before: Option<usize>, text: &str) -> String {
    let iptables = site.iptables();
    match before {
        Some(number) => format!("{iptables} -t {table} -I {chain} {number} {text}"),
        None => format!("{iptables} -t {table} -A {chain} {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_changed_by_their_text() {
        let rule = "-d 10.0.0.0/8 -m comment --comment \"no -j x\" -j HMARK --hmark-mod 2";
        assert_eq!(
            with_match(rule, "-m mark --mark 0"),
            "-d 10.0.0.0/8 -m comment --comment \"no -j x\" -m mark --mark 0 -j HMARK --hmark-mod 2"
        );
        assert_eq!(with_match("-j MARK", "-p tcp"), "-p tcp -j MARK");
        assert_eq!(with_match("-i eth0", "-p tcp"), "-i eth0 -p tcp");
        assert_eq!(
            with_match("-i eth0 -g own", "-p tcp"),
            "-i eth0 -p tcp -g own"
        );
        let options = "-j HMARK --hmark-mod 2 --hmark-offset 0";
        assert_eq!(
            with_option(options, "--hmark-offset", "100"),
            "-j HMARK --hmark-mod 2 --hmark-offset 100"
        );
        assert_eq!(
            with_option("-j HMARK", "--hmark-tuple", "ct"),
            "-j HMARK --hmark-tuple ct"
        );
    }
}
