// SPDX-License-Identifier: GPL-2.0-only

//! The rows of a picture as they are drawn: if there are many, those with findings and those with the
//! greatest shares, and all others as one; and marks with one table, or one gateway, together.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::drawing::ways::{Note, Row};

/// The most rows.
pub const MOST_ROWS: usize = 16;

/// The rows of a picture, and what they lead to.
pub struct Drawn {
    pub rows: Vec<DrawnRow>,
    pub tables: Vec<Group>,
    pub gateways: Vec<Group>,
}

/// A mark, or all others.
pub struct DrawnRow {
    pub name: String,
    pub marks: BTreeSet<u32>,
    pub share: f64,
    pub ip_rule: String,
    /// The place of its table, and that of its gateway, in their lists.
    pub table: usize,
    pub gateway: usize,
}

/// A table or a gateway.
pub struct Group {
    pub lines: Vec<String>,
    pub share: f64,
    /// The middle of its rows, counted from 0.
    pub place: f64,
    rows: Vec<usize>,
}

/// Chooses the rows that are drawn.
pub fn folded(rows: &[Row], notes: &[Note]) -> Drawn {
    let wrong: BTreeSet<u32> = notes
        .iter()
        .flat_map(|note| note.marks.iter().copied())
        .collect();
    let mut order: Vec<&Row> = rows.iter().collect();
    if rows.len() > MOST_ROWS {
        // The sort is stable: marks with equal shares stay in order.
        order.sort_by(|one, other| {
            let key = |row: &Row| Reverse(wrong.contains(&row.mark));
            key(one)
                .cmp(&key(other))
                .then(rounded(other).cmp(&rounded(one)))
        });
    }
    let shown = match rows.len() > MOST_ROWS {
        true => MOST_ROWS - 1,
        false => rows.len(),
    };
    let others = order.split_off(shown.min(order.len()));
    order.sort_by_key(|row| row.mark);

    let mut drawn = Drawn {
        rows: Vec::new(),
        tables: Vec::new(),
        gateways: Vec::new(),
    };
    for row in order {
        let table = vec![row.table.clone()];
        let place = drawn.rows.len();
        let table = join(&mut drawn.tables, table, row.share, Some(place));
        let gateway = join(&mut drawn.gateways, gateway(row), row.share, Some(place));
        drawn.rows.push(DrawnRow {
            name: row.mark.to_string(),
            marks: BTreeSet::from([row.mark]),
            share: row.share,
            ip_rule: row.ip_rule.clone(),
            table,
            gateway,
        });
    }
    if !others.is_empty() {
        add_others(&mut drawn, &others);
    }
    for group in drawn.tables.iter_mut().chain(&mut drawn.gateways) {
        let sum: usize = group.rows.iter().sum();
        group.place = sum as f64 / group.rows.len().max(1) as f64;
    }
    sort(&mut drawn.rows, &mut drawn.tables, |row| &mut row.table);
    sort(&mut drawn.rows, &mut drawn.gateways, |row| &mut row.gateway);
    drawn
}

/// A share to a millionth: those of equal marks differ by a hash.
fn rounded(row: &Row) -> u32 {
    (row.share * 1e6).round() as u32
}

fn gateway(row: &Row) -> Vec<String> {
    let mut lines = row.gateways.clone();
    if !row.device.is_empty() {
        lines.push(format!("dev {}", row.device));
    }
    lines
}

/// Adds a row to the group with these lines, which is made if there is none, and returns its place.
fn join(groups: &mut Vec<Group>, lines: Vec<String>, share: f64, row: Option<usize>) -> usize {
    let place = groups.iter().position(|group| group.lines == lines);
    let place = place.unwrap_or_else(|| {
        groups.push(Group {
            lines,
            share: 0.0,
            place: 0.0,
            rows: Vec::new(),
        });
        groups.len().saturating_sub(1)
    });
    if let Some(group) = groups.get_mut(place) {
        group.share += share;
        group.rows.extend(row);
    }
    place
}

/// Adds the row of all others. Gateways that are drawn already get their shares of it.
fn add_others(drawn: &mut Drawn, others: &[&Row]) {
    let tables: BTreeSet<&String> = others.iter().map(|row| &row.table).collect();
    let mut unseen: BTreeSet<Vec<String>> = BTreeSet::new();
    let mut rest = 0.0;
    for row in others {
        let lines = gateway(row);
        match drawn.gateways.iter_mut().find(|group| group.lines == lines) {
            Some(seen) => seen.share += row.share,
            None => {
                rest += row.share;
                unseen.insert(lines);
            }
        }
    }
    let last = Some(drawn.rows.len());
    let count = |count: usize, name: &str| match count {
        1 => vec![format!("1 {name}")],
        count => vec![format!("{count} {name}s")],
    };
    let table = join(&mut drawn.tables, count(tables.len(), "table"), 0.0, last);
    let gateway = match unseen.len() {
        // They lead to gateways above.
        0 => usize::MAX,
        more => join(
            &mut drawn.gateways,
            count(more, "other gateway"),
            rest,
            last,
        ),
    };
    drawn.rows.push(DrawnRow {
        name: format!("{} others", others.len()),
        marks: others.iter().map(|row| row.mark).collect(),
        share: others.iter().map(|row| row.share).sum(),
        ip_rule: String::new(),
        table,
        gateway,
    });
}

/// Puts groups in the order of their places, so that few lines cross.
fn sort(rows: &mut [DrawnRow], groups: &mut Vec<Group>, place: fn(&mut DrawnRow) -> &mut usize) {
    let mut order: Vec<(usize, Group)> = groups.drain(..).enumerate().collect();
    order.sort_by(|(_, one), (_, other)| one.place.total_cmp(&other.place));
    for row in rows {
        let own = place(row);
        let new = order.iter().position(|(old, _)| old == own);
        *own = new.unwrap_or(usize::MAX);
    }
    groups.extend(order.into_iter().map(|(_, group)| group));
}
