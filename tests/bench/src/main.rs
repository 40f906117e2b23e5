// SPDX-License-Identifier: GPL-2.0-only

//! `hmark-bench FILE.json MACHINE [BENCHMARK...]`: compares the cost of our module, library and
//! routing rules with what Linux and iptables ship, in alternating rounds on the running kernel.
//!
//! Each benchmark is a module that returns a table; `report` prints and saves the tables. Run this
//! in a fresh guest of the lab: it changes the rules and the module of its kernel.

mod chains;
mod effort;
mod packets;
mod pktgen;
mod progress;
mod report;
mod routing;
mod rules;
mod series;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{ensure, Context, Result};

use progress::Progress;
use report::Table;

/// Measures one benchmark.
type Benchmark = fn(&mut Progress) -> Result<Table>;

const BENCHMARKS: [(&str, Benchmark); 5] = [
    ("packets", packets::run),
    ("revisions", packets::revisions),
    ("chains", chains::run),
    ("rules", rules::run),
    ("routing", routing::run),
];

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("bench: failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the named benchmarks, or all of them if none is named.
fn bench() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: hmark-bench FILE.json MACHINE [packets|revisions|chains|rules|routing...]";
    let file: PathBuf = arguments.next().context(usage)?.into();
    let machine = arguments.next().context(usage)?;
    let wanted: Vec<String> = arguments.collect();
    for name in &wanted {
        let known = BENCHMARKS.iter().any(|(known, _)| known == name);
        ensure!(known, "there is no benchmark `{name}`");
    }
    let mut progress = Progress::begin();
    let mut tables = Vec::new();
    for (name, run) in BENCHMARKS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            progress.phase(name);
            tables.push(run(&mut progress)?);
        }
    }
    progress.phase("done");
    tables.iter().for_each(report::show);
    report::write(&tables, &machine, &file)
}
