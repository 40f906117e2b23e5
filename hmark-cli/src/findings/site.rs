// SPDX-License-Identifier: GPL-2.0-only

//! One family of a host, as checks look at it: its HMARK rules with the hooks that lead to them, and the
//! routing of their marks.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hmark::rule::v1::Info;
use hmark::Family;

use crate::digest::has_default;
use crate::host::Host;
use crate::marks::{bits, marks};
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

    /// The first routing rule that is for a mark alone: it has the mark's value, and asks for it. Its mask
    /// may have fewer bits than the mark, and more.
    pub fn own_rule(&self, mark: u32, info: &Info) -> Option<&'h RoutingRule> {
        let rules = &self.routing?.rules;
        rules.iter().find(|rule| is_own(rule, mark, info))
    }

    /// The table of a mark by its own routing rule.
    pub fn own_table(&self, mark: u32, info: &Info) -> Option<&'h str> {
        match &self.own_rule(mark, info)?.action {
            Action::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Each mark with its table, for marks that have one.
    pub fn tables(&self) -> Vec<(u32, &'h str)> {
        let mut tables = Vec::new();
        for rule in self.before_routing() {
            for &mark in &rule.marks {
                let table = self.own_table(mark, rule.info);
                tables.extend(table.map(|table| (mark, table)));
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

/// Whether a routing rule asks for a mark's value.
pub fn is_own(rule: &RoutingRule, mark: u32, info: &Info) -> bool {
    let asks = |(value, mask): (u32, u32)| value == mark && mask & bits(info) != 0;
    // A guard may have the value of a mark, too, but leads away from the tables.
    !rule.not && mark != 0 && rule.mark.is_some_and(asks)
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
