// SPDX-License-Identifier: GPL-2.0-only
//! The lab's command line. It runs inside the chroot that `enter.sh` makes.

use anyhow::Result;
use architecture::Architecture;
use bench::Bench;
use clap::{Parser, Subcommand};
use debian::Debian;
use fuzz::Fuzz;
use guest::Guest;
use iptables::Release;
use lab::{Boot, Lab};
use std::process::ExitCode;

mod accelerator;
mod architecture;
mod arm64;
mod bench;
mod check;
mod command;
mod configured;
mod console;
mod debian;
mod fuzz;
mod guest;
mod initramfs;
mod installation;
mod iptables;
mod kernel;
mod lab;
mod packages;
mod product;
mod progress;
mod store;
mod uml;
mod x86;

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
    /// Build the library, for each iptables, the kernel module, for both kernels, and the tests
    Build,
    /// Run a command as root in a fresh guest, and exit with its status
    Run {
        #[arg(long, value_enum, default_value = "stock")]
        kernel: Boot,
        /// Put the iptables of this Debian release over the guest's own
        #[arg(long, value_enum, value_name = "RELEASE")]
        iptables: Option<Release>,
        #[command(flatten)]
        guest: Guest,
    },
    /// Show HMARK at work on the stock kernel
    Demo,
    /// Run all tests; the last line counts them
    Check,
    /// Run the tests on kernels that watch memory and locks; the last line counts them
    CheckDebug,
    /// Run the tests on the kernel for arm64; the last line counts them
    CheckArm64,
    /// Run the tests of clusters with 70 gateways and 100,000 connections; the last line counts them
    CheckLarge,
    /// Install the packages on a fresh Debian as a user would; the last line counts what works
    CheckInstall {
        #[arg(long, value_enum, default_value = "trixie")]
        debian: Debian,
        /// Go on with this step, in the root that it failed in
        #[arg(long, value_name = "STEP")]
        from: Option<String>,
    },
    /// Measure ours beside what Linux and iptables ship; the last line names the file of figures
    Bench(Bench),
    /// Compare the kernel's own C target and ours by random packets and rules
    Fuzz(Fuzz),
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
        Action::Build => {
            let lab = Lab::up()?;
            product::build_for(&lab, &Release::ALL)?;
            for architecture in Architecture::ALL {
                product::build_foreign(&lab, architecture)?;
            }
            product::build(&lab, &[Boot::Stock, Boot::Uml])?;
            product::build_test_module(&lab, product::FUZZ, &[Boot::Stock, Boot::Uml]).map(|()| 0)
        }
        Action::Run {
            kernel,
            iptables,
            mut guest,
        } => {
            let lab = Lab::up()?;
            if let Some(release) = iptables {
                guest = guest.with_iptables(release, &lab.iptables(release)?);
            }
            if Boot::DEBUG.contains(&kernel) {
                guest = guest.watched();
            }
            guest.run(&lab.machine(kernel)?)
        }
        Action::Demo => check::demo(),
        Action::Check => check::check(),
        Action::CheckDebug => check::check_debug(),
        Action::CheckArm64 => check::check_arm64(),
        Action::CheckLarge => check::check_large(),
        Action::CheckInstall { debian, from } => installation::check(debian, from.as_deref()),
        Action::Bench(bench) => bench.run(),
        Action::Fuzz(fuzz) => fuzz.run(),
    }
}

/// Exit status when the lab itself failed, as other command runners have it.
const LAB_FAILED: u8 = 125;
