// SPDX-License-Identifier: GPL-2.0-only

//! The difference of a plan from a host: lines that it has too many or too few, and what of others is in the
//! way.

use std::collections::HashSet;

use anyhow::Result;
use hmark::Family;

use super::chain::{self, HOOKS};
use super::{moves, others, Plan, Rule};
use crate::cannot_tell::CannotTell;
use crate::host::{Host, Part, Side};
use crate::ruleset::{self, RuleSet, Target};

/// All that differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Differing lines by what they are of: `ip nexthop`, `ip -4 rule`, and so on.
    pub parts: Vec<Differing>,
    /// Sentences about what somebody else has, and the plan needs.
    pub taken: Vec<String>,
    /// Sentences about what the host has beside the plan, or the plan would do to it, and is hardly meant.
    pub notes: Vec<String>,
    /// Reasons why something cannot be told.
    pub missing: Vec<CannotTell>,
}

/// The differing lines of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing {
    /// What they are of.
    pub of: String,
    /// What the host has, and the plan has not.
    pub gone: Vec<String>,
    /// What the plan has, and the host has not.
    pub new: Vec<String>,
}

impl Difference {
    /// Whether the host is as planned.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Compares unordered lines.
    fn compare(&mut self, of: &str, has: Vec<String>, wanted: Vec<String>) {
        let (had, want): (HashSet<_>, HashSet<_>) = (has.iter().collect(), wanted.iter().collect());
        let gone = has.iter().filter(|line| !want.contains(line));
        let new = wanted.iter().filter(|line| !had.contains(line));
        self.add(of, gone.cloned().collect(), new.cloned().collect());
    }

    fn add(&mut self, of: &str, gone: Vec<String>, new: Vec<String>) {
        if !gone.is_empty() || !new.is_empty() {
            let of = of.to_owned();
            self.parts.push(Differing { of, gone, new });
        }
    }

    /// A part, if it is known.
    ///
    /// # Errors
    ///
    /// If it could not be read.
    fn known<'h, T>(&mut self, part: &'h Part<T>) -> Result<Option<&'h T>> {
        match part {
            Part::Missing(reason) => {
                self.missing.push(reason.clone());
                Ok(None)
            }
            part => Ok(Some(part.known()?)),
        }
    }
}

/// Compares a plan with a host.
///
/// # Errors
///
/// If a file of the host could not be read.
pub fn difference(plan: &Plan, host: &Host) -> Result<Difference> {
    let mut difference = Difference {
        notes: others::not_there(plan, host),
        ..Difference::default()
    };
    settings(plan, host, &mut difference)?;
    nexthops(plan, host, &mut difference)?;
    for family in [Family::Ipv4, Family::Ipv6] {
        let side = host.side(family);
        rules(plan, family, side, &mut difference)?;
        routes(plan, family, side, &mut difference)?;
        chains(plan, family, side, &mut difference)?;
        if let (Some(_), Some(rules)) = (plan.side(family), side.rules.get()) {
            let taken = others::come_first(plan, rules, side.routes.get());
            difference.taken.extend(taken);
        }
        if let Some(rules) = side.ruleset.get() {
            difference.notes.extend(others::left_behind(plan, rules));
        }
    }
    difference.notes.extend(moves::needless(plan, host));
    Ok(difference)
}

fn settings(plan: &Plan, host: &Host, difference: &mut Difference) -> Result<()> {
    let Some(settings) = difference.known(&host.sysctls)? else {
        return Ok(());
    };
    let line = |name: &String, value: &str| format!("{name} = {value}");
    let own = plan.sysctls.iter();
    let has = own
        .clone()
        .filter_map(|(name, _)| Some(line(name, settings.get(name)?)));
    let wanted = own.map(|(name, value)| line(name, value));
    difference.compare("sysctl", has.collect(), wanted.collect());
    Ok(())
}

fn nexthops(plan: &Plan, host: &Host, difference: &mut Difference) -> Result<()> {
    let Some(nexthops) = difference.known(&host.nexthops)? else {
        return Ok(());
    };
    let protocol = plan.site.protocol.to_string();
    let ids: HashSet<u32> = plan.nexthops.iter().map(|nexthop| nexthop.id).collect();
    let mut has = Vec::new();
    for own in &nexthops.0 {
        let via = own.gateway.map(|via| format!(" via {via}"));
        let device = own.device.as_ref().map(|device| format!(" dev {device}"));
        let (via, device) = (via.unwrap_or_default(), device.unwrap_or_default());
        let text = format!("id {}{via}{device}", own.id);
        if own.protocol.as_ref() == Some(&protocol) {
            has.push(text);
        } else if ids.contains(&own.id) {
            difference.taken.push(format!(
                "the nexthop {} is taken: {text}: delete it, or give table another number",
                own.id
            ));
        }
    }
    let wanted = plan.nexthops.iter().map(|nexthop| nexthop.text());
    difference.compare("ip nexthop", has, wanted.collect());
    Ok(())
}

fn digit(family: Family) -> u8 {
    match family {
        Family::Ipv4 => 4,
        Family::Ipv6 => 6,
    }
}

fn rules(plan: &Plan, family: Family, side: &Side, difference: &mut Difference) -> Result<()> {
    let Some(rules) = difference.known(&side.rules)? else {
        return Ok(());
    };
    let own: &[Rule] = match plan.side(family) {
        Some(_) => &plan.rules,
        None => &[],
    };
    let ends = own.first().zip(own.last());
    let block = ends.map(|(first, last)| first.preference..=last.preference);
    let mut has = Vec::new();
    for rule in &rules.rules {
        if rule.owner == Some(plan.site.protocol) {
            has.push(rule.to_string());
        } else if block
            .as_ref()
            .is_some_and(|block| block.contains(&rule.preference))
        {
            difference.taken.push(format!(
                "the preference {} of {family} is taken: {rule}: delete it, or give preference another number",
                rule.preference
            ));
        }
    }
    let wanted = own
        .iter()
        .map(|rule| format!("{}: {}", rule.preference, rule.text()));
    let of = format!("ip -{} rule", digit(family));
    difference.compare(&of, has, wanted.collect());
    Ok(())
}

fn routes(plan: &Plan, family: Family, side: &Side, difference: &mut Difference) -> Result<()> {
    let Some(routes) = difference.known(&side.routes)? else {
        return Ok(());
    };
    let own = plan
        .side(family)
        .map(|side| side.routes.as_slice())
        .unwrap_or_default();
    let tables: HashSet<String> = own.iter().map(|route| route.table.to_string()).collect();
    let mut has = Vec::new();
    for (table, route) in routes.all() {
        if route.owner() == Some(plan.site.protocol) {
            let to = super::Route {
                to: route.destination,
                nexthop: 0,
                table: 0,
            };
            let leads = match route.nexthop_id {
                Some(id) => format!("nhid {id}"),
                None => route
                    .hops
                    .first()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            };
            has.push(format!("{} {leads} table {table}", to.destination()));
        } else if tables.contains(table) {
            difference.taken.push(format!(
                "the table {table} of {family} is taken: {route}: delete it, or give table another number"
            ));
        }
    }
    // A host's routes are in no order.
    has.sort_unstable();
    let wanted = own.iter().map(super::Route::text);
    let of = format!("ip -{} route", digit(family));
    difference.compare(&of, has, wanted.collect());
    Ok(())
}

fn chains(plan: &Plan, family: Family, side: &Side, difference: &mut Difference) -> Result<()> {
    let own = plan.side(family).map(|side| &side.chains);
    let of = match family {
        Family::Ipv4 => "iptables -t mangle",
        Family::Ipv6 => "ip6tables -t mangle",
    };
    // A host without ip6tables has no rules of IPv6.
    if own.is_none() && matches!(side.ruleset, Part::Missing(_)) {
        return Ok(());
    }
    let Some(rules) = difference.known(&side.ruleset)? else {
        return Ok(());
    };
    let text = own.map(|chains| chains.saved()).unwrap_or_default();
    let wanted = RuleSet::read(text.as_bytes(), family)?;
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for hook in HOOKS {
        let name = chain::name(&plan.site, hook);
        let (has, wants) = (of_chain(rules, &name), of_chain(&wanted, &name));
        // The order of rules matters: all from the first that differs to the last.
        let is_same = |(a, b): &(&&ruleset::Rule, &&ruleset::Rule)| same(a, b);
        let from = has.iter().zip(&wants).take_while(is_same).count();
        let (has, wants) = (
            has.get(from..).unwrap_or_default(),
            wants.get(from..).unwrap_or_default(),
        );
        let to = has
            .iter()
            .rev()
            .zip(wants.iter().rev())
            .take_while(is_same)
            .count();
        let part = |rules: &[&ruleset::Rule]| -> Vec<String> {
            let rules = rules
                .get(..rules.len().saturating_sub(to))
                .unwrap_or_default();
            rules
                .iter()
                .map(|rule| format!("-A {name} {}", rule.text))
                .collect()
        };
        gone.extend(part(has));
        new.extend(part(wants));
        let jump = format!("-A {hook} -j {name}");
        let (has, wants) = (
            jumps(rules, hook.chain(), &name),
            jumps(&wanted, hook.chain(), &name),
        );
        gone.extend(std::iter::repeat_n(jump.clone(), has.saturating_sub(wants)));
        new.extend(std::iter::repeat_n(jump, wants.saturating_sub(has)));
    }
    difference.add(of, gone, new);
    Ok(())
}

fn same(a: &ruleset::Rule, b: &ruleset::Rule) -> bool {
    a.matches == b.matches && a.target == b.target
}

fn of_chain<'r>(rules: &'r RuleSet, name: &str) -> Vec<&'r ruleset::Rule> {
    let table = rules.table("mangle");
    let chain = table.and_then(|table| table.chain(name));
    chain.into_iter().flat_map(|chain| &chain.rules).collect()
}

/// The number of rules of a chain that jump to another, whatever the packet.
fn jumps(rules: &RuleSet, from: &str, to: &str) -> usize {
    let Some(table) = rules.table("mangle") else {
        return 0;
    };
    let all = of_chain(rules, from).into_iter().filter(|rule| {
        let Target::Chain { place, .. } = rule.target else {
            return false;
        };
        rule.matches.is_empty()
            && table
                .chains
                .get(place)
                .is_some_and(|chain| chain.name == to)
    });
    all.count()
}
