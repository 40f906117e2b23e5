// SPDX-License-Identifier: GPL-2.0-only

//! The figures as a table, and as JSON with every measurement in it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{json, Value};
use tests::command::run;

use crate::series::{median, quantile, Series};

/// One thing measured, of ours and of the stock one.
pub struct Row {
    /// Which benchmark it is of, such as `rules`.
    pub benchmark: &'static str,
    /// What was measured, such as `IPv4 legacy save`.
    pub name: String,
    /// What one measurement went over, such as `50000 rules`.
    pub of: String,
    /// Unit of the measurements.
    pub unit: &'static str,
    /// The measurements.
    pub series: Series,
}

/// Prints the table.
pub fn show(rows: &[Row]) {
    println!();
    println!("  medians; ratio = ours / stock, of pairs: its median, and the middle half of all");
    println!(
        "  {:24} {:>11} {:>9} {:>9}     {:>6}  {:>15}  {:>5}",
        "", "", "ours", "stock", "ratio", "middle half", "pairs"
    );
    for row in rows {
        let ratios = row.series.ratios();
        println!(
            "  {:24} {:>11} {:9.3} {:9.3} {:3} {:6.3}  {:6.3} to {:5.3}  {:5}",
            row.name,
            row.of,
            median(&row.series.ours),
            median(&row.series.stock),
            row.unit,
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
pub fn write(rows: &[Row], file: &Path) -> Result<()> {
    let report = json!({
        "kernel": run("uname -r")?.trim(),
        "iptables": run("iptables -V")?.trim(),
        "figures": rows.iter().map(figure).collect::<Vec<_>>(),
    });
    let text = serde_json::to_string_pretty(&report)? + "\n";
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn figure(row: &Row) -> Value {
    let ratios = row.series.ratios();
    json!({
        "benchmark": row.benchmark,
        "name": row.name,
        "of": row.of,
        "unit": row.unit,
        "ours": row.series.ours,
        "stock": row.series.stock,
        "ours_median": median(&row.series.ours),
        "stock_median": median(&row.series.stock),
        "ratio_median": median(&ratios),
        "ratio_quartiles": [quantile(&ratios, 0.25), quantile(&ratios, 0.75)],
    })
}
