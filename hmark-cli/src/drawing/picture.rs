// SPDX-License-Identifier: GPL-2.0-only

//! A picture of hosts: their HMARK rules, the marks with the shares that they are to have, the tables that
//! `ip rule` sends them to, and the gateways, in columns from left to right.

mod fold;

use hmark::Family;

use super::svg::{
    arrow, bar, document, line, paragraph, text, Block, Line, BORDER, FAINT, WAY, WRONG,
};
use super::ways::{pictures, DrawnRule, Note, Picture};
use crate::findings::{Finding, Report};
use crate::host::Host;
use fold::{folded, Drawn, Group};

/// The drawing's width and margin in pixels.
const WIDTH: f64 = 800.0;
const MARGIN: f64 = 12.0;

/// The left side and the width of each column: hosts, rules, marks, tables, gateways.
const HOSTS: (f64, f64) = (12.0, 118.0);
const RULES: (f64, f64) = (158.0, 172.0);
const MARKS: (f64, f64) = (372.0, 134.0);
const TABLES: (f64, f64) = (534.0, 72.0);
const GATEWAYS: (f64, f64) = (634.0, 154.0);

/// The colours of boxes, as in docs/*.dot.
const OF_HOST: &str = "#fff8c5";
const OF_RULE: &str = "#f6f8fa";
const OF_MARK: &str = "#dafbe1";
const OF_TABLE: &str = "#eaeef2";
const OF_GATEWAY: &str = "#ddf4ff";

/// Sizes of letters, and the space between boxes, in pixels.
const LARGE: f64 = 15.0;
const SMALL: f64 = 12.0;
const GAP: f64 = 8.0;

/// The most names of findings in a box, hosts or rules in a column, sentences of a picture, and pictures.
const MOST_NAMES: usize = 3;
const MOST_BOXES: usize = 16;
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

/// Draws lines from all boxes to all ends: by a bar if there are several of both.
fn join(blocks: &[Block], ends: Vec<((f64, f64), &'static str)>, out: &mut String) {
    let starts: Vec<(f64, f64)> = blocks.iter().map(Block::right).collect();
    let (Some(start), Some((end, _))) = (starts.first(), ends.first()) else {
        return;
    };
    if starts.len() == 1 || ends.len() == 1 {
        for from in &starts {
            for (to, colour) in &ends {
                arrow(*from, *to, colour, out);
            }
        }
        return;
    }
    let middle = (start.0 + end.0) / 2.0;
    let heights = || {
        starts
            .iter()
            .chain(ends.iter().map(|(end, _)| end))
            .map(|(_, y)| *y)
    };
    let (least, most) = (
        heights().fold(f64::MAX, f64::min),
        heights().fold(f64::MIN, f64::max),
    );
    bar(middle, least - GAP, most + GAP, out);
    for (x, y) in &starts {
        line((*x, *y), (middle, *y), WAY, out);
    }
    for ((x, y), colour) in &ends {
        arrow((middle, *y), (*x, *y), colour, out);
    }
}

/// The boxes of hosts, with the findings that belong to no rule or mark of the picture.
fn hosts(picture: &Picture) -> Vec<Block> {
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

fn of_rule(picture: &Picture, rule: &DrawnRule) -> Block {
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

fn marks(picture: &Picture, drawn: &Drawn) -> Vec<Block> {
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

fn of_table(table: &Group) -> Block {
    let mut block = Block::new(TABLES, OF_TABLE);
    for line in &table.lines {
        block.add(line, SMALL, None);
    }
    block.title = table.lines.join(" ");
    block
}

fn of_gateway(gateway: &Group) -> Block {
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

/// A share in per cent, with as many decimals as tell it from 0.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        percent if (percent - percent.round()).abs() < 1e-6 => format!("{percent:.0} %"),
        percent if percent < 0.01 => "under 0.01 %".to_owned(),
        percent => format!("{percent:.2} %"),
    }
}

fn stacked(blocks: &[Block]) -> f64 {
    blocks.iter().map(|block| block.height + GAP).sum()
}

/// Puts boxes below each other, in the middle of a height.
fn stack(blocks: &mut [Block], top: f64, height: f64) {
    let mut y = top + (height - stacked(blocks)) / 2.0;
    for block in blocks {
        block.y = y + GAP / 2.0;
        y += block.height + GAP;
    }
}

/// Puts boxes, of which there are no more than rows, near the middle of their rows, a row or more apart.
fn spread(blocks: &mut [Block], groups: &[Group], row: impl Fn(f64) -> f64, rows: usize) {
    let mut places: Vec<f64> = groups.iter().map(|group| group.place).collect();
    let mut least = 0.0;
    for place in &mut places {
        *place = place.max(least);
        least = *place + 1.0;
    }
    let mut most = rows as f64 - 1.0;
    for place in places.iter_mut().rev() {
        *place = place.min(most);
        most = *place - 1.0;
    }
    for (block, place) in blocks.iter_mut().zip(places) {
        block.centre(row(place));
    }
}

#[cfg(test)]
mod tests;
