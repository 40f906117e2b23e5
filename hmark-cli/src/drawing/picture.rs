// SPDX-License-Identifier: GPL-2.0-only

//! A picture of hosts: their HMARK rules, the marks with the shares that they are to have, the tables that
//! `ip rule` sends them to, and the gateways, in columns from left to right.

mod boxes;
mod fold;
mod place;

use hmark::Family;

use super::svg::{arrow, document, paragraph, text, Block, Line, BORDER, FAINT, WAY, WRONG};
use super::ways::{pictures, DrawnRule, Picture};
use crate::findings::{Finding, Report};
use crate::host::Host;
use boxes::{
    hosts, marks, of_gateway, of_rule, of_table, GATEWAYS, HOSTS, MARKS, MOST_BOXES, RULES, TABLES,
};
use fold::folded;
use place::{join, spread, stack, stacked, GAP};

/// The drawing's width and margin in pixels.
const WIDTH: f64 = 800.0;
const MARGIN: f64 = 12.0;

/// The size of letters of sentences, in pixels.
const SMALL: f64 = 12.0;

/// The most sentences of a picture, and pictures.
const MOST_SENTENCES: usize = 40;
const MOST_PICTURES: usize = 100;

/// Draws hosts, each with its report, and what was found between them.
pub fn picture(hosts: &[Host], reports: &[Report], between: &[Finding]) -> String {
    let all = pictures(hosts, reports);
    let mut out = String::new();
    let words = |text: &str, size| Line {
        text: text.to_owned(),
        size,
        colour: "#1f2328",
    };
    let title = match &all[..] {
        [only] => format!("HMARK: where marks lead, {}", families(&only.families)),
        _ => "HMARK: where marks lead".to_owned(),
    };
    text(&words(&title, 18.0), MARGIN, 28.0, "start", &mut out);
    let mut y = 40.0;
    let room = WIDTH - 2.0 * MARGIN;
    let say = |text: &str, y: f64, out: &mut String| paragraph(text, (MARGIN, y), room, SMALL, out);
    for finding in between {
        let kind = finding.severity;
        let sentence = &finding.found.sentence;
        let text = format!("{}: {kind} [{}] {sentence}", finding.host, finding.id);
        y = say(&text, y, &mut out);
    }
    for one in all.iter().take(MOST_PICTURES) {
        if all.len() > 1 {
            let title = words(&families(&one.families), 16.0);
            text(&title, MARGIN, y + 28.0, "start", &mut out);
            y += 34.0;
        }
        y = draw(one, y, &mut out);
    }
    if let Some(more) = all
        .len()
        .checked_sub(MOST_PICTURES)
        .filter(|more| *more > 0)
    {
        y = say(&format!("and {more} pictures more"), y, &mut out);
    }
    for (host, report) in hosts.iter().zip(reports) {
        if report.rules == 0 {
            y = say(&format!("{}: no HMARK rule", host.name), y, &mut out);
            for finding in &report.findings {
                let text = format!("{}: [{}] {}", host.name, finding.id, finding.found.sentence);
                y = say(&text, y, &mut out);
            }
        }
        for reason in report.broken.iter().chain(&report.missing) {
            let text = format!("{}: cannot tell all: {reason}", host.name);
            y = say(&text, y, &mut out);
        }
    }
    document(WIDTH, y + MARGIN, &title, &out)
}

fn families(families: &[Family]) -> String {
    let names: Vec<String> = families.iter().map(Family::to_string).collect();
    names.join(" and ")
}

/// Draws a picture from a height on, and returns the height below it.
fn draw(picture: &Picture, top: f64, out: &mut String) -> f64 {
    for (column, name) in [
        (HOSTS, "hosts"),
        (RULES, "HMARK rules"),
        (MARKS, "marks, share"),
        (TABLES, "tables"),
        (GATEWAYS, "gateways, share"),
    ] {
        let head = Line {
            text: name.to_owned(),
            size: SMALL,
            colour: BORDER,
        };
        text(&head, column.0 + column.1 / 2.0, top + 18.0, "middle", out);
    }
    let top = top + 26.0;
    let mut hosts = hosts(picture);
    let mut rules: Vec<Block> = picture
        .rules
        .iter()
        .take(MOST_BOXES)
        .map(|rule| of_rule(picture, rule))
        .collect();
    let drawn = folded(&picture.rows, &picture.notes);
    let mut marks = marks(picture, &drawn);
    let mut tables: Vec<Block> = drawn.tables.iter().map(of_table).collect();
    let mut gateways: Vec<Block> = drawn.gateways.iter().map(of_gateway).collect();

    // One row for each mark, as high as the highest box of it.
    let boxes = marks.iter().chain(&tables).chain(&gateways);
    let pitch = boxes.map(|block| block.height).fold(0.0, f64::max) + GAP;
    let of_marks = pitch * marks.len() as f64;
    let height = of_marks.max(stacked(&hosts)).max(stacked(&rules));
    let first = top + (height - of_marks) / 2.0;
    let row = |place: f64| first + (place + 0.5) * pitch;
    for (place, block) in marks.iter_mut().enumerate() {
        block.centre(row(place as f64));
    }
    spread(&mut tables, &drawn.tables, row, marks.len());
    spread(&mut gateways, &drawn.gateways, row, marks.len());
    stack(&mut hosts, top, height);
    stack(&mut rules, top, height);

    let is_complete = |rule: &DrawnRule| rule.hosts.len() == picture.hosts.len();
    if picture.rules.iter().all(is_complete) {
        let ends = rules.iter().map(|rule| (rule.left(), WAY)).collect();
        join(&hosts, ends, out);
    } else {
        for (rule, drawn_rule) in rules.iter().zip(&picture.rules) {
            for host in &drawn_rule.hosts {
                // Those of hosts that are folded come from the last box.
                if let Some(host) = hosts.get(*host).or(hosts.last()) {
                    arrow(host.right(), rule.left(), WAY, out);
                }
            }
        }
    }
    let ends = marks.iter().zip(&drawn.rows).map(|(mark, row)| {
        let colour = if row.share > 0.0 { WAY } else { FAINT };
        (mark.left(), colour)
    });
    join(&rules, ends.collect(), out);
    for (mark, row) in marks.iter().zip(&drawn.rows) {
        let colour = match mark.is_wrong {
            Some(true) => WRONG,
            _ if row.share > 0.0 => WAY,
            _ => FAINT,
        };
        let (Some(table), Some(gateway)) = (tables.get(row.table), gateways.get(row.gateway))
        else {
            continue;
        };
        arrow(mark.right(), table.left(), colour, out);
        arrow(table.right(), gateway.left(), colour, out);
    }
    let columns = [
        ("host", &hosts),
        ("rule", &rules),
        ("mark", &marks),
        ("table", &tables),
        ("gateway", &gateways),
    ];
    for (class, blocks) in columns {
        for block in blocks {
            block.draw(class, out);
        }
    }
    sentences(picture, top + height, out)
}

/// Writes the sentences of findings below a picture.
fn sentences(picture: &Picture, top: f64, out: &mut String) -> f64 {
    let mut y = top + GAP;
    let room = WIDTH - 2.0 * MARGIN;
    let mut say = |text: &str, y| paragraph(text, (MARGIN, y), room, SMALL, out);
    if picture.rows.is_empty() {
        y = say("The rules have too many marks to draw, or none.", y);
    }
    for note in picture.notes.iter().take(MOST_SENTENCES) {
        let host = picture.hosts.get(note.host).map_or("", String::as_str);
        let family = note
            .family
            .map_or(String::new(), |family| format!(" {family}"));
        let severity = if note.is_error { "error" } else { "warning" };
        let place = note
            .place
            .as_ref()
            .map_or(String::new(), |place| format!(" {place}:"));
        let text = format!(
            "{host}:{family} {severity} [{}]{place} {}",
            note.id, note.sentence
        );
        y = say(&text, y);
    }
    let more = picture.notes.len().saturating_sub(MOST_SENTENCES);
    if more > 0 {
        y = say(&format!("and {more} findings more"), y);
    }
    y + GAP
}

#[cfg(test)]
mod tests;
