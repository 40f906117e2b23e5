// SPDX-License-Identifier: GPL-2.0-only

//! The rules of iptables or ip6tables on a host, and a packet's way through them.
//!
//! [`RuleSet::read`] takes the text that iptables-save and ip6tables-save write, legacy and nft alike.
//! [`walk()`] sends a packet through the tables of a hook. What it does not understand and needs, a match
//! or a target, makes the answer [`UnclearAt`] a rule.

mod evaluate;
mod marked;
mod matches;
mod options;
mod ports;
mod read;
mod rule;
mod state;
mod target;
#[cfg(test)]
mod tests;
mod tracking;
mod unclear;
mod walk;
pub(crate) mod words;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr;

use hmark::Family;

pub use marked::{explain, Marked};
pub use matches::{AddressType, End, Match};
pub use read::Mistake;
pub use rule::Rule;
pub use state::States;
pub use target::{Bits, Connmark, Target};
pub use tracking::{State, Tracking};
pub use unclear::{DroppedAt, Unclear, UnclearAt};
pub use walk::{walk, Addresses, Fate, Left, Met, Subject};

/// All tables of one family.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// The family: iptables or ip6tables.
    pub family: Family,
    /// The tables, in the order of the text.
    pub tables: Vec<Table>,
    /// Sentences about rules of the host that the text does not have.
    pub missing: Vec<String>,
}

impl RuleSet {
    /// The rules of a host that has none.
    pub fn empty(family: Family) -> Self {
        Self {
            family,
            tables: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The table of this name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// All rules, with the table and chain that they are in.
    pub fn rules(&self) -> impl Iterator<Item = (&Table, &Chain, &Rule)> {
        self.tables.iter().flat_map(|table| {
            let chains = table.chains.iter();
            chains.flat_map(move |chain| chain.rules.iter().map(move |rule| (table, chain, rule)))
        })
    }
}

impl RuleSet {
    /// Whether a rule makes the kernel track connections of this family: the matches and targets whose
    /// check calls `nf_ct_netns_get()`.
    pub fn tracks_connections(&self) -> bool {
        self.rules().any(|(_, _, rule)| {
            let of_target = matches!(
                rule.target,
                Target::Connmark(_) | Target::Template | Target::Translate(_)
            );
            let of_match = |condition: &Match| {
                matches!(
                    condition,
                    Match::State { .. } | Match::ConnectionMark { .. }
                )
            };
            of_target || rule.matches.iter().any(of_match)
        })
    }

    /// Whether there is no rule, and no policy other than ACCEPT.
    pub fn does_nothing(&self) -> bool {
        let mut chains = self.tables.iter().flat_map(|table| &table.chains);
        chains.all(|chain| chain.rules.is_empty() && chain.policy != Some(Policy::Drop))
    }

    /// Whether any rule may translate addresses.
    pub fn may_translate(&self) -> bool {
        let nat = self.rules().filter(|(table, _, _)| table.name == "nat");
        let mut targets = nat.map(|(_, _, rule)| &rule.target);
        targets.any(|target| matches!(target, Target::Translate(_) | Target::Unknown(_)))
    }
}

/// A table, such as `mangle`.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its chains, in the order of the text.
    pub chains: Vec<Chain>,
}

impl Table {
    /// The chain of this name.
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.name == name)
    }
}

/// A chain of rules.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// The fate of packets at its end; [`None`] for a user's chain, which then returns.
    pub policy: Option<Policy>,
    /// Its rules, the first of which has number 1.
    pub rules: Vec<Rule>,
}

/// The policy of a built-in chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Packets go on.
    Accept,
    /// Packets end here.
    Drop,
}

/// A hook of netfilter, by the name of its chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Packets that come in, before they are routed.
    Prerouting,
    /// Packets that the host itself sends.
    Output,
}

impl Hook {
    /// The name of the chains at this hook.
    pub const fn chain(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Output => "OUTPUT",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.chain())
    }
}

/// The place of a rule: `mangle PREROUTING rule 3 (line 12): -s 10.0.0.0/8 -j HMARK ...`.
#[derive(Clone, Copy, Debug)]
pub struct Place<'r> {
    /// The table's name.
    pub table: &'r str,
    /// The chain's name.
    pub chain: &'r str,
    /// The rule.
    pub rule: &'r Rule,
}

/// Places are the same if the rule is, of which no two are at the same address in memory.
impl PartialEq for Place<'_> {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.rule, other.rule)
    }
}

impl Eq for Place<'_> {}

impl Hash for Place<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(self.rule, state);
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, chain, rule } = self;
        let Rule { number, line, .. } = rule;
        write!(
            f,
            "{table} {chain} rule {number} (line {line}): {}",
            rule.text
        )
    }
}
