// SPDX-License-Identifier: GPL-2.0-only

//! iptables of one family and backend, in a namespace of its own.

use anyhow::{Context, Result};
use testbed::command::{output, run_with};
use testbed::family::Family;
use testbed::module;
use testbed::netns::Netns;
use testbed::side::Side;
use testbed::text::runner::Iptables;

use crate::backend::Backend;

/// Exit status of iptables for a rule that an extension refuses.
pub const PARAMETER_PROBLEM: i32 = 2;

/// The tables of a namespace, with our module.
pub struct Firewall {
    /// The family of its rules.
    pub family: Family,
    /// The variant of iptables.
    pub backend: Backend,
    netns: Netns,
}

/// The exit status and output of a command.
pub struct Answer {
    /// Its exit status.
    pub status: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Firewall {
    /// Empty tables.
    pub fn new(family: Family, backend: Backend) -> Result<Self> {
        module::load_ours()?;
        Ok(Self {
            family,
            backend,
            netns: Netns::add("hmark-firewall")?,
        })
    }

    fn command(&self, suffix: &str, arguments: &str) -> String {
        let program = self.backend.program(self.family, suffix);
        format!("{program} {arguments}")
    }

    /// Runs `iptables`, or with a suffix the program of that name, whatever its result.
    pub fn answer(
        &self,
        library: Side,
        suffix: &str,
        arguments: &str,
        input: &str,
    ) -> Result<Answer> {
        let command = self.command(suffix, arguments);
        let inside = || output(&command, input, library.variables());
        let output = self.netns.enter(inside)?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Ok(Answer {
            status: output.status.code().context("ended by a signal")?,
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        })
    }

    /// Runs iptables on the mangle table, whatever its result.
    pub fn mangle(&self, library: Side, arguments: &str) -> Result<Answer> {
        self.answer(library, "", &format!("-t mangle {arguments}"), "")
    }

    /// The rules of all tables, as iptables-save prints them.
    pub fn rules(&self, library: Side) -> Result<Vec<String>> {
        let dump = self.run(library, "-save", "", "")?;
        Ok(rules(&dump).map(str::to_owned).collect())
    }
}

impl Iptables for Firewall {
    fn run(&self, library: Side, suffix: &str, arguments: &str, input: &str) -> Result<String> {
        let command = self.command(suffix, arguments);
        self.netns
            .enter(|| run_with(&command, input, library.variables()))
    }
}

/// The rules of what iptables-save prints.
pub fn rules(dump: &str) -> impl Iterator<Item = &str> {
    dump.lines().filter(|line| line.starts_with("-A"))
}
