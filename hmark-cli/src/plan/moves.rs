// SPDX-License-Identifier: GPL-2.0-only

//! Flows that a plan would move on a host without need: a change of the file that is allowed, and hardly
//! meant.

use hmark::rule::v1::{flag, Info};

use super::chain::{self, HOOKS};
use super::Plan;
use crate::change::{Change, Effect, Way};
use crate::host::Host;
use crate::ruleset::{self, RuleSet, Target};

/// The hashes that are tried where all are too many.
const SAMPLES: u64 = 100_000;

/// Sentences about needless moves, each with what would be right.
pub fn needless(plan: &Plan, host: &Host) -> Vec<String> {
    // Connections keep the mark that they have, but they, too, go where its gateway is now.
    let by_rules = match plan.site.sticky {
        true => None,
        false => changes(plan, host).iter().find_map(by_rule),
    };
    by_rules.into_iter().chain(shifted(plan, host)).collect()
}

/// Rules of the plan that the host has with other options.
fn changes(plan: &Plan, host: &Host) -> Vec<Change> {
    let mut all = Vec::new();
    for side in &plan.sides {
        let family = side.family;
        let wanted = RuleSet::read(side.chains.saved().as_bytes(), family);
        let (Some(has), Ok(wanted)) = (host.side(family).ruleset.get(), wanted) else {
            continue;
        };
        for hook in HOOKS {
            let name = chain::name(&plan.site, hook);
            let (has, wanted) = (hmark(has, &name), hmark(&wanted, &name));
            for (rule, after) in wanted {
                let mut same = has
                    .iter()
                    .filter(|(other, _)| other.matches == rule.matches);
                if let Some((_, before)) = same.next() {
                    all.push(Change {
                        family,
                        before: **before,
                        after: *after,
                    });
                }
            }
        }
    }
    all.retain(|change| change.before != change.after);
    all
}

fn hmark<'r>(rules: &'r RuleSet, name: &str) -> Vec<(&'r ruleset::Rule, &'r Info)> {
    let chain = rules.table("mangle").and_then(|table| table.chain(name));
    let rules = chain.into_iter().flat_map(|chain| &chain.rules);
    let hmark = rules.filter_map(|rule| match &rule.target {
        Target::Hmark(info) => Some((rule, &**info)),
        _ => None,
    });
    hmark.collect()
}

/// The flows that a change of a rule moves, if another way to the same shares moves fewer.
fn by_rule(change: &Change) -> Option<String> {
    let effect = change.measure(SAMPLES, &mut |_, _| {});
    let least = change.least(&effect, SAMPLES, &mut |_, _| {});
    let (right, least) = match least {
        Some((way, least)) => (advice(way, change)?, least),
        None => with_old_from(change, &effect)?,
    };
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    Some(format!(
        "{} of flows would move, and {} need to: {right}",
        percent(effect.moved()),
        percent(least.moved())
    ))
}

fn advice(way: Way, change: &Change) -> Option<String> {
    Some(match way {
        Way::Grow => {
            let from = way.rule(change)?.from;
            format!("give from = {from} at the top of the file (needs revision 1 of HMARK)")
        }
        Way::Drain => "keep the lines of all gateways, and give those that go weight = 0 (needs \
                       revision 1 of HMARK)"
            .to_owned(),
        Way::KeepHash => "keep seed, key and tuple as the host has them".to_owned(),
    })
}

/// The same number of marks, but with the number that there were at first as the host has it.
fn with_old_from(change: &Change, effect: &Effect) -> Option<(String, Effect)> {
    let (before, mut after) = (&change.before, change.after);
    let from = |rule: &Info| rule.has(flag::FROM).then_some(rule.from);
    if before.masked.v0.hmodulus != after.masked.v0.hmodulus || from(before) == from(&after) {
        return None;
    }
    let v0 = &mut after.masked.v0;
    v0.flags = (v0.flags & !flag::FROM) | (before.masked.v0.flags & flag::FROM);
    after.from = before.from;
    let other = Change { after, ..*change }.measure(SAMPLES, &mut |_, _| {});
    let chance = 3.0 * (effect.standard_error() + other.standard_error());
    let right = match from(before) {
        Some(from) => format!("give from = {from} at the top of the file"),
        None => "leave from out of the file".to_owned(),
    };
    (other.moved() + chance < effect.moved()).then_some((right, other))
}

/// Gateways that are in another place of the list than on the host, and so get the flows of another one.
fn shifted(plan: &Plan, host: &Host) -> Option<String> {
    let protocol = plan.site.protocol.to_string();
    let nexthops = host.nexthops.get()?;
    let own = || {
        let all = nexthops.0.iter();
        all.filter(|own| own.protocol.as_ref() == Some(&protocol))
    };
    let count = u32::try_from(plan.site.gateways.len()).unwrap_or(u32::MAX);
    let block = plan.site.table..plan.site.table.saturating_add(count);
    let mut moved = Vec::new();
    for nexthop in plan.nexthops.iter().filter(|own| block.contains(&own.id)) {
        let mut there = own().filter(|own| {
            own.gateway == Some(nexthop.via) && own.device.as_ref() == Some(&nexthop.device)
        });
        // A gateway that is new has no place yet.
        if let Some(there) = there.next() {
            moved.push((nexthop.id, i64::from(there.id) - i64::from(nexthop.id)));
        }
    }
    let by = moved.iter().map(|(_, by)| *by);
    // If all move by the same number, they have other tables, and the same marks.
    if by.clone().min() == by.max() {
        return None;
    }
    let (id, _) = moved.iter().find(|(_, by)| *by != 0)?;
    let place = usize::try_from(id.saturating_sub(plan.site.table)).ok()?;
    let name = &plan.site.gateways.get(place)?.name;
    Some(format!(
        "{name} has another place in the list than on the host, and gets the flows of another gateway: keep the \
         order, add gateways at the end, and keep the line of one that goes, with weight = 0"
    ))
}
