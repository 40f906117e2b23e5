// SPDX-License-Identifier: GPL-2.0-only

//! Routes that lead around a mark's gateway, where HMARK has no weights.
//!
//! The routes of the mark's table stay. In front of each that has a gateway come two for half of its
//! networks, which lead to the gateway of a stand-in: the next mark that is not taken out, counting from the
//! first again behind the last. So all hosts that take the same marks out agree, in whatever order they do
//! so. The routes have the protocol [`PROTOCOL`], by which they are found and removed again: by this command,
//! and by the script of `hmark plan`, whose own routes have it, too.

use std::collections::BTreeMap;

use anyhow::{bail, ensure, Context, Result};
use hmark::rule::v1::{Info, FULL_WEIGHT};
use hmark::Family;

use crate::change::{shares, Moves};
use crate::findings::Site;
use crate::marks;
use crate::net;
use crate::routing::{Kind, Route, PROTOCOL};

/// The parts of all flows that are told apart when their moves are summed.
const PARTS: f64 = 1e9;

/// The change of one family's routes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detour {
    /// The lines for `ip -batch` that make it.
    pub lines: Vec<String>,
    /// The lines that take it back.
    pub back: Vec<String>,
    /// Each mark that is out, and its stand-in.
    pub stand_ins: BTreeMap<u32, u32>,
    /// The marks that come back.
    pub back_in: Vec<u32>,
    /// The flows that move to another mark's gateway, in billionths.
    pub moves: Moves,
}

impl Detour {
    /// The command that takes the lines.
    pub const fn command(family: Family) -> [&'static str; 4] {
        let family = match family {
            Family::Ipv4 => "-4",
            Family::Ipv6 => "-6",
        };
        ["ip", family, "-batch", "-"]
    }

    /// The detours of a rule's marks, after these weights are given: marks are counted from 0.
    ///
    /// # Errors
    ///
    /// In one line: routes cannot give a mark another weight than 0 and 100, no mark would be left, or the
    /// routes of a mark are not known, or of a kind that no detour leads around.
    pub fn plan(site: &Site<'_>, rule: &Info, weights: &BTreeMap<u32, u8>) -> Result<Self> {
        let count = rule.masked.v0.hmodulus;
        ensure!(
            count <= marks::MOST_MARKS,
            "the rule has more than {} marks",
            marks::MOST_MARKS
        );
        for (&bucket, &weight) in weights {
            let last = count.saturating_sub(1);
            ensure!(
                bucket < count,
                "there is no mark {bucket}: they are counted from 0 to {last}"
            );
            ensure!(
                matches!(weight, 0 | FULL_WEIGHT),
                "{bucket}={weight}: routes take a mark out (0) or give it back (100), and nothing between"
            );
        }
        site.host.side(site.family).routes.known()?;
        site.host.side(site.family).rules.known()?;
        let all: Vec<Mark> = (0..count)
            .map(|bucket| Mark::read(site, rule, bucket))
            .collect::<Result<_>>()?;
        let was_out = |bucket: u32| {
            all.iter()
                .any(|mark| mark.bucket == bucket && mark.is_out())
        };
        let is_out = |bucket: u32| match weights.get(&bucket) {
            Some(weight) => *weight == 0,
            None => was_out(bucket),
        };
        ensure!(
            (0..count).any(|bucket| !is_out(bucket)),
            "this leaves no mark"
        );
        let mut detour = Self::default();
        let shares = shares::shares(rule).unwrap_or_default();
        for mark in &all {
            let before = stand_in(mark.bucket, count, &was_out);
            let after = stand_in(mark.bucket, count, &is_out);
            let share = shares.get(&mark.mark).copied().unwrap_or(0.0);
            let number = |bucket: u32| Some(shares::mark(rule, bucket));
            let parts = (share * PARTS).round() as u64;
            detour.moves.add(number(before), number(after), parts);
            let wanted = match after == mark.bucket {
                true => BTreeMap::new(),
                false => {
                    detour
                        .stand_ins
                        .insert(mark.mark, shares::mark(rule, after));
                    let other = all.iter().find(|other| other.bucket == after);
                    mark.around(other.context("no such mark")?, site.family)?
                }
            };
            if mark.is_out() && wanted.is_empty() {
                detour.back_in.push(mark.mark);
            }
            detour.change(mark, &wanted);
        }
        // The last change is the first that is taken back.
        detour.back.reverse();
        Ok(detour)
    }

    /// Adds the lines that make a table's detour what it is to be.
    fn change(&mut self, mark: &Mark<'_>, wanted: &BTreeMap<String, String>) {
        let table = mark.table;
        let add = |net: &str, hop: &str| {
            format!("route replace {net} {hop} table {table} proto {PROTOCOL}")
        };
        let remove = |net: &str| format!("route del {net} table {table} proto {PROTOCOL}");
        for (net, hop) in wanted {
            let old = mark.detours.get(net);
            if old == Some(hop) {
                continue;
            }
            self.lines.push(add(net, hop));
            self.back.push(match old {
                Some(old) => add(net, old),
                None => remove(net),
            });
        }
        for (net, hop) in &mark.detours {
            if !wanted.contains_key(net) {
                self.lines.push(remove(net));
                self.back.push(add(net, hop));
            }
        }
    }
}

/// The mark whose gateway a mark's packets go to: itself, unless it is out.
fn stand_in(bucket: u32, count: u32, is_out: &dyn Fn(u32) -> bool) -> u32 {
    let others = (bucket..count).chain(0..bucket);
    let mut others = others.filter(|other| !is_out(*other));
    others.next().unwrap_or(bucket)
}

/// A mark with its routes.
struct Mark<'h> {
    /// Its number, counted from 0.
    bucket: u32,
    /// Its value.
    mark: u32,
    /// Its table.
    table: &'h str,
    /// Its own routes, but for those of a detour.
    routes: Vec<&'h Route>,
    /// Those of a detour: each network, and the words of its hop.
    detours: BTreeMap<String, String>,
}

impl<'h> Mark<'h> {
    fn read(site: &Site<'h>, rule: &Info, bucket: u32) -> Result<Self> {
        let mark = shares::mark(rule, bucket);
        let family = site.family;
        let table = site.own_table(mark, rule).with_context(|| {
            format!("{family} mark {mark} has no ip rule to a table of its own")
        })?;
        ensure!(
            !matches!(table, "main" | "local" | "default"),
            "{family} mark {mark} has no table of its own, but {table}"
        );
        let all = site.routes_of(table);
        // Those of hmark plan have the same protocol; but no other are halves of one in the table.
        let is_half = |route: &Route| {
            let mut halves = all.iter().filter_map(|whole| whole.destination.halves());
            halves.any(|halves| halves.contains(&route.destination))
        };
        let is_detour = |route: &&Route| route.owner() == Some(PROTOCOL) && is_half(route);
        let (detours, routes): (Vec<_>, Vec<_>) = all.iter().copied().partition(is_detour);
        let detours = detours
            .iter()
            .map(|route| Ok((route.destination.to_string(), hop(route, family)?)))
            .collect::<Result<_>>()?;
        Ok(Self {
            bucket,
            mark,
            table,
            routes,
            detours,
        })
    }

    fn is_out(&self) -> bool {
        !self.detours.is_empty()
    }

    /// The networks of the detour to another mark's gateway, each with the words of its hop.
    fn around(&self, other: &Self, family: Family) -> Result<BTreeMap<String, String>> {
        let mut around = BTreeMap::new();
        for route in self.routes.iter().filter(|route| leads_on(route)) {
            let destination = route.destination;
            let instead = other
                .routes
                .iter()
                .find(|other| other.destination == destination);
            let instead = instead.with_context(|| {
                let (mark, table) = (other.mark, other.table);
                format!("the table {table} of {family} mark {mark} has no route to {destination}")
            })?;
            let hop = hop(instead, family)?;
            for half in destination
                .halves()
                .with_context(|| format!("no route is narrower than that to {destination}"))?
            {
                around.insert(half.to_string(), hop.clone());
            }
        }
        ensure!(
            !around.is_empty(),
            "the table {} of {family} mark {} has no route to a gateway",
            self.table,
            self.mark
        );
        Ok(around)
    }
}

/// Whether a route leads to a gateway, and not to a network that a device is on.
fn leads_on(route: &Route) -> bool {
    let has_gateway = route.hops.iter().any(|hop| hop.gateway.is_some());
    route.kind == Kind::Unicast && (has_gateway || route.nexthop_id.is_some())
}

/// The words of `ip route` for where a route leads.
fn hop(route: &Route, family: Family) -> Result<String> {
    if let Some(selector) = &route.selector {
        bail!(
            "the route to {} has a selector, {selector}",
            route.destination
        );
    }
    if let Some(id) = route.nexthop_id {
        return Ok(format!("nhid {id}"));
    }
    let [hop] = route.hops.as_slice() else {
        bail!("the route to {} has not one gateway", route.destination);
    };
    let mut words = Vec::new();
    match hop.gateway {
        Some(gateway) if net::family(gateway) == family => words.push(format!("via {gateway}")),
        Some(gateway) => words.push(format!("via inet6 {gateway}")),
        None => {}
    }
    words.extend(hop.device.as_ref().map(|device| format!("dev {device}")));
    if hop.is_onlink {
        words.push("onlink".to_owned());
    }
    ensure!(
        !words.is_empty(),
        "the route to {} leads nowhere",
        route.destination
    );
    Ok(words.join(" "))
}
