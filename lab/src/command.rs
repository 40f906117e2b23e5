// SPDX-License-Identifier: GPL-2.0-only
//! Short commands whose output is wanted, scripts, and the parallel `make`.

use anyhow::{bail, Context, Result};
use nix::unistd::{pipe, write};
use std::env;
use std::num::NonZero;
use std::os::fd::IntoRawFd;
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

/// `make` with a job for each CPU, or, where CPUs are shared, for each that is free.
pub fn make() -> Command {
    let mut make = Command::new("make");
    if !env::var("MAKEFLAGS").is_ok_and(|flags| flags.contains(JOBSERVER)) {
        make.arg(format!("-j{}", cpus()));
    }
    make
}

/// What `make` and cargo are told of the pipe that they share CPUs by.
const JOBSERVER: &str = "--jobserver-auth=";

/// Has every `make` and cargo that this process starts from now on share the CPUs: each runs one
/// job, and one more for each token that it takes from a pipe.
pub fn share_cpus() -> Result<()> {
    let cannot = "cannot make a pipe for make";
    let (tokens, give) = pipe().context(cannot)?;
    write(&give, &vec![b'+'; cpus().saturating_sub(1)]).context(cannot)?;
    // They are open as long as this process is, and in all that it starts.
    let (tokens, give) = (tokens.into_raw_fd(), give.into_raw_fd());
    let flags = format!("-j{} {JOBSERVER}{tokens},{give}", cpus());
    env::set_var("MAKEFLAGS", flags);
    Ok(())
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
