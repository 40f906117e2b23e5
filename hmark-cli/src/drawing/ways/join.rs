// SPDX-License-Identifier: GPL-2.0-only

//! Pictures that are drawn as one: of both families of a host, and of hosts whose marks lead the same way.

use super::{DrawnRule, Note, Picture, Row};

/// Whether nothing but addresses differs.
pub fn are_twins(one: &Picture, other: &Picture) -> bool {
    let shape = |rows: &[Row]| -> Vec<usize> {
        let first = |row: &Row| {
            rows.iter()
                .position(|other| other.gateways.first() == row.gateways.first())
        };
        rows.iter().filter_map(first).collect()
    };
    one.rows.len() == other.rows.len()
        && one.rows.iter().zip(&other.rows).all(|(one, other)| {
            let key = |row: &Row| (row.mark, row.table.clone(), row.device.clone());
            key(one) == key(other) && (one.share - other.share).abs() < 1e-9
        })
        && shape(&one.rows) == shape(&other.rows)
}

/// Adds the other family of a host to its picture.
pub fn add_family(to: &mut Picture, other: Picture) {
    to.families.extend(other.families);
    to.rules.extend(other.rules);
    for (row, other) in to.rows.iter_mut().zip(other.rows) {
        let new = other.gateways.into_iter();
        let new: Vec<_> = new.filter(|text| !row.gateways.contains(text)).collect();
        row.gateways.extend(new);
    }
    for note in other.notes {
        // A finding about both families.
        if !to.notes.contains(&note) {
            to.notes.push(note);
        }
    }
}

/// Whether all marks lead the same way, whatever the preferences of routing rules are.
pub fn are_same(one: &Picture, other: &Picture) -> bool {
    let rows = one.rows.iter().zip(&other.rows);
    one.rows.len() == other.rows.len()
        && rows.into_iter().all(|(one, other)| {
            let ip_rule = one.ip_rule.clone();
            *one == Row {
                ip_rule,
                ..other.clone()
            }
        })
}

/// Adds a host to the picture of those whose marks lead the same way.
pub fn add_host(to: &mut Picture, other: Picture) {
    let place = to.hosts.len();
    to.hosts.extend(other.hosts);
    for rule in other.rules {
        let same = to.rules.iter_mut().find(|own| {
            let hosts = own.hosts.clone();
            **own
                == DrawnRule {
                    hosts,
                    ..rule.clone()
                }
        });
        match same {
            Some(same) => same.hosts.push(place),
            None => to.rules.push(DrawnRule {
                hosts: vec![place],
                ..rule
            }),
        }
    }
    to.notes.extend(other.notes.into_iter().map(|note| Note {
        host: place,
        ..note
    }));
}
