// SPDX-License-Identifier: GPL-2.0-only

//! The commands, one file each, and their exit status.

mod check;
mod completions;
mod digest;
mod plan;
mod predict;
mod save;
mod scale;
mod watch;
mod weight;

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Error, Result};
use clap::Subcommand;
use hmark_cli::cannot_tell::CannotTell;
use hmark_cli::host::Host;

use crate::output::say::say;

/// A command, with its arguments.
#[derive(Subcommand)]
pub enum Command {
    /// What is wrong with hosts that route by marks, and what is to be done?
    Check(check::Check),
    /// The completions of a shell.
    #[command(hide = true)]
    Completions(completions::Completions),
    /// Do hosts send each flow the same way?
    Digest(digest::Digest),
    /// Sets hosts up from a file of gateways and addresses.
    Plan(Box<plan::PlanCommand>),
    /// Where do flows go?
    Predict(Box<predict::Predict>),
    /// Saves all that decides where packets go on this host, for --from and check.
    Save(save::Save),
    /// Which flows does a change of a rule move, and which of them need not?
    Scale(Box<scale::Scale>),
    /// Rate, share and gateway of each mark of this host, live.
    Watch(watch::Watch),
    /// Gives marks other weights on this host, at once and in both families.
    Weight(weight::Weight),
}

impl Command {
    /// Runs the command, which prints its answer. `line` makes the whole command line, for its completions.
    pub fn run(self, line: fn() -> clap::Command) -> Result<Status> {
        match self {
            Self::Check(check) => check.run(),
            Self::Completions(completions) => completions.run(line()),
            Self::Digest(digest) => digest.run(),
            Self::Plan(plan) => plan.run(),
            Self::Predict(predict) => predict.run(),
            Self::Save(save) => save.run(),
            Self::Scale(scale) => scale.run(),
            Self::Watch(watch) => watch.run(),
            Self::Weight(weight) => weight.run(),
        }
    }
}

/// The exit status of `hmark`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// An answer, and nothing wrong.
    Fine,
    /// The answer is no, or there are warnings.
    No,
    /// Errors were found, or the input could not be read.
    Errors,
    /// The answer depends on something that `hmark` does not understand.
    CannotTell,
    /// Wrong usage: `EX_USAGE` of `sysexits.h`.
    Usage,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Fine => 0,
            Status::No => 1,
            Status::Errors => 2,
            Status::CannotTell => 3,
            Status::Usage => 64,
        })
    }
}

/// The hosts whose files are in these folders; without any, this host.
///
/// # Errors
///
/// The first folder that is none.
fn hosts(folders: &[PathBuf]) -> Result<Vec<Host>> {
    match folders.is_empty() {
        true => Ok(vec![Host::live()]),
        false => folders.iter().map(|folder| Host::saved(folder)).collect(),
    }
}

/// Checks that a host has the device that an option names.
fn check_device(host: &Host, option: &str, device: &str) -> Result<()> {
    let checked = host.check_device(device);
    checked.map_err(|error| Usage(format!("{option}: {error}")).into())
}

/// An error of the arguments that only the command finds.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Prints an error in one line, and returns the status for it.
pub fn failed(error: &Error) -> Status {
    // A reader that closes the pipe, such as `head`, has seen enough.
    if error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    {
        return Status::Fine;
    }
    if let Some(reason) = error.downcast_ref::<CannotTell>() {
        say(format_args!("cannot tell: {reason}"));
        return Status::CannotTell;
    }
    say(format_args!("{error:#}"));
    match error.is::<Usage>() {
        true => Status::Usage,
        false => Status::Errors,
    }
}
