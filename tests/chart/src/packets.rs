// SPDX-License-Identifier: GPL-2.0-only

//! The time that a call of the target takes for each kind of packet, with ours and with C.

use std::path::Path;

use anyhow::{ensure, Result};
use plotters::style::RGBColor;
use serde_json::Value;

use crate::figures::{figures, number, text};
use crate::page::{Page, BAR, TOP, WIDTH};

/// Colours that colour-blind readers can tell apart: those of our bars, and of C's.
const OURS: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const OTHER: RGBColor = RGBColor(0x56, 0xb4, 0xe9);

/// Pixels: the space to the left of the bars, and a pair of them.
const LEFT: i32 = 140;
const PAIR: i32 = 34;

/// Prefixes of the kinds that show how the cost grows: a table suits them better.
const GROWTH: [&str; 2] = ["buckets-", "extensions-"];

/// A pair of bars.
struct Pair<'a> {
    name: &'a str,
    ours: f64,
    other: f64,
    ratio: f64,
}

fn pairs(table: &Value) -> Result<Vec<Pair<'_>>> {
    let mut pairs = Vec::new();
    for figure in figures(table)? {
        let name = text(figure, "name")?;
        if !GROWTH.iter().any(|growth| name.starts_with(growth)) {
            pairs.push(Pair {
                name,
                ours: number(figure, "ours_median")?,
                other: number(figure, "other_median")?,
                ratio: number(figure, "ratio_median")?,
            });
        }
    }
    ensure!(!pairs.is_empty(), "nothing to draw");
    Ok(pairs)
}

/// Draws the table into a file.
///
/// # Errors
/// If a figure is missing, or the file cannot be written.
pub fn draw(report: &Value, table: &Value, file: &Path) -> Result<()> {
    let pairs = pairs(table)?;
    let unit = match table["unit"].as_str() {
        Some("ns") => "nanoseconds",
        _ => "instructions",
    };
    let most = pairs.iter().map(|pair| pair.other.max(pair.ours));
    let most = most.fold(0.0, f64::max);
    let title = format!("HMARK: {unit} a packet takes");
    let height = TOP + PAIR * pairs.len() as i32 + 20;
    let page = Page::begin(file, height, &title, report)?;
    page.legend(&[(12, OURS, "Rust"), (90, OTHER, "C")])?;
    let scale = f64::from(WIDTH - LEFT - 110) / most;
    for (index, pair) in pairs.iter().enumerate() {
        let y = TOP + PAIR * index as i32;
        page.text(pair.name, 12, y + 8, 13)?;
        for (value, colour, y) in [(pair.ours, OURS, y), (pair.other, OTHER, y + BAR)] {
            let end = LEFT + (value * scale) as i32;
            page.bar(LEFT..end, y, colour)?;
            let label = match colour == OURS {
                true => format!("{value:.1}"),
                false => format!("{value:.1}  ({:.2} times)", pair.ratio),
            };
            page.text(&label, end + 5, y, 11)?;
        }
    }
    page.end()
}
