// SPDX-License-Identifier: GPL-2.0-only

//! A mark that does not decide a packet's route.

use super::{Step, Way};
use crate::routing::{Action, Next, Routes, RoutingRule, RoutingRules};
use crate::ruleset::Target;

/// A sentence about a mark of HMARK for which the packet's routing rule does not ask; [`None`] if it does, or
/// the packet is for the host itself.
pub(super) fn note(way: &Way<'_>, rules: &RoutingRules, routes: &Routes) -> Option<String> {
    let (found, mark) = (way.found.as_ref()?, way.mark?);
    let is_hmark = |step: &Step<'_>| matches!(step.met.place.rule.target, Target::Hmark(_));
    let is_local = matches!(found.next, Next::Local | Next::Broadcast);
    let asks = |rule: &RoutingRule| {
        let is_of = |(own, mask): (u32, u32)| (own ^ mark) & mask == 0;
        !rule.not && rule.mark.is_some_and(is_of)
    };
    if mark == 0 || is_local || !way.steps.iter().any(is_hmark) {
        return None;
    }
    if found.rules.iter().any(|rule| asks(rule)) {
        return None;
    }
    let Some(rule) = rules.rules.iter().find(|rule| asks(rule)) else {
        return Some(format!("no ip rule asks for mark {mark} ({mark:#x})"));
    };
    let but = match &rule.action {
        Action::Table(table) if !routes.has_table(table) => format!("table {table} has no route"),
        _ => "it does not decide".to_owned(),
    };
    Some(format!(
        "ip rule {} asks for mark {mark} ({mark:#x}), but {but}",
        rule.preference
    ))
}
