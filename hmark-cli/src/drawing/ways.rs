// SPDX-License-Identifier: GPL-2.0-only

//! The ways of marks, as they are drawn: which hosts have which rules, and where each mark leads. Hosts whose
//! marks lead to the same gateways have one picture, and so have the two families of a host if nothing but
//! their addresses differs.

mod join;

use hmark::Family;

use crate::change::shares::shares;
use crate::findings::{Finding, HmarkRule, Report, Severity, Site};
use crate::host::Host;
use crate::marks::steps;
use crate::routing::{Action, Kind, Route};
use join::{add_family, add_host, are_same, are_twins};

/// A picture.
#[derive(Clone, Debug)]
pub struct Picture {
    pub families: Vec<Family>,
    /// The names of the hosts.
    pub hosts: Vec<String>,
    pub rules: Vec<DrawnRule>,
    pub rows: Vec<Row>,
    pub notes: Vec<Note>,
}

/// An HMARK rule, without its options: they may have a key.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawnRule {
    pub family: Family,
    pub place: String,
    pub matches: String,
    pub marks: String,
    /// The places of its hosts in the picture's list.
    pub hosts: Vec<usize>,
}

/// A mark and its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub mark: u32,
    /// The share of the rule's flows that it is to have, 0 to 1.
    pub share: f64,
    /// The table, or words for what takes its place.
    pub table: String,
    /// The routing rule that leads there, in full.
    pub ip_rule: String,
    /// The gateway, or words for what takes its place: one for each family.
    pub gateways: Vec<String>,
    pub device: String,
}

/// A finding in the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// The place of its host in the picture's list.
    pub host: usize,
    pub family: Option<Family>,
    pub id: &'static str,
    pub is_error: bool,
    pub place: Option<String>,
    pub marks: Vec<u32>,
    pub sentence: String,
}

/// The pictures of hosts, each with its report.
pub fn pictures(hosts: &[Host], reports: &[Report]) -> Vec<Picture> {
    let mut all: Vec<Picture> = Vec::new();
    for (host, report) in hosts.iter().zip(reports) {
        let mut own: Vec<Picture> = Vec::new();
        for family in Family::ALL {
            let Some(site) = Site::new(host, family) else {
                continue;
            };
            for picture in of_site(&site, &report.findings) {
                let is_twin = |other: &&mut Picture| {
                    !other.families.contains(&family) && are_twins(other, &picture)
                };
                let twin = own.iter_mut().find(is_twin);
                match twin {
                    Some(twin) => add_family(twin, picture),
                    None => own.push(picture),
                }
            }
        }
        for picture in own {
            let same = all
                .iter_mut()
                .find(|other| other.families == picture.families && are_same(other, &picture));
            match same {
                Some(same) => add_host(same, picture),
                None => all.push(picture),
            }
        }
    }
    all
}

/// The pictures of a family of a host: one for all rules with the same marks.
fn of_site(site: &Site<'_>, findings: &[Finding]) -> Vec<Picture> {
    let mut pictures: Vec<Picture> = Vec::new();
    for hmark in &site.hmark {
        let drawn = drawn(site, hmark);
        let rows = rows(site, hmark);
        match pictures.iter_mut().find(|picture| picture.rows == rows) {
            Some(picture) => picture.rules.push(drawn),
            None => pictures.push(Picture {
                families: vec![site.family],
                hosts: vec![site.host.name.clone()],
                rules: vec![drawn],
                rows,
                notes: Vec::new(),
            }),
        }
    }
    let is_only = pictures.len() == 1;
    for finding in findings {
        if finding.family.is_some_and(|family| family != site.family) {
            continue;
        }
        let note = note(finding);
        let belongs = |picture: &Picture| {
            let has_rule = picture
                .rules
                .iter()
                .any(|rule| note.place.as_ref() == Some(&rule.place));
            let has_mark = |mark: &u32| picture.rows.iter().any(|row| row.mark == *mark);
            is_only || has_rule || note.marks.iter().any(has_mark)
        };
        let place = pictures.iter().position(belongs).unwrap_or(0);
        if let Some(picture) = pictures.get_mut(place) {
            picture.notes.push(note);
        }
    }
    pictures
}

fn note(finding: &Finding) -> Note {
    Note {
        host: 0,
        family: finding.family,
        id: finding.id,
        is_error: finding.severity == Severity::Error,
        place: finding.found.place.clone(),
        marks: finding.found.marks.clone(),
        sentence: finding.found.sentence.clone(),
    }
}

fn drawn(site: &Site<'_>, hmark: &HmarkRule<'_>) -> DrawnRule {
    // iptables-save writes matches before the target.
    let matches = hmark.rule.text.split("-j ").next().unwrap_or_default();
    let selection = &hmark.info.masked.v0;
    DrawnRule {
        family: site.family,
        place: hmark.place(),
        matches: matches.trim().to_owned(),
        marks: format!("mod {} offset {}", selection.hmodulus, selection.hoffset),
        hosts: vec![0],
    }
}

/// Each mark of a rule with its way; none if there are too many to draw.
fn rows<'h>(site: &Site<'h>, hmark: &HmarkRule<'h>) -> Vec<Row> {
    if hmark.marks.is_empty() {
        return Vec::new();
    }
    let shares = shares(hmark.info).unwrap_or_default();
    let rows = shares.into_iter().map(|(mark, share)| {
        let mut row = Row {
            mark,
            share,
            table: String::new(),
            ip_rule: String::new(),
            gateways: Vec::new(),
            device: String::new(),
        };
        if !lead_as_looked_up(site, hmark, &mut row) {
            lead(site, &mut row);
        }
        row
    });
    rows.collect()
}

/// Draws the way of a mark whose packets all go one way, as they are looked up; returns whether they do.
fn lead_as_looked_up<'h>(site: &Site<'h>, hmark: &HmarkRule<'h>, row: &mut Row) -> bool {
    let ways = site.ways(hmark).get(&row.mark).into_iter();
    let mut ways = ways
        .flat_map(|ways| &ways.all)
        .filter(|way| way.found.route.is_some());
    let (Some(way), None) = (ways.next(), ways.next()) else {
        return false;
    };
    let (Some(rule), Some(table), Some(route)) = (way.rule, way.found.table, way.found.route)
    else {
        return false;
    };
    if way.condition.is_some() {
        return false;
    }
    row.ip_rule = rule.to_string();
    row.table = table.to_owned();
    (row.device, row.gateways) = gateway(route);
    true
}

/// Follows the routing rules that packets with a mark meet to the table that takes them.
fn lead(site: &Site<'_>, row: &mut Row) {
    let unknown = |row: &mut Row, table: &str| {
        row.table = table.to_owned();
        row.gateways = vec!["cannot tell".to_owned()];
    };
    let Some(routing) = site.routing else {
        return unknown(row, "cannot tell");
    };
    for step in steps(routing, row.mark) {
        // A rule for some packets is followed if it is for marks; one without a default route is not.
        if step.rule.suppress_prefix.is_some()
            || (step.condition.is_some() && step.rule.mark.is_none())
        {
            continue;
        }
        row.ip_rule = step.rule.to_string();
        match &step.rule.action {
            Action::Table(table) => {
                if site.routes.is_none() {
                    return unknown(row, table);
                }
                let routes = site.routes_of(table);
                let routes = routes.iter().filter(|route| route.selector.is_none());
                let is_default = |route: &&&Route| route.destination.length() == 0;
                let first = routes.clone().find(is_default);
                let is_for_mark = step.rule.mark.is_some();
                let first = first.or_else(|| routes.clone().next().filter(|_| is_for_mark));
                let Some(route) = first.filter(|route| route.kind != Kind::Throw) else {
                    continue;
                };
                row.table.clone_from(table);
                if let Some(condition) = &step.condition {
                    row.table = format!("{table} ({condition})");
                }
                (row.device, row.gateways) = gateway(route);
                return;
            }
            Action::Refuse(word) => {
                row.table = "-".to_owned();
                row.gateways = vec![word.clone()];
                return;
            }
            Action::Goto(_) | Action::Nop => {}
            Action::Unknown(_) => return unknown(row, "cannot tell"),
        }
    }
    row.ip_rule = "no ip rule".to_owned();
    row.table = "-".to_owned();
    row.gateways = vec!["no route".to_owned()];
}

/// The device of a route, and its gateways.
fn gateway(route: &Route) -> (String, Vec<String>) {
    let word = match &route.kind {
        Kind::Refuse(word) | Kind::Unknown(word) => Some(word.clone()),
        Kind::Local => Some("the host itself".to_owned()),
        Kind::Broadcast => Some("broadcast".to_owned()),
        Kind::Unicast | Kind::Throw => None,
    };
    let hops = route.hops.iter().map(|hop| match hop.gateway {
        Some(gateway) => gateway.to_string(),
        None => "no gateway".to_owned(),
    });
    let mut text = word.unwrap_or_else(|| hops.collect::<Vec<_>>().join(", "));
    if route.destination.length() > 0 {
        text = format!("{text} to {} only", route.destination);
    }
    let mut devices: Vec<&str> = route
        .hops
        .iter()
        .filter_map(|hop| hop.device.as_deref())
        .collect();
    devices.dedup();
    (devices.join(", "), vec![text])
}
