// SPDX-License-Identifier: GPL-2.0-only

//! The set-ups that HMARK was written for, built from real parts in namespaces with the commands of
//! the tutorials in `docs/`. Run it in a fresh guest of the lab; `size.rs` reads the number of
//! hosts and flows. With the argument `demo` it shows one of them at work instead of testing.

mod account;
mod ansible;
mod cables;
mod capture;
mod changes;
mod clients;
mod cluster;
mod demo;
mod echo;
mod flow;
mod gateways;
mod host;
mod many;
mod narration;
mod outage;
mod planned;
mod pre_load_balancer;
mod prediction;
mod router;
mod rule;
mod shares;
mod size;
mod stage;
mod steps;
mod tutorial;

use std::env;
use std::process::ExitCode;

use anyhow::{Context, Result};
use libtest_mimic::Arguments;
use nix::sys::resource::{setrlimit, Resource};

/// Maximum number of files that clients and servers may have open, which is the kernel's limit for
/// a process.
const FILES: u64 = 1 << 20;

fn main() -> Result<ExitCode> {
    setrlimit(Resource::RLIMIT_NOFILE, FILES, FILES)
        .with_context(|| format!("cannot open {FILES} files"))?;
    if env::args().nth(1).as_deref() == Some("demo") {
        return Ok(demo::run());
    }
    let mut arguments = Arguments::from_args();
    // All tests share one cluster, and run in the order of the tutorial.
    arguments.test_threads = Some(1);
    let mut trials = pre_load_balancer::trials();
    trials.extend(router::trials());
    trials.extend(gateways::trials());
    trials.extend(ansible::trials());
    trials.extend(many::trials());
    Ok(testbed::trial::run(&arguments, trials))
}
