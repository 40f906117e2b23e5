// SPDX-License-Identifier: GPL-2.0-only
//! The lab's command line. It runs inside the chroot that `enter.sh` makes.

use anyhow::Result;
use clap::{Parser, Subcommand};
use guest::Guest;
use lab::{Boot, Lab};
use std::process::ExitCode;

mod accelerator;
mod check;
mod command;
mod console;
mod guest;
mod initramfs;
mod kernel;
mod lab;
mod product;
mod progress;
mod store;
mod uml;

/// Boots kernels to run HMARK on them.
#[derive(Parser)]
#[command(name = "lab")]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make all that guests and builds need: kernel source, Rust metadata, UML kernel
    Up,
    /// Build the library, the kernel module for both kernels, and the tests
    Build,
    /// Run a command as root in a fresh guest, and exit with its status
    Run {
        #[arg(long, value_enum, default_value = "stock")]
        kernel: Boot,
        #[command(flatten)]
        guest: Guest,
    },
    /// Show HMARK at work on the stock kernel
    Demo,
    /// Run all tests; the last line counts them
    Check,
    /// Measure ours beside the stock library; the last line names the file of figures
    Bench,
}

fn main() -> ExitCode {
    match perform(Arguments::parse().action) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("lab: error: {error:#}");
            ExitCode::from(LAB_FAILED)
        }
    }
}

fn perform(action: Action) -> Result<u8> {
    match action {
        Action::Up => Lab::up()?.tree(Boot::Uml).map(|_| 0),
        Action::Build => product::build(&Lab::up()?, &[Boot::Stock, Boot::Uml]).map(|()| 0),
        Action::Run { kernel, guest } => guest.run(&Lab::up()?.machine(kernel)?),
        Action::Demo => check::demo(),
        Action::Check => check::check(),
        Action::Bench => check::bench(),
    }
}

/// Exit status when the lab itself failed, as other command runners have it.
const LAB_FAILED: u8 = 125;
