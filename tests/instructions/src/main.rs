// SPDX-License-Identifier: GPL-2.0-only

//! Compares the instructions that `hmark` takes for a packet in user space, counted by callgrind,
//! with limits. A change that slows the walk shows at once, on any machine.
//!
//! The measured program (`counted/`) is built with the optimisation of kernels for speed
//! and with that of kernels for size.

mod limits;

use std::process::{Command, ExitCode};

use anyhow::{ensure, Context, Result};
use libtest_mimic::{Arguments, Trial};
use packets::kinds::KINDS;
use testbed::install::target_folder;
use testbed::path;
use testbed::trial::{self, test};

use limits::{Optimisation, OPTIMISATIONS};

/// Packets of each flow in two runs: the difference between the runs is due to the packets only.
const PACKETS: [u64; 2] = [16, 80];

fn main() -> Result<ExitCode> {
    Ok(trial::run(&Arguments::from_args(), trials()?))
}

/// A test for each optimisation and kind of packet.
fn trials() -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for optimisation in OPTIMISATIONS {
        let program = build(optimisation)?;
        for kind in run(&mut Command::new(&program))?.0.lines() {
            let (program, kind) = (program.clone(), kind.to_owned());
            let name = format!("{}_{}_{kind}", path!(check), optimisation.name);
            trials.push(test(&name, move || check(&program, optimisation, &kind)));
        }
    }
    Ok(trials)
}

/// Builds the program with an optimisation.
fn build(optimisation: &Optimisation) -> Result<String> {
    let profile = format!("kernel-{}", optimisation.name);
    run(Command::new("cargo").args([
        "build",
        "--quiet",
        "--locked",
        "--profile",
        &profile,
        "--package",
        "instructions",
    ]))?;
    let program = target_folder().join(profile).join("instructions");
    Ok(program.display().to_string())
}

/// Counts the instructions that a packet takes, and compares them with the limit.
fn check(program: &str, optimisation: &Optimisation, kind: &str) -> Result<()> {
    let [few, many] = PACKETS;
    let known = KINDS.iter().find(|known| known.name == kind);
    let flows = known.context("no such kind")?.flows() as u64;
    let whole = count(program, kind, many)?
        .checked_sub(count(program, kind, few)?)
        .context("more packets take fewer instructions")?;
    let taken = whole.div_ceil((many - few) * flows);
    let limit = optimisation
        .limit(kind)
        .with_context(|| format!("limits.rs has no `{kind}`"))?;
    println!(
        "{}::{kind}: {taken} instructions, at most {limit}",
        optimisation.name
    );
    ensure!(
        taken <= limit,
        "a packet takes {taken} instructions, at most {limit} are allowed: is that worth it?"
    );
    Ok(())
}

/// Counts the instructions that the program takes for this number of packets.
fn count(program: &str, kind: &str, packets: u64) -> Result<u64> {
    let (_, said) = run(Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args([program, kind, &packets.to_string()]))?;
    said.lines()
        .find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
        .with_context(|| format!("valgrind counted nothing: {said}"))
}

/// Runs a command, and returns its standard output and standard error.
fn run(command: &mut Command) -> Result<(String, String)> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {command:?}; is it installed?"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{command:?} failed: {said}");
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), said))
}
