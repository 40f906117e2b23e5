// SPDX-License-Identifier: GPL-2.0-only

//! `hmark completions`: the completions of a shell, which packages install.

use std::io::{stdout, Write};

use anyhow::Result;
use clap::{Args, ValueEnum};
use clap_complete::{generate, Shell};

use super::Status;

/// Prints the completions of hmark for a shell
#[derive(Args)]
#[command(after_help = "Example:\n  source <(hmark completions bash)")]
pub struct Completions {
    /// The shell
    shell: Known,
}

/// The shells with completions.
#[derive(Clone, Copy, ValueEnum)]
enum Known {
    Bash,
    Fish,
    Zsh,
}

impl From<Known> for Shell {
    fn from(shell: Known) -> Self {
        match shell {
            Known::Bash => Self::Bash,
            Known::Fish => Self::Fish,
            Known::Zsh => Self::Zsh,
        }
    }
}

impl Completions {
    /// Prints the completions of a command line, which has its own name.
    pub fn run(self, mut line: clap::Command) -> Result<Status> {
        let name = line.get_name().to_owned();
        // The generators panic where they cannot write.
        let mut script = Vec::new();
        generate(Shell::from(self.shell), &mut line, name, &mut script);
        stdout().lock().write_all(&script)?;
        Ok(Status::Fine)
    }
}
