// SPDX-License-Identifier: GPL-2.0-only

//! Programs of this host, run for their output.

use std::fmt;
use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use crate::cannot_tell::CannotTell;

/// The reason why a program gave no output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The host has no such program.
    Missing(String),
    /// It failed: the command, and the first line that it said.
    Failed(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(program) => write!(f, "there is no program {program} on this host"),
            Self::Failed(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Failure {}

/// A command that finds programs where the path of an ordinary user does not look, and says what it says in
/// no other language.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .env("LC_ALL", "C");
    command
}

/// The standard output of a command, given some input.
///
/// # Errors
///
/// If there is no such program, or it fails.
pub fn run(words: &[&str], input: &[u8]) -> Result<Vec<u8>, Failure> {
    let Some((program, arguments)) = words.split_first() else {
        return Ok(Vec::new());
    };
    let shown = words.join(" ");
    let failed = |what: &dyn fmt::Display| Failure::Failed(format!("{shown}: {what}"));
    let mut command = command(program);
    command.args(arguments);
    command.stdin(match input.is_empty() {
        true => Stdio::null(),
        false => Stdio::piped(),
    });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Failure::Missing((*program).to_owned()));
        }
        Err(error) => return Err(failed(&error)),
    };
    if let Some(mut stdin) = child.stdin.take() {
        // A program that fails early closes its input: its own words say more than the broken pipe.
        let _ = stdin.write_all(input);
    }
    let output = child.wait_with_output().map_err(|error| failed(&error))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(failed(&first_line(&output.stderr))),
    }
}

/// An error of a program that is missing, as a thing that cannot be told; any other as it is.
pub fn missing(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Failure>() {
        Some(Failure::Missing(_)) => CannotTell::because(error.to_string()).into(),
        _ => error,
    }
}

/// The first line that a program said on its standard error.
pub fn first_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.next().unwrap_or("it failed, and said nothing");
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_goes_in_and_output_comes_out() {
        assert_eq!(run(&["cat"], b"a\nb\n").unwrap(), b"a\nb\n");
        assert_eq!(run(&["cat"], b"").unwrap(), b"");
    }

    #[test]
    fn failures_are_one_line() {
        let gone = run(&["hmark-no-such-program"], b"").unwrap_err();
        assert_eq!(
            gone.to_string(),
            "there is no program hmark-no-such-program on this host"
        );
        let failed = run(&["sh", "-c", "printf '\\n no \\nway\\n' >&2; exit 4"], b"x");
        let text = failed.unwrap_err().to_string();
        assert!(text.ends_with(": no") && !text.contains('\n'), "{text}");
    }
}
