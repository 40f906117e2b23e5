// SPDX-License-Identifier: GPL-2.0-only

//! The time that a packet takes through a router, by each way of choosing a gateway.

use std::path::Path;

use anyhow::{ensure, Context, Result};
use plotters::style::RGBColor;
use serde_json::Value;

use crate::figures::{figures, number, text};
use crate::page::{Page, BAR, TOP, WIDTH};

/// The ways, in the order of their bars, with colours that colour-blind readers can tell apart, and
/// the places of their names.
const WAYS: [(&str, RGBColor, i32); 5] = [
    ("guard and tree", RGBColor(0xd5, 0x5e, 0x00), 12),
    ("linear rules", RGBColor(0xe6, 0x9f, 0x00), 160),
    ("nft jhash", RGBColor(0xcc, 0x79, 0xa7), 290),
    ("ECMP", RGBColor(0x00, 0x72, 0xb2), 400),
    ("resilient ECMP", RGBColor(0x56, 0xb4, 0xe9), 490),
];

/// Pixels: the space to the left of the bars, to the right of the longest, and between groups.
const LEFT: i32 = 140;
const RIGHT: i32 = 60;
const BETWEEN: i32 = 12;

/// The bars of one family and number of gateways.
struct Group {
    name: String,
    /// Each with its place in [`WAYS`].
    bars: Vec<(usize, f64)>,
    /// The time with one gateway for all.
    floor: f64,
}

fn groups(table: &Value) -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    for figure in figures(table)? {
        let name = text(figure, "name")?;
        let parts = name.split_once(": ").zip(name.split_once(", "));
        let ((name, way), _) = parts.with_context(|| format!("`{name}` names no way"))?;
        let name = format!("{name} gateways");
        let place = |way: &str| {
            let place = WAYS.iter().position(|(known, ..)| *known == way);
            place.with_context(|| format!("`{way}` has no colour"))
        };
        if groups.last().is_none_or(|group| group.name != name) {
            groups.push(Group {
                name,
                bars: vec![(place(text(figure, "of")?)?, number(figure, "other_median")?)],
                floor: number(figure, "floor_median")?,
            });
        }
        if let Some(group) = groups.last_mut() {
            let bar = (place(way)?, number(figure, "ours_median")?);
            group.bars.push(bar);
        }
    }
    for group in &mut groups {
        group.bars.sort_by_key(|(place, _)| *place);
    }
    ensure!(!groups.is_empty(), "nothing to draw");
    Ok(groups)
}

/// Draws the table into a file.
///
/// # Errors
/// If a figure is missing, or the file cannot be written.
pub fn draw(report: &Value, table: &Value, file: &Path) -> Result<()> {
    let groups = groups(table)?;
    let unit = match table["unit"].as_str() {
        Some("µs") => "microseconds",
        _ => "thousand instructions",
    };
    let values = groups.iter().flat_map(|group| &group.bars);
    let most = values.map(|(_, value)| *value).fold(0.0, f64::max);
    let bars: usize = groups.iter().map(|group| group.bars.len()).sum();
    let height = TOP + BAR * bars as i32 + BETWEEN * groups.len() as i32 + 20;
    let title = format!("HMARK: {unit} a packet takes through a router");
    let page = Page::begin(file, height, &title, report)?;
    page.legend(&WAYS.map(|(name, colour, x)| (x, colour, name)))?;
    page.line(640, 54..54 + BAR)?;
    page.text("one gateway", 646, 54, 12)?;
    let scale = f64::from(WIDTH - LEFT - RIGHT) / most;
    let mut y = TOP;
    for group in &groups {
        let begin = y;
        for (place, value) in &group.bars {
            let end = LEFT + (value * scale) as i32;
            page.bar(LEFT..end, y, WAYS[*place].1)?;
            page.text(&format!("{value:.2}"), end + 5, y, 11)?;
            y += BAR;
        }
        page.text(&group.name, 12, (begin + y - BAR) / 2, 13)?;
        page.line(LEFT + (group.floor * scale) as i32, begin - 3..y + 3)?;
        y += BETWEEN;
    }
    page.end()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn table(ways: &[&str]) -> Value {
        let figures = ways.iter().map(|way| {
            json!({
                "name": way, "of": "ECMP",
                "ours_median": 2.0, "other_median": 1.75, "floor_median": 1.0,
            })
        });
        json!({ "unit": "µs", "figures": figures.collect::<Vec<_>>() })
    }

    #[test]
    fn bars_are_grouped_by_family_and_gateways() {
        let table = table(&[
            "IPv4, 4: linear rules",
            "IPv4, 70: linear rules",
            "IPv4, 70: guard and tree",
            "IPv6, 70: nft jhash",
        ]);
        let groups = groups(&table).unwrap();
        let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(
            names,
            ["IPv4, 4 gateways", "IPv4, 70 gateways", "IPv6, 70 gateways"]
        );
        assert_eq!(groups[1].bars, [(0, 2.0), (1, 2.0), (3, 1.75)]);
        assert_eq!(groups[2].bars, [(2, 2.0), (3, 1.75)]);
    }

    #[test]
    fn each_bar_has_its_value() {
        let file = std::env::temp_dir().join(format!("hmark-chart-{}.svg", std::process::id()));
        let report = json!({ "kernel": "7.3.4", "machine": "a machine" });
        let table = table(&["IPv4, 4: linear rules", "IPv4, 70: guard and tree"]);
        draw(&report, &table, &file).unwrap();
        let drawn = fs::read_to_string(&file).unwrap();
        fs::remove_file(&file).unwrap();
        for text in ["2.00", "1.75", "IPv4, 70 gateways", "resilient ECMP"] {
            assert!(drawn.contains(text), "no {text} in {drawn}");
        }
    }

    #[test]
    fn unknown_ways_are_refused() {
        for name in ["IPv4, 4: nothing", "IPv4, 4", "linear rules"] {
            assert!(groups(&table(&[name])).is_err(), "{name}");
        }
        assert!(groups(&table(&[])).is_err());
    }
}
