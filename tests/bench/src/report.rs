// SPDX-License-Identifier: GPL-2.0-only

//! The figures as tables, and as JSON with every measurement.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{json, Value};
use testbed::command::run;

use crate::series::{median, quantile, Series};

/// The results of one benchmark.
pub struct Table {
    /// Name of the benchmark, such as `rules`.
    pub benchmark: &'static str,
    /// The subject of the measurements, and what ours is compared with.
    pub title: &'static str,
    /// Unit of the measurements.
    pub unit: &'static str,
    /// Direction of the ratio.
    pub ratio: Ratio,
    /// The things that were measured.
    pub rows: Vec<Row>,
}

/// One thing that was measured with ours and with another.
pub struct Row {
    /// Name of the thing, such as `IPv4 legacy save`.
    pub name: String,
    /// Extent of one measurement, such as `50000 rules`, or the name of the other one.
    pub of: String,
    /// The measurements.
    pub series: Series,
    /// Measurements of the minimum of work, where that is known.
    pub floor: Vec<f64>,
}

/// Which one of a pair is divided by the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ratio {
    /// Ratio ours/other: of two durations, or of two rates.
    OursByOther,
    /// Ratio other/ours of two durations: the speed-up.
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
/// If that fails, or the version of the kernel or of iptables is unknown.
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
