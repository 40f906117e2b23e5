// SPDX-License-Identifier: GPL-2.0-only
//! Short commands whose output is wanted, scripts, and the parallel `make`.

use anyhow::{bail, Context, Result};
use std::num::NonZero;
use std::process::Command;
use std::thread::available_parallelism;

/// What `program` prints on standard output, with the white space at its ends cut.
pub fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!("{program} {}: {}", arguments.join(" "), message.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// `make` with a job for each CPU.
pub fn make() -> Command {
    let mut make = Command::new("make");
    make.arg(format!("-j{}", cpus()));
    make
}

/// A shell script, which ends where something in it fails.
pub fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-euc", script]);
    command
}

/// How many CPUs this process may use.
pub fn cpus() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}
