// SPDX-License-Identifier: GPL-2.0-only
//! The lab's command line. It runs inside the chroot that `enter.sh` makes.

use anyhow::Result;
use bench::Bench;
use clap::{Parser, Subcommand};
use debian::Debian;
use fuzz::Fuzz;
use guest::Guest;
use iptables::Release;
use kernel::Kernel;
use lab::Lab;
use lanes::Lane;
use need::Need;
use std::process::ExitCode;

mod accelerator;
mod ansible;
mod architecture;
mod arm64;
mod bench;
mod check;
mod command;
mod configured;
mod console;
mod cpu;
mod debian;
mod fuzz;
mod guest;
mod initramfs;
mod installation;
mod iptables;
mod keepalived;
mod kernel;
mod lab;
mod lanes;
mod need;
mod older;
mod outcome;
mod packaged;
mod packages;
mod product;
mod progress;
mod schedule;
mod store;
mod symbols;
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
    /// Make the trees and machines of the stock kernel and of the UML kernel
    Up,
    /// Build all that lanes need, or those of `check`
    Build {
        /// Names of lanes, or of groups of them
        lanes: Vec<String>,
    },
    /// Run a command as root in a fresh guest, and exit with its status
    Run {
        #[arg(long, value_enum, default_value = "stock")]
        kernel: Kernel,
        /// Put the iptables of this Debian release over the guest's own
        #[arg(long, value_enum, value_name = "RELEASE")]
        iptables: Option<Release>,
        /// Put Ansible and ssh into the guest
        #[arg(long)]
        ansible: bool,
        #[command(flatten)]
        guest: Guest,
    },
    /// Show HMARK at work on the stock kernel
    Demo,
    /// List all lanes: how long each takes, what it shows, and what it needs
    Lanes,
    /// Run lanes, or those of `check`; the last line counts tests that passed and failed
    Check {
        /// Names of lanes, or of groups of them
        lanes: Vec<String>,
    },
    /// Look for panics among the symbols that built modules refer to
    Symbols { kernels: Vec<Kernel> },
    /// Install the packages on a fresh Debian as a user would; the last line counts what works
    CheckInstall {
        /// On this one, in place of Debian 13 with the kernel of its backports
        #[arg(long, value_enum)]
        debian: Option<Debian>,
        /// Go on with this step, in the root that it failed in
        #[arg(long, value_name = "STEP", requires = "debian")]
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
        Action::Up => {
            let both = [Kernel::Stock, Kernel::Uml];
            let needs = both.map(|kernel| [Need::Tree(kernel), Need::Machine(kernel)]);
            need::make(&Lab::open()?, &needs.concat()).map(|()| 0)
        }
        Action::Build { lanes } => with_lanes(&lanes, |lanes| {
            let needs: Vec<Need> = lanes.iter().flat_map(|lane| lane.needs()).collect();
            need::make(&Lab::open()?, &needs).map(|()| 0)
        }),
        Action::Run {
            kernel,
            iptables,
            ansible,
            mut guest,
        } => {
            let lab = Lab::open()?;
            if let Some(release) = iptables {
                guest = guest.with_iptables(release, &lab.iptables(release)?);
            }
            if ansible {
                guest = guest.with_ansible(&lab.ansible()?);
            }
            if kernel.is_debug() {
                guest = guest.watched();
            }
            guest.run(&lab.machine(kernel)?)
        }
        Action::Demo => check::demo(),
        Action::Lanes => {
            lanes::list();
            Ok(0)
        }
        Action::Check { lanes } => with_lanes(&lanes, check::check),
        Action::Symbols { kernels } => symbols::check(&kernels),
        Action::CheckInstall { debian: None, .. } => installation::check(&[Debian::Trixie], None),
        Action::CheckInstall {
            debian: Some(debian),
            from,
        } => installation::check(&[debian], from.as_deref()),
        Action::Bench(bench) => bench.run(),
        Action::Fuzz(fuzz) => fuzz.run(),
    }
}

/// Does something with the lanes of these names. One that is unknown is a wrong usage.
fn with_lanes(names: &[String], act: impl FnOnce(&[&Lane]) -> Result<u8>) -> Result<u8> {
    match lanes::named(names) {
        Ok(lanes) => act(&lanes),
        Err(unknown) => {
            eprintln!("lab: error: {unknown}");
            Ok(WRONG_USAGE)
        }
    }
}

/// Exit status for a lane that there is not.
const WRONG_USAGE: u8 = 64;

/// Exit status when the lab itself failed, as other command runners have it.
const LAB_FAILED: u8 = 125;
