// SPDX-License-Identifier: GPL-2.0-only

//! The figures of `hmark-bench`, as its JSON has them.

use anyhow::{Context, Result};
use serde_json::Value;

/// The table of a benchmark.
///
/// # Errors
/// If it was not measured.
pub fn table<'a>(report: &'a Value, benchmark: &str) -> Result<&'a Value> {
    let tables = report["tables"].as_array().context("no tables")?;
    let table = tables.iter().find(|table| table["benchmark"] == benchmark);
    table.with_context(|| format!("{benchmark} were not measured"))
}

/// The figures of a table.
///
/// # Errors
/// If it has none.
pub fn figures(table: &Value) -> Result<&[Value]> {
    Ok(table["figures"].as_array().context("no figures")?)
}

/// A number of a figure.
///
/// # Errors
/// If it is missing.
pub fn number(figure: &Value, name: &str) -> Result<f64> {
    let number = figure[name].as_f64();
    number.with_context(|| format!("{name} is no number"))
}

/// A text of a figure.
///
/// # Errors
/// If it is missing.
pub fn text<'a>(figure: &'a Value, name: &str) -> Result<&'a str> {
    let text = figure[name].as_str();
    text.with_context(|| format!("a figure has no {name}"))
}
