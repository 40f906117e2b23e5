// SPDX-License-Identifier: GPL-2.0-only

//! Routing rules from marks to tables.
//!
//! A few are walked one by one. Many are a binary tree, whose nodes skip by `goto` the half that a mark is
//! not in, behind a guard, by which all other packets leave at once: among these is the reverse lookup of
//! each packet, whose mark is 0. Each leaf names its whole mark, so a packet that meets more rules than it
//! need, because a `goto` is missing for a moment, still takes its own.

use super::marks::above;
use super::site::Site;
use crate::routing::Action;

/// The most marks whose rules are walked one by one, without guard and tree.
pub const LINEAR: u32 = 16;

/// The most leaves that are walked one by one: a node would cost as much.
const LEAVES: usize = 2;

/// A routing rule of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its preference.
    pub preference: u32,
    /// Whether it is for other marks.
    pub not: bool,
    /// The mark, and the bits of it that count; [`None`] for any mark.
    pub mark: Option<(u32, u32)>,
    /// A table, a preference to go to, or nothing.
    pub action: Action,
}

impl Rule {
    /// The rule in the words of `ip rule`, without preference and protocol.
    pub fn text(&self) -> String {
        let not = if self.not { "not " } else { "" };
        let mark = match self.mark {
            None => String::new(),
            Some((mark, u32::MAX)) => format!(" fwmark {mark:#x}"),
            Some((mark, mask)) => format!(" fwmark {mark:#x}/{mask:#x}"),
        };
        let action = match &self.action {
            Action::Table(table) => format!("lookup {table}"),
            Action::Goto(preference) => format!("goto {preference}"),
            _ => "nop".to_string(),
        };
        format!("{not}from all{mark} {action}")
    }

    /// Whether a packet's mark fits.
    fn fits(&self, mark: u32) -> bool {
        let fits = self
            .mark
            .is_none_or(|(value, mask)| (mark ^ value) & mask == 0);
        fits != self.not
    }
}

/// The shape of the rules of more than [`LINEAR`] marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A tree behind a guard.
    Tree,
    /// One after the other behind a guard that does without `goto`: other packets look into the main table.
    Guard,
}

/// The rules of a site.
pub fn rules(site: &Site, shape: Shape) -> Vec<Rule> {
    let marks = &site.marks;
    let mask = marks.bits();
    let leaves = marks.all().zip(site.table..).map(|(mark, table)| Rule {
        preference: 0,
        not: false,
        mark: Some((mark, mask)),
        action: Action::Table(table.to_string()),
    });
    let leaves: Vec<Rule> = leaves.collect();
    let guard = marks.block().filter(|_| marks.count > LINEAR);
    let Some(guard) = guard else {
        return numbered(leaves, site.preference);
    };
    let first = |action| Rule {
        preference: 0,
        not: true,
        mark: Some(guard),
        action,
    };
    if shape == Shape::Guard {
        let mut rules = vec![first(Action::Table("main".to_string()))];
        rules.extend(leaves);
        return numbered(rules, site.preference);
    }
    let mut rules = vec![first(Action::Nop)];
    let at = site.preference.saturating_add(1);
    node(&leaves, mask, at, &mut rules);
    let end = site.preference.saturating_add(size(&rules));
    rules.push(Rule {
        preference: end,
        not: false,
        mark: None,
        action: Action::Nop,
    });
    if let Some(guard) = rules.first_mut() {
        guard.preference = site.preference;
        guard.action = Action::Goto(end);
    }
    rules
}

fn size(rules: &[Rule]) -> u32 {
    u32::try_from(rules.len()).unwrap_or(u32::MAX)
}

fn numbered(mut rules: Vec<Rule>, first: u32) -> Vec<Rule> {
    for (rule, preference) in rules.iter_mut().zip(first..) {
        rule.preference = preference;
    }
    rules
}

/// Adds a node and what is below it, from the preference `at` on. `bits` are those that leaves compare.
fn node(leaves: &[Rule], bits: u32, at: u32, rules: &mut Vec<Rule>) {
    let mark = |rule: &Rule| rule.mark.map_or(0, |(mark, _)| mark);
    let ends = leaves.first().map(mark).zip(leaves.last().map(mark));
    let Some((first, last)) = ends.filter(|_| leaves.len() > LEAVES) else {
        rules.extend(numbered(leaves.to_vec(), at));
        return;
    };
    // The highest bit that tells leaves apart, and those above it, which all share.
    let mask = bits & (above(first ^ last) | highest(first ^ last));
    let upper = last & mask;
    let split = leaves.partition_point(|leaf| mark(leaf) & mask != upper);
    let (left, right) = leaves.split_at(split);
    let mut below = Vec::new();
    node(left, bits, at.saturating_add(1), &mut below);
    let target = at.saturating_add(size(&below)).saturating_add(1);
    rules.push(Rule {
        preference: at,
        not: false,
        mark: Some((upper, mask)),
        action: Action::Goto(target),
    });
    rules.append(&mut below);
    node(right, bits, target, rules);
}

/// The highest bit of these.
fn highest(bits: u32) -> u32 {
    bits.checked_ilog2().map_or(0, |bit| 1 << bit)
}

/// The number of rules that a packet with a mark meets, those included that do not fit it, up to the one
/// that ends its way.
pub fn walked(rules: &[Rule], mark: u32) -> usize {
    let (mut at, mut walked) = (0_usize, 0_usize);
    while let Some(rule) = rules.get(at) {
        at = at.saturating_add(1);
        walked = walked.saturating_add(1);
        if !rule.fits(mark) {
            continue;
        }
        match rule.action {
            Action::Goto(preference) => {
                let rest = rules.get(at..).unwrap_or_default();
                let to = rest.iter().position(|rule| rule.preference == preference);
                at = at.saturating_add(to.unwrap_or(0));
            }
            Action::Table(_) => break,
            _ => {}
        }
    }
    walked
}
