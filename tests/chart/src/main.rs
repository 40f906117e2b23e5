// SPDX-License-Identifier: GPL-2.0-only

//! `hmark-chart FIGURES.json BENCHMARK CHART.svg`: draws the time per packet that `hmark-bench`
//! measured, of the benchmark `packets` or `routing`.

mod figures;
mod packets;
mod page;
mod routing;

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{bail, Context, Result};
use serde_json::Value;

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
    let [file, benchmark, chart] = &arguments[..] else {
        bail!("usage: hmark-chart FIGURES.json packets|routing CHART.svg");
    };
    let draw = match benchmark.as_str() {
        "packets" => packets::draw,
        "routing" => routing::draw,
        _ => bail!("there is no chart of {benchmark}"),
    };
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let report: Value = serde_json::from_str(&text)?;
    draw(
        &report,
        figures::table(&report, benchmark)?,
        Path::new(chart),
    )
}
