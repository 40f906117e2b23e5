// SPDX-License-Identifier: GPL-2.0-only

//! The canonical text of the rules that decide which mark a packet gets.

use std::collections::BTreeSet;

use hmark::rule::v1::{flag, Info};
use hmark::Family;

use super::names::Names;
use crate::change::edit;
use crate::ruleset::words::{self, Word};
use crate::ruleset::{Chain, Rule, RuleSet, Table, Target};
use crate::sha256;

/// The most passes over a table's chains: chains can call each other as deeply.
const MOST_PASSES: usize = 64;

/// Writes the rules of a family, and gives the HMARK rules among them.
pub fn write<'r>(rules: &'r RuleSet, names: &Names, lines: &mut Vec<String>) -> Vec<&'r Info> {
    let mut found = Vec::new();
    for name in ["raw", "mangle", "nat", "filter", "security"] {
        let Some(table) = rules.table(name) else {
            continue;
        };
        let kept = Kept::new(table);
        let mut written = BTreeSet::new();
        for base in table.chains.iter().filter(|chain| chain.policy.is_some()) {
            let reached = kept.reached(base);
            if !reached
                .iter()
                .any(|place| kept.has_target(*place, Target::is_hmark_or_untracked))
            {
                continue;
            }
            for place in reached {
                if !written.insert(place) {
                    continue;
                }
                if let Some(chain) = table.chains.get(place) {
                    write_chain(rules.family, table, chain, &kept.rules(chain), names, lines);
                    found.extend(
                        kept.rules(chain)
                            .iter()
                            .filter_map(|rule| rule.target.as_hmark()),
                    );
                }
            }
        }
    }
    found
}

impl Target {
    /// The options of an HMARK rule.
    pub fn as_hmark(&self) -> Option<&Info> {
        match self {
            Self::Hmark(info) => Some(info),
            _ => None,
        }
    }

    fn is_hmark_or_untracked(&self) -> bool {
        matches!(self, Self::Hmark(_) | Self::Notrack | Self::Template)
    }
}

/// The rules of a table that decide something.
struct Kept<'t> {
    table: &'t Table,
    /// For each chain, whether a packet that enters it may leave it otherwise.
    matters: Vec<bool>,
}

impl<'t> Kept<'t> {
    fn new(table: &'t Table) -> Self {
        let mut kept = Self {
            table,
            matters: vec![false; table.chains.len()],
        };
        for _ in 0..MOST_PASSES {
            let matters: Vec<bool> = table
                .chains
                .iter()
                .map(|chain| !kept.rules(chain).is_empty())
                .collect();
            if matters == kept.matters {
                break;
            }
            kept.matters = matters;
        }
        kept
    }

    /// The rules of a chain that decide something.
    fn rules(&self, chain: &'t Chain) -> Vec<&'t Rule> {
        let mut rules: Vec<&Rule> = chain
            .rules
            .iter()
            .filter(|rule| self.decides(rule))
            .collect();
        // At the end of a chain, these do what its end does.
        let is_base = chain.policy.is_some();
        let is_end = |rule: &&Rule| match rule.target {
            Target::Return => true,
            Target::Accept => is_base,
            _ => false,
        };
        while rules.last().is_some_and(is_end) {
            rules.pop();
        }
        rules
    }

    fn decides(&self, rule: &Rule) -> bool {
        match &rule.target {
            Target::None | Target::Continue => false,
            Target::Chain { place, goto } => {
                *goto || self.matters.get(*place).copied().unwrap_or(true)
            }
            _ => true,
        }
    }

    /// The places of a chain and of those that it leads to, in the order in which packets meet them.
    fn reached(&self, base: &'t Chain) -> Vec<usize> {
        let chains = &self.table.chains;
        let mut is_reached = vec![false; chains.len()];
        let mut reached: Vec<usize> = Vec::new();
        let mut next: Vec<usize> = Vec::new();
        next.extend(chains.iter().position(|chain| std::ptr::eq(chain, base)));
        while let Some(place) = next.pop() {
            let (Some(chain), Some(seen)) = (chains.get(place), is_reached.get_mut(place)) else {
                continue;
            };
            if std::mem::replace(seen, true) {
                continue;
            }
            reached.push(place);
            // The last comes off first.
            for rule in self.rules(chain).iter().rev() {
                if let Target::Chain { place, .. } = rule.target {
                    next.push(place);
                }
            }
        }
        reached
    }

    fn has_target(&self, place: usize, is_it: impl Fn(&Target) -> bool) -> bool {
        let chain = self.table.chains.get(place);
        chain.is_some_and(|chain| self.rules(chain).iter().any(|rule| is_it(&rule.target)))
    }
}

fn write_chain(
    family: Family,
    table: &Table,
    chain: &Chain,
    rules: &[&Rule],
    names: &Names,
    lines: &mut Vec<String>,
) {
    let policy = match chain.policy {
        Some(policy) => format!(" {policy:?}").to_ascii_lowercase(),
        None => String::new(),
    };
    lines.push(format!("{family} {} {}{policy}", table.name, chain.name));
    let mut run: Vec<String> = Vec::new();
    let mut last: Option<&Target> = None;
    for rule in rules {
        // Rules that end a packet's way alike may change places.
        let is_verdict = matches!(rule.target, Target::Accept | Target::Drop | Target::Return);
        if !is_verdict || last != Some(&rule.target) {
            run.sort();
            lines.append(&mut run);
        }
        run.push(format!("  {}", canonical(rule, family, names)));
        last = is_verdict.then_some(&rule.target);
    }
    run.sort();
    lines.append(&mut run);
}

/// A rule's text without comments, its matches in alphabetical order, and with names for what is the
/// host's own.
fn canonical(rule: &Rule, family: Family, names: &Names) -> String {
    let Some(words) = words::split(&rule.text) else {
        return rule.text.clone();
    };
    let is_target = |word: &Word| word.is_option() && matches!(word.text.as_str(), "-j" | "-g");
    let end = words.iter().position(is_target).unwrap_or(words.len());
    let (matches, target) = words.split_at_checked(end).unwrap_or((&words, &[]));
    let mut groups = groups(matches, names);
    groups.retain(|group| !group.starts_with("-m comment"));
    groups.sort();
    groups.push(match &rule.target {
        Target::Hmark(info) => format!("-j HMARK {}", without_key(info, family)),
        _ => joined(target),
    });
    groups.join(" ")
}

/// Matches, each with its options.
fn groups(words: &[Word], names: &Names) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    let mut inverted = false;
    let mut option = "";
    for word in words {
        if word.is_not() {
            inverted = true;
            continue;
        }
        let starts = word.is_option() && !word.text.starts_with("--");
        let text = match option {
            "-i" | "-o" => names.device(&word.text),
            "-s" | "-d" => names.net(&word.text),
            _ => quoted(word),
        };
        let text = match inverted {
            true => format!("! {text}"),
            false => text,
        };
        inverted = false;
        match groups.last_mut() {
            Some(group) if !starts => {
                group.push(' ');
                group.push_str(&text);
            }
            _ => groups.push(text),
        }
        option = match word.is_option() {
            true => word.text.as_str(),
            false => "",
        };
    }
    groups
}

fn joined(words: &[Word]) -> String {
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A word, in quotes if it would else be several or none.
fn quoted(word: &Word) -> String {
    match word.text.is_empty() || word.text.contains([' ', '"', '\\']) {
        true => format!("{:?}", word.text),
        false => word.text.clone(),
    }
}

/// The options of an HMARK rule, with the digest of the key in its place: the text may be shown.
fn without_key(info: &Info, family: Family) -> String {
    let text = edit::save(info, family);
    if !info.has(flag::KEY) {
        return text;
    }
    let key = format!("{:032x}", u128::from_be_bytes(info.key));
    let shown = format!("sha256:{:08x}", sha256::first_word(key.as_bytes()));
    text.replace(&key, &shown)
}
