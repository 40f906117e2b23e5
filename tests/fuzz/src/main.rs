// SPDX-License-Identifier: GPL-2.0-only

//! `hmark-fuzz CASE PACKETS`: compares our target, in both revisions, with a reference on random
//! packets and rules, inside a guest of the lab, starting with this case.
//!
//! The module `hmark_fuzz` does the work; its report on each portion goes to standard output. The
//! exit status is 0 only if at least PACKETS packets were compared of each revision, and all results
//! are equal.

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{bail, ensure, Context, Result};
use testbed::command::run;
use testbed::{install, module, reference};

/// Packets of each revision that are compared between two reports of the module.
const PORTION: u64 = 2_000_000;

/// The start of the module's report of a difference.
const MISMATCH: &str = "mismatch in case ";

fn main() -> ExitCode {
    match fuzz() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hmark-fuzz: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn fuzz() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [case, packets] = &arguments[..] else {
        bail!("usage: hmark-fuzz CASE PACKETS");
    };
    let mut case: u64 = case.parse().context("CASE is no number")?;
    let mut left: u64 = packets.parse().context("PACKETS is no number")?;
    ensure!(left > 0, "no packets to compare");

    ensure!(
        fs::exists("/run/lab")?,
        "this is no guest of the lab: use `make fuzz`"
    );
    reference::load()?;
    module::load_built()?;
    let comparer = install::built_module("fuzz", "hmark_fuzz");
    while left > 0 {
        let count = portion(&comparer, case, left.min(PORTION))?;
        ensure!(count.packets > 0, "the module compared nothing");
        case = case.wrapping_add(count.cases);
        left = left.saturating_sub(count.packets);
    }
    Ok(())
}

/// The amount compared of each revision in one portion.
struct Count {
    packets: u64,
    cases: u64,
}

/// Has `module` compare at least this number of packets of each revision, and prints its report.
fn portion(module: &Path, case: u64, packets: u64) -> Result<Count> {
    run("dmesg --clear")?;
    let loaded = run(&format!(
        "insmod {} case={case} packets={packets}",
        module.display()
    ));
    let log = run("dmesg --notime")?;
    let said: Vec<&str> = log
        .lines()
        .filter_map(|line| line.strip_prefix("hmark_fuzz: "))
        .collect();
    for line in &said {
        println!("{line}");
    }
    if let Some(mismatch) = said.iter().find_map(|line| line.strip_prefix(MISMATCH)) {
        let (case, _) = mismatch.split_once(':').unwrap_or_default();
        bail!("the results differ: `make fuzz FUZZ_CASE={case} FUZZ_PACKETS=1` shows it again");
    }
    loaded?;
    run("rmmod hmark_fuzz")?;
    let counts: Vec<&str> = said
        .iter()
        .filter_map(|line| line.strip_prefix("compared "))
        .collect();
    let [v0, v1] = counts[..] else {
        bail!("the module did not say what it compared of two revisions");
    };
    Ok(Count {
        packets: value(v0, "packets")?.min(value(v1, "packets")?),
        cases: value(v0, "bases")?,
    })
}

/// The number after `NAME=`.
fn value(words: &str, name: &str) -> Result<u64> {
    words
        .split(' ')
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
        .with_context(|| format!("the module did not say how many {name}"))
}
