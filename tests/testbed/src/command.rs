// SPDX-License-Identifier: GPL-2.0-only

//! Runs commands as a user would type them.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use anyhow::{bail, Context, Result};

/// Runs `command`, split at blanks, and returns its standard output.
///
/// # Errors
/// If it cannot be started, or fails. The error has its standard error.
pub fn run(command: &str) -> Result<String> {
    run_with(command, "", &[])
}

/// Runs `command` as [`run`] does, with `input` on standard input and additional environment
/// variables.
///
/// # Errors
/// As [`run`].
pub fn run_with(command: &str, input: &str, variables: &[(&str, &str)]) -> Result<String> {
    let output = output(command, input, variables)?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let stderr = stderr.trim().replace('\n', "; ");
        bail!("`{command}` failed ({}): {stderr}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `command` likewise, whatever its result.
///
/// # Errors
/// If it cannot be started.
pub fn output(command: &str, input: &str, variables: &[(&str, &str)]) -> Result<Output> {
    let mut words = command.split_whitespace();
    let program = words.next().context("empty command")?;
    let mut child = Command::new(program)
        .args(words)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {program}; is it installed?"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that fails early closes its standard input; its own error says more than the
        // broken pipe.
        let _ = stdin.write_all(input.as_bytes());
    }
    Ok(child.wait_with_output()?)
}
