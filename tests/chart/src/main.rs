// SPDX-License-Identifier: GPL-2.0-only

//! `hmark-chart FIGURES.json CHART.svg`: draws the time per packet that `hmark-bench` measured.

use std::env;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{anyhow, ensure, Context, Result};
use plotters::prelude::*;
use serde_json::Value;

/// Colours that colour-blind readers can tell apart: those of our bars, of C's, and of text.
const OURS: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const OTHER: RGBColor = RGBColor(0x56, 0xb4, 0xe9);
const TEXT: RGBColor = RGBColor(0x33, 0x33, 0x33);

/// Pixels: the chart's width, the space to the left of and above the bars, and a pair of bars.
const WIDTH: u32 = 820;
const LEFT: i32 = 140;
const TOP: i32 = 76;
const PAIR: i32 = 34;

/// Thickness of a bar in pixels.
const BAR: i32 = 13;

/// Prefixes of the kinds that show how the cost grows: a table suits them better.
const GROWTH: [&str; 2] = ["buckets-", "extensions-"];

fn main() -> ExitCode {
    match chart() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hmark-chart: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn chart() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [figures, chart] = &arguments[..] else {
        return Err(anyhow!("usage: hmark-chart FIGURES.json CHART.svg"));
    };
    let text = fs::read_to_string(figures).with_context(|| format!("cannot read {figures}"))?;
    let report: Value = serde_json::from_str(&text)?;
    let tables = report["tables"].as_array().context("no tables")?;
    let table = tables
        .iter()
        .find(|table| table["benchmark"] == "packets")
        .context("packets were not measured")?;
    draw(&report, table, Path::new(chart))
}

/// A pair of bars.
struct Pair<'a> {
    name: &'a str,
    ours: f64,
    other: f64,
    ratio: f64,
}

fn pairs(table: &Value) -> Result<Vec<Pair<'_>>> {
    let figures = table["figures"].as_array().context("no figures")?;
    let number = |figure: &Value, name: &str| {
        let number = figure[name].as_f64();
        number.with_context(|| format!("{name} is no number"))
    };
    let mut pairs = Vec::new();
    for figure in figures {
        let name = figure["name"].as_str().context("a figure has no name")?;
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

fn draw(report: &Value, table: &Value, file: &Path) -> Result<()> {
    let pairs = pairs(table)?;
    let unit = match table["unit"].as_str() {
        Some("ns") => "nanoseconds",
        _ => "instructions",
    };
    let word = |name: &str| report[name].as_str().unwrap_or("unknown").to_owned();
    let height = TOP + PAIR * pairs.len() as i32 + 20;
    let most = pairs.iter().map(|pair| pair.other.max(pair.ours));
    let most = most.fold(0.0, f64::max);

    let root = SVGBackend::new(file, (WIDTH, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let font = |size: i32| ("sans-serif", size).into_font().color(&TEXT);
    let text =
        |text: String, x: i32, y: i32, size: i32| root.draw(&Text::new(text, (x, y), font(size)));
    text(format!("HMARK: {unit} a packet takes"), 12, 10, 18)?;
    text(
        format!("Linux {}, {}", word("kernel"), word("machine")),
        12,
        34,
        12,
    )?;
    let bar = |x: Range<i32>, y: i32, colour: RGBColor| {
        root.draw(&Rectangle::new(
            [(x.start, y), (x.end, y + BAR)],
            colour.filled(),
        ))
    };
    for (x, colour, name) in [(12, OURS, "Rust"), (90, OTHER, "C")] {
        bar(x..x + BAR, 54, colour)?;
        text(name.to_owned(), x + BAR + 6, 54, 12)?;
    }
    let scale = f64::from(WIDTH as i32 - LEFT - 110) / most;
    for (index, pair) in pairs.iter().enumerate() {
        let y = TOP + PAIR * index as i32;
        text(pair.name.to_owned(), 12, y + 8, 13)?;
        for (value, colour, y) in [(pair.ours, OURS, y), (pair.other, OTHER, y + BAR)] {
            let end = LEFT + (value * scale) as i32;
            bar(LEFT..end, y, colour)?;
            let label = match colour == OURS {
                true => format!("{value:.1}"),
                false => format!("{value:.1}  ({:.2} times)", pair.ratio),
            };
            text(label, end + 5, y, 11)?;
        }
    }
    root.present()
        .with_context(|| format!("cannot write {}", file.display()))
}
