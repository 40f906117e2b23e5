// SPDX-License-Identifier: GPL-2.0-only

//! The boxes of a picture, column by column: their text, their colours, and the findings that belong to them.

use super::fold::{Drawn, Group};
use crate::drawing::svg::{Block, BORDER, WRONG};
use crate::drawing::ways::{DrawnRule, Note, Picture};

/// The left side and the width of each column: hosts, rules, marks, tables, gateways.
pub const HOSTS: (f64, f64) = (12.0, 118.0);
pub const RULES: (f64, f64) = (158.0, 172.0);
pub const MARKS: (f64, f64) = (372.0, 134.0);
pub const TABLES: (f64, f64) = (534.0, 72.0);
pub const GATEWAYS: (f64, f64) = (634.0, 154.0);

/// The colours of boxes, as in docs/*.dot.
const OF_HOST: &str = "#fff8c5";
const OF_RULE: &str = "#f6f8fa";
const OF_MARK: &str = "#dafbe1";
const OF_TABLE: &str = "#eaeef2";
const OF_GATEWAY: &str = "#ddf4ff";

/// Sizes of letters in pixels.
const LARGE: f64 = 15.0;
const SMALL: f64 = 12.0;

/// The most names of findings in a box, and hosts or rules in a column.
const MOST_NAMES: usize = 3;
pub const MOST_BOXES: usize = 16;

/// The boxes of hosts, with the findings that belong to no rule or mark of the picture.
pub fn hosts(picture: &Picture) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (place, name) in picture.hosts.iter().take(MOST_BOXES).enumerate() {
        let mut block = Block::new(HOSTS, OF_HOST);
        block.add(name, LARGE, None);
        block.title.clone_from(name);
        let notes = picture.notes.iter().filter(|note| {
            let is_of_rule = picture.rules.iter().any(|rule| is_of_rule(note, rule));
            note.host == place && note.marks.is_empty() && !is_of_rule
        });
        mark_as_wrong(&mut block, notes.collect());
        blocks.push(block);
    }
    let more = picture.hosts.len().saturating_sub(MOST_BOXES);
    if let (Some(last), true) = (blocks.last_mut(), more > 0) {
        last.add(&format!("and {more} more"), SMALL, None);
    }
    blocks
}

fn is_of_rule(note: &Note, rule: &DrawnRule) -> bool {
    note.marks.is_empty()
        && note.place.as_ref() == Some(&rule.place)
        && rule.hosts.contains(&note.host)
        && note.family.is_none_or(|family| family == rule.family)
}

/// The box of a rule.
pub fn of_rule(picture: &Picture, rule: &DrawnRule) -> Block {
    let mut block = Block::new(RULES, OF_RULE);
    let place = match picture.families.len() {
        1 => rule.place.clone(),
        _ => format!("{} {}", rule.family, rule.place),
    };
    block.add(&place, SMALL, None);
    if !rule.matches.is_empty() {
        block.add(&rule.matches, SMALL, Some(BORDER));
    }
    block.add(&rule.marks, SMALL, None);
    block.title = format!("{place}: {}", rule.matches);
    let notes = picture.notes.iter().filter(|note| is_of_rule(note, rule));
    mark_as_wrong(&mut block, notes.collect());
    block
}

/// The boxes of marks, each with its share.
pub fn marks(picture: &Picture, drawn: &Drawn) -> Vec<Block> {
    let rows = drawn.rows.iter().map(|row| {
        let mut block = Block::new(MARKS, OF_MARK);
        block.add(
            &format!("{}: {}", row.name, percent(row.share)),
            LARGE,
            None,
        );
        block.title.clone_from(&row.ip_rule);
        let notes = picture
            .notes
            .iter()
            .filter(|note| note.marks.iter().any(|mark| row.marks.contains(mark)));
        mark_as_wrong(&mut block, notes.collect());
        block
    });
    rows.collect()
}

/// The box of a table.
pub fn of_table(table: &Group) -> Block {
    let mut block = Block::new(TABLES, OF_TABLE);
    for line in &table.lines {
        block.add(line, SMALL, None);
    }
    block.title = table.lines.join(" ");
    block
}

/// The box of a gateway, with its share.
pub fn of_gateway(gateway: &Group) -> Block {
    let mut block = Block::new(GATEWAYS, OF_GATEWAY);
    for line in &gateway.lines {
        block.add(line, SMALL, None);
    }
    block.add(&percent(gateway.share), LARGE, None);
    block.title = gateway.lines.join(" ");
    block
}

/// Names findings in a box: errors first, each name once.
fn mark_as_wrong(block: &mut Block, mut notes: Vec<&Note>) {
    notes.sort_by_key(|note| !note.is_error);
    let mut names: Vec<&str> = Vec::new();
    for note in &notes {
        if !names.contains(&note.id) {
            names.push(note.id);
        }
    }
    block.is_wrong = notes.first().map(|note| note.is_error);
    for name in names.iter().take(MOST_NAMES) {
        block.add(name, SMALL, Some(WRONG));
    }
    if let Some(more) = names.len().checked_sub(MOST_NAMES).filter(|more| *more > 0) {
        block.add(&format!("and {more} more"), SMALL, Some(WRONG));
    }
}

/// A share in per cent, with as many decimals as tell it from 0.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        percent if (percent - percent.round()).abs() < 1e-6 => format!("{percent:.0} %"),
        percent if percent < 0.01 => "under 0.01 %".to_owned(),
        percent => format!("{percent:.2} %"),
    }
}
