// SPDX-License-Identifier: GPL-2.0-only

//! What ours costs beside what Linux and iptables ship, measured by turns on the running kernel.
//!
//! Each benchmark is a module that gives a row for each figure; `report` shows and keeps them.
//! Run it in a fresh guest of the lab: it changes the rules and the module of its kernel.

mod progress;
mod report;
mod rules;
mod series;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use progress::Progress;

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("bench: failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The first argument names the file for the figures.
fn bench() -> Result<()> {
    let file: PathBuf = std::env::args_os()
        .nth(1)
        .context("usage: hmark-bench FILE.json")?
        .into();
    let mut progress = Progress::begin();
    let rows = rules::run(&mut progress)?;
    progress.phase("done");
    report::show(&rows);
    report::write(&rows, &file)
}
