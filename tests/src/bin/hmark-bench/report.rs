// SPDX-License-Identifier: GPL-2.0-only

//! The figures as tables, and as JSON with every measurement in it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{json, Value};
use tests::command::run;

use crate::series::{median, quantile, Series};

/// What one benchmark measured.
pub struct Table {
    /// Which benchmark it is, such as `rules`.
    pub benchmark: &'static str,
    /// What is measured, and by what it is compared.
    pub title: &'static str,
    /// Unit of the measurements.
    pub unit: &'static str,
    /// What the ratio is.
    pub ratio: Ratio,
    /// What was measured.
    pub rows: Vec<Row>,
}

/// One thing measured, of ours and of another.
pub struct Row {
    /// What was measured, such as `IPv4 legacy save`.
    pub name: String,
    /// What one measurement went over, such as `50000 rules`, or what the other one is.
    pub of: String,
    /// The measurements.
    pub series: Series,
    /// Of the least that there is to do, where that is known.
    pub floor: Vec<f64>,
}

/// Which of a pair is divided by the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ratio {
    /// Ours by the other: a part of its time, or a multiple of its rate.
    OursByOther,
    /// The other by ours: how many times as fast ours is, of times.
    OtherByOurs,
}

impl Ratio {
    fn of(self, series: &Series) -> Vec<f64> {
        let ratios = series.ratios();
        match self {
            Self::OursByOther => ratios,
            Self::OtherByOurs => ratios.iter().map(|ratio| 1.0 / ratio).collect(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::OursByOther => "ours / other",
            Self::OtherByOurs => "other / ours",
        }
    }
}

/// Prints a table.
pub fn show(table: &Table) {
    let unit = table.unit;
    println!();
    println!("  {}", table.title);
    println!(
        "  Medians; ratio = {}, of pairs: its median, and the middle half of all.",
        table.ratio.name()
    );
    println!(
        "  {:26} {:>14} {:>10} {:>10}     {:>6}  {:>15}  {:>5}",
        "", "", "ours", "other", "ratio", "middle half", "pairs"
    );
    for row in &table.rows {
        let ratios = table.ratio.of(&row.series);
        let floor = match &row.floor[..] {
            [] => String::new(),
            floor => format!("  floor {:.2} {unit}", median(floor)),
        };
        println!(
            "  {:26} {:>14} {:10.3} {:10.3} {unit:3} {:6.3}  {:6.3} to {:5.3}  {:5}{floor}",
            row.name,
            row.of,
            median(&row.series.ours),
            median(&row.series.other),
            median(&ratios),
            quantile(&ratios, 0.25),
            quantile(&ratios, 0.75),
            ratios.len(),
        );
    }
    println!();
}

/// Writes `file`.
///
/// # Errors
/// If that fails, or what was measured cannot be named.
pub fn write(tables: &[Table], machine: &str, file: &Path) -> Result<()> {
    let report = json!({
        "machine": machine,
        "kernel": run("uname -r")?.trim(),
        "iptables": run("iptables -V")?.trim(),
        "tables": tables.iter().map(table).collect::<Vec<_>>(),
    });
    let text = serde_json::to_string_pretty(&report)? + "\n";
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn table(table: &Table) -> Value {
    json!({
        "benchmark": table.benchmark,
        "title": table.title,
        "unit": table.unit,
        "ratio": table.ratio.name(),
        "figures": table.rows.iter().map(|row| figure(row, table.ratio)).collect::<Vec<_>>(),
    })
}

fn figure(row: &Row, ratio: Ratio) -> Value {
    let ratios = ratio.of(&row.series);
    json!({
        "name": row.name,
        "of": row.of,
        "ours": row.series.ours,
        "other": row.series.other,
        "floor": row.floor,
        "ours_median": median(&row.series.ours),
        "other_median": median(&row.series.other),
        "floor_median": (!row.floor.is_empty()).then(|| median(&row.floor)),
        "ratio_median": median(&ratios),
        "ratio_quartiles": [quantile(&ratios, 0.25), quantile(&ratios, 0.75)],
    })
}
