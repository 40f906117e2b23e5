// SPDX-License-Identifier: GPL-2.0-only

//! A rule as iptables shows it: saved, as options that make it again, or listed.

use hmark::rule::v1::Info;
use hmark::Family;

use crate::line::Line;
use crate::options::{Group, Row, OPTIONS};

/// The order in which the options of a rule are saved.
static SAVED: Order = order([Group::Parts, Group::Seed, Group::Marks, Group::Selectors]);

/// The order in which the options of a rule are listed.
static LISTED: Order = order([Group::Marks, Group::Selectors, Group::Parts, Group::Seed]);

/// Writes the options that make the rule again, as iptables-save and `iptables -S` show them, with
/// a blank before each.
pub fn save(rule: &Info, family: Family, line: &mut Line) {
    for option in given(rule, &SAVED) {
        option.write_name(line);
        if option.kind.has_value() {
            option.kind.save(rule, option, family, line.text(" "));
        }
    }
}

/// Writes the rule as `iptables -L` shows it, with a blank before and after.
pub fn list(rule: &Info, family: Family, line: &mut Line) {
    line.text(" HMARK ");
    for option in given(rule, &LISTED) {
        option.kind.list(rule, option, family, line);
        line.text(" ");
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
