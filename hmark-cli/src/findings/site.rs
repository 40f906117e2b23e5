// SPDX-License-Identifier: GPL-2.0-only

//! One family of a host, as checks look at it: its HMARK rules with the hooks that lead to them, and the
//! routing of their marks.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hmark::rule::v1::Info;
use hmark::Family;

use super::commands;
use super::lookups::{self, Ways};
use crate::change::shares;
use crate::digest::has_default;
use crate::host::Host;
use crate::marks::{bits, marks, MOST_MARKS};
use crate::routing::{Action, Kind, Route, Routes, RoutingRule, RoutingRules};
use crate::ruleset::{Chain, Match, Place, Rule, RuleSet, Table, Target};

/// One family of a host.
pub struct Site<'h> {
    /// The host.
    pub host: &'h Host,
    /// The family.
    pub family: Family,
    /// The rules of iptables or ip6tables.
    pub rules: &'h RuleSet,
    /// The routing rules, if they are known.
    pub routing: Option<&'h RoutingRules>,
    /// The routes, if they are known.
    pub routes: Option<&'h Routes>,
    /// All HMARK rules.
    pub hmark: Vec<HmarkRule<'h>>,
}

/// An HMARK rule in its place.
#[derive(Clone, Debug)]
pub struct HmarkRule<'h> {
    /// Its table.
    pub table: &'h Table,
    /// Its chain.
    pub chain: &'h Chain,
    /// The rule.
    pub rule: &'h Rule,
    /// Its options.
    pub info: &'h Info,
    /// The built-in chains from which packets may reach it.
    pub hooks: Vec<&'h str>,
    /// Its marks, but those of weight 0; none if there are too many.
    pub marks: Vec<u32>,
    /// Where their packets go, once somebody has asked.
    ways: OnceCell<BTreeMap<u32, Ways<'h>>>,
}

impl<'h> Site<'h> {
    /// A family of a host; [`None`] if its rules are not known.
    pub fn new(host: &'h Host, family: Family) -> Option<Self> {
        let side = host.side(family);
        let rules = side.ruleset.get()?;
        let mut hmark = Vec::new();
        for (table, chain, rule) in rules.rules() {
            let Target::Hmark(info) = &rule.target else {
                continue;
            };
            let mut hooks = Vec::new();
            for base in table.chains.iter().filter(|chain| chain.policy.is_some()) {
                if reached(table, base)
                    .iter()
                    .any(|other| std::ptr::eq(*other, chain))
                {
                    hooks.push(base.name.as_str());
                }
            }
            hmark.push(HmarkRule {
                table,
                chain,
                rule,
                info,
                hooks,
                marks: marks(info).unwrap_or_default(),
                ways: OnceCell::new(),
            });
        }
        Some(Self {
            host,
            family,
            rules,
            routing: side.rules.get(),
            routes: side.routes.get(),
            hmark,
        })
    }

    /// The HMARK rules that packets meet before they are routed.
    pub fn before_routing(&self) -> impl Iterator<Item = &HmarkRule<'h>> {
        self.hmark.iter().filter(|rule| rule.is_before_routing())
    }

    /// The marks of these rules, each once.
    pub fn marks(&self) -> BTreeSet<u32> {
        self.before_routing()
            .flat_map(|rule| rule.marks.iter().copied())
            .collect()
    }

    /// The `ip` command of the family.
    pub fn ip(&self) -> &'static str {
        match self.family {
            Family::Ipv4 => "ip",
            Family::Ipv6 => "ip -6",
        }
    }

    /// The `iptables` command of the family.
    pub fn iptables(&self) -> &'static str {
        match self.family {
            Family::Ipv4 => "iptables",
            Family::Ipv6 => "ip6tables",
        }
    }

    /// Where the packets of each mark of an HMARK rule go, for marks other than 0.
    pub fn ways<'r>(&self, hmark: &'r HmarkRule<'h>) -> &'r BTreeMap<u32, Ways<'h>> {
        hmark.ways.get_or_init(|| lookups::ways(self, hmark))
    }

    /// The routing rule that asks for a mark and decides where its packets go; if none does, since another
    /// rule comes before it or its table has no route, the first one that asks for the mark.
    pub fn own_rule(&self, mark: u32, hmark: &HmarkRule<'h>) -> Option<&'h RoutingRule> {
        let ways = self.ways(hmark).get(&mark)?;
        let mut deciding = ways.all.iter().filter_map(|way| way.rule);
        let own = deciding.find(|rule| lookups::asks(rule, hmark));
        own.or(ways.asking.first().copied())
    }

    /// The table of the first routing rule that asks for a mark's value, whatever takes its packets: that of
    /// a mark without a share, too, which [`Self::own_rule`] does not know.
    pub fn own_table(&self, mark: u32, info: &Info) -> Option<&'h str> {
        let is_for = |rule: &&RoutingRule| {
            let asks = |(value, mask): (u32, u32)| value == mark && mask & bits(info) != 0;
            // A branch of a tree asks for the first of its marks, too.
            let decides = matches!(rule.action, Action::Table(_) | Action::Refuse(_));
            !rule.not && decides && mark != 0 && rule.mark.is_some_and(asks)
        };
        match &self.routing?.rules.iter().find(is_for)?.action {
            Action::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Each mark with its table, for marks that have one.
    pub fn tables(&self) -> Vec<(u32, &'h str)> {
        let mut tables = Vec::new();
        for hmark in self.before_routing() {
            for (&mark, ways) in self.ways(hmark) {
                let by_table = ways.all.iter().filter_map(|way| way.by_table());
                let own: Vec<&str> = by_table
                    .filter(|(rule, _)| lookups::asks(rule, hmark))
                    .map(|(_, table)| table)
                    .collect();
                let first = match self.own_rule(mark, hmark).map(|rule| &rule.action) {
                    Some(Action::Table(table)) if own.is_empty() => Some(table.as_str()),
                    _ => None,
                };
                tables.extend(own.into_iter().chain(first).map(|table| (mark, table)));
            }
        }
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// The routes of a table.
    pub fn routes_of(&self, table: &str) -> Vec<&'h Route> {
        let routes = self.routes.into_iter().flat_map(|routes| routes.of(table));
        let mut of_table: Vec<_> = routes.collect();
        of_table.sort_by_key(|route| {
            let net = route.destination;
            (net.number(), net.length(), route.metric)
        });
        of_table
    }

    /// Whether a table takes all packets.
    pub fn has_default(&self, table: &str) -> bool {
        self.routes.is_some_and(|routes| has_default(routes, table))
    }

    /// Whether an address is the host's own.
    pub fn is_own(&self, address: IpAddr) -> bool {
        let of_links = self.host.links.get().is_some_and(|links| {
            let mut addresses = links.0.iter().flat_map(|link| &link.addresses);
            addresses.any(|own| own.local == Some(address))
        });
        let to_it = self
            .routes
            .into_iter()
            .flat_map(|routes| routes.to("local", address));
        let is_own = |route: &Route| {
            route.kind == Kind::Local && route.destination.length() == self.family.address_bits()
        };
        of_links || to_it.flatten().any(is_own)
    }

    /// How to give marks of an HMARK rule the weight 0.
    pub fn weight_0(&self, marks: &[u32]) -> String {
        let mut rules = self.before_routing();
        let of_all = rules.find(|hmark| marks.iter().all(|mark| hmark.marks.contains(mark)));
        of_all.map_or("give it the weight 0".to_owned(), |hmark| {
            hmark.weight_0(marks)
        })
    }

    /// The command of this tool that gives marks of an HMARK rule the weight 0; [`None`] if there is no such rule.
    pub fn drain(&self, marks: &[u32]) -> Option<String> {
        let mut rules = self.before_routing();
        let rule = rules.find(|hmark| marks.iter().all(|mark| hmark.marks.contains(mark)))?;
        let buckets = rule.weighable(marks).into_iter();
        let weights: Vec<String> = buckets.map(|bucket| format!("{bucket}=0")).collect();
        (!weights.is_empty()).then(|| format!("hmark weight {}", weights.join(" ")))
    }

    /// Whether a rule that does something asks for any of these marks.
    pub fn is_matched(&self, marks: &[u32]) -> bool {
        let asks = |condition: &Match| match condition {
            Match::Mark {
                value,
                mask,
                not: false,
            } => marks.iter().any(|mark| mark & mask == *value),
            _ => false,
        };
        self.rules.rules().any(|(_, _, rule)| {
            !matches!(rule.target, Target::None | Target::Continue) && rule.matches.iter().any(asks)
        })
    }
}

/// True if a routing rule is meant for a mark: it asks for the mark's value, and decides. A rule that skips
/// others, as in a tree, asks for the first of many marks.
pub fn is_for(rule: &RoutingRule, mark: u32, hmark: &HmarkRule<'_>) -> bool {
    let is_value = rule.mark.is_some_and(|(value, _)| value == mark);
    let decides = !matches!(rule.action, Action::Goto(_) | Action::Nop);
    mark != 0 && is_value && decides && lookups::asks(rule, hmark)
}

impl HmarkRule<'_> {
    /// Whether packets meet the rule before they are routed.
    pub fn is_before_routing(&self) -> bool {
        let is_early = matches!(self.table.name.as_str(), "raw" | "mangle" | "nat");
        is_early
            && self
                .hooks
                .iter()
                .any(|hook| matches!(*hook, "PREROUTING" | "OUTPUT"))
    }

    /// Whether forwarded packets meet it.
    pub fn is_for_forwarded(&self) -> bool {
        self.hooks.contains(&"PREROUTING")
    }

    /// Its place, in short: its text may have a key.
    pub fn place(&self) -> String {
        place(self.table, self.chain, self.rule)
    }

    /// The numbers of marks, counted from 0, of those that may have a weight.
    fn weighable(&self, marks: &[u32]) -> Vec<u32> {
        let count = self.info.masked.v0.hmodulus.min(MOST_MARKS);
        let bucket =
            |mark: &u32| (0..count).find(|bucket| shares::mark(self.info, *bucket) == *mark);
        let mut buckets: Vec<u32> = marks.iter().filter_map(bucket).collect();
        buckets.retain(|bucket| usize::try_from(*bucket).is_ok_and(|at| at < self.info.less.len()));
        buckets
    }

    /// How to give marks the weight 0, which counts marks from 0: the options, for those of the rule.
    pub fn weight_0(&self, marks: &[u32]) -> String {
        let buckets = self.weighable(marks);
        if buckets.is_empty() || marks.len() >= self.marks.len() {
            return "give it the weight 0".to_owned();
        }
        format!(
            "give it the weight 0 by --hmark-weight {}=0 in {} (revision 1 of HMARK; weights count the marks from 0)",
            folded(&buckets).replace(", ", "=0,"),
            self.place()
        )
    }

    /// The command that replaces it by another text.
    pub fn replaced(&self, site: &Site<'_>, text: &str) -> String {
        commands::replace(site, self.table, self.chain, self.rule, text)
    }

    /// Its place in full.
    pub fn full_place(&self) -> Place<'_> {
        Place {
            table: &self.table.name,
            chain: &self.chain.name,
            rule: self.rule,
        }
    }
}

/// The place of a rule, in short.
pub fn place(table: &Table, chain: &Chain, rule: &Rule) -> String {
    format!("{} {} rule {}", table.name, chain.name, rule.number)
}

/// A chain and those that it leads to, in the order in which packets meet them.
pub fn reached<'t>(table: &'t Table, base: &'t Chain) -> Vec<&'t Chain> {
    let mut is_reached = vec![false; table.chains.len()];
    let mut reached = Vec::new();
    let mut next: Vec<usize> = Vec::new();
    next.extend(
        table
            .chains
            .iter()
            .position(|chain| std::ptr::eq(chain, base)),
    );
    while let Some(place) = next.pop() {
        let (Some(chain), Some(seen)) = (table.chains.get(place), is_reached.get_mut(place)) else {
            continue;
        };
        if std::mem::replace(seen, true) {
            continue;
        }
        reached.push(chain);
        // The last comes off first.
        for rule in chain.rules.iter().rev() {
            if let Target::Chain { place, .. } = rule.target {
                next.push(place);
            }
        }
    }
    reached
}

/// Numbers, with runs folded: `100-103, 107`.
pub fn folded(numbers: &[u32]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut numbers = numbers.iter().copied().peekable();
    while let Some(first) = numbers.next() {
        let mut last = first;
        while let Some(next) = numbers.next_if(|next| last.checked_add(1) == Some(*next)) {
            last = next;
        }
        parts.push(match last == first {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        });
    }
    parts.join(", ")
}
