// SPDX-License-Identifier: GPL-2.0-only
//! The lab's command line. It runs inside the chroot that `enter.sh` makes.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

mod check;
mod command;
mod console;
mod guest;
mod initramfs;
mod kernel;
mod product;
mod progress;
mod state;
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
    Run(guest::Guest),
    /// Show HMARK at work on the stock kernel
    Demo,
    /// Run all tests; the last line counts them
    Check,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().action {
        Action::Up => state::up().map(|_| 0),
        Action::Build => state::up().and_then(|lab| product::build(&lab)).map(|()| 0),
        Action::Run(guest) => state::up().and_then(|lab| guest.run(&lab)),
        Action::Demo => check::demo(),
        Action::Check => check::check(),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("lab: error: {error:#}");
            ExitCode::from(LAB_FAILED)
        }
    }
}

/// Exit status when the lab itself failed, as other command runners have it.
const LAB_FAILED: u8 = 125;
