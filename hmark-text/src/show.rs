// SPDX-License-Identifier: GPL-2.0-only

//! A rule as iptables shows it: the options that make it again, or a list.

use hmark::rule::v0::Info;
use hmark::Family;

use crate::line::Line;
use crate::netmask;
use crate::options::{Group, Kind, Row, OPTIONS};

/// The order in which the options of a rule are saved.
static SAVED: Order = order([Group::Parts, Group::Seed, Group::Marks, Group::Selectors]);

/// The order in which the options of a rule are listed.
static LISTED: Order = order([Group::Marks, Group::Selectors, Group::Parts, Group::Seed]);

/// Writes the options that make the rule again, as iptables-save and `iptables -S` show them, with
/// a blank before each.
pub fn save(rule: &Info, family: Family, line: &mut Line) {
    for row in given(rule, &SAVED) {
        line.text(" --").bytes(row.name.to_bytes()).text(" ");
        match &row.kind {
            Kind::Selectors => {
                line.text("ct");
            }
            Kind::Prefix(prefix) => {
                match netmask::length((prefix.get)(rule), family) {
                    Some(length) => line.decimal(length),
                    None => line.text("-1"),
                };
            }
            Kind::Number(field) => field.saved.write((field.get)(rule), line),
        }
    }
}

/// Writes the rule as `iptables -L` shows it, with a blank before and after.
pub fn list(rule: &Info, family: Family, line: &mut Line) {
    line.text(" HMARK ");
    for row in given(rule, &LISTED) {
        match &row.kind {
            Kind::Selectors => {
                line.text("ct,");
            }
            Kind::Prefix(prefix) => {
                line.bytes(row.short_name()).text(" ");
                list_netmask((prefix.get)(rule), family, line);
            }
            Kind::Number(field) => {
                line.bytes(match field.is_added {
                    true => b"+",
                    false => row.short_name(),
                });
                line.text(" ");
                field.listed.write((field.get)(rule), line);
            }
        }
        line.text(" ");
    }
}

/// Writes the prefix length of a netmask, or what the stock library has in its place.
///
/// For IPv6 that is nothing if the mask has all bits, and the mask itself if it has no length; for
/// IPv4 it is -1 without its sign.
fn list_netmask(mask: &[u32; 4], family: Family, line: &mut Line) {
    match (netmask::length(mask, family), family) {
        (Some(128), _) => {}
        (Some(length), _) => {
            line.decimal(length);
        }
        (None, Family::Ipv4) => {
            line.decimal(u32::MAX);
        }
        (None, Family::Ipv6) => netmask::write(mask, family, line),
    }
}

/// Places in [`OPTIONS`].
type Order = [u8; OPTIONS.len()];

/// All options, group by group.
const fn order(groups: [Group; 4]) -> Order {
    let mut order = [0; OPTIONS.len()];
    let mut count = 0;
    let mut group = 0;
    while group < groups.len() {
        let mut place = 0;
        while place < OPTIONS.len() {
            if OPTIONS[place].group as u8 == groups[group] as u8 {
                order[count] = place as u8;
                count += 1;
            }
            place += 1;
        }
        group += 1;
    }
    assert!(count == OPTIONS.len(), "a group is missing");
    order
}

/// The options that a rule was given, in an order.
fn given<'r>(rule: &'r Info, order: &'static Order) -> impl Iterator<Item = &'static Row> + 'r {
    let rows = order
        .iter()
        .filter_map(|&place| OPTIONS.get(usize::from(place)));
    rows.filter(|row| rule.has(row.flag))
}
