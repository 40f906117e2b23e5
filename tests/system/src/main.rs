// SPDX-License-Identifier: GPL-2.0-only

//! Tests of module, library and marks on the running kernel. They change its state, so they run one
//! at a time, and in a fresh guest of the lab. `HMARK_SEED` sets the seed of packets and rules, and
//! `HMARK_ROUNDS` the number of rounds of the races. `HMARK_INSTALLED` is set if packages have
//! installed the module and the library.

mod backend;
mod commands;
mod compat;
mod examples;
mod experiment;
mod findings;
mod firewall;
mod kernel;
mod key;
mod lifecycle;
mod loading;
mod marks;
mod memory;
mod netfilter;
mod nflog;
mod older;
mod operation;
mod plan;
mod prediction;
mod races;
mod refusals;
mod revisions;
mod rules;
mod ruleset;
mod sharing;
mod stacks;
mod text;
mod traffic;
mod translate;
mod trial;
mod uninstall;
mod versions;
mod ways;

use std::process::ExitCode;

use anyhow::Result;
use handover::Variable;
use libtest_mimic::{Arguments, Trial};
use testbed::kernel::{has_all, is_debug, is_foreign, is_uml, takes_rust};
use testbed::{install, iptables};

const SEED: u64 = 0x484d_4152_4b00;

fn main() -> Result<ExitCode> {
    let mut arguments = Arguments::from_args();
    // All tests share one kernel module.
    arguments.test_threads = Some(1);
    let trials = trials(arguments.list)?;
    Ok(testbed::trial::run(&arguments, trials))
}

/// The seed of packets and rules.
fn seed() -> Result<u64> {
    Ok(Variable::Seed.number(SEED)?)
}

fn trials(list: bool) -> Result<Vec<Trial>> {
    if !list {
        let seed = seed()?;
        println!("seed of packets and rules: {seed} (set HMARK_SEED to change it)");
    }
    let tainted = kernel::tainted()?;
    if Variable::Installed.value().is_some() {
        install::take_installed()?;
        let mut trials = marks::trials();
        trials.push(kernel::last(tainted));
        return Ok(trials);
    }
    if !list {
        install::install()?;
    }

    // Text and commands are the same on every kernel of an architecture. Emulated guests leave them
    // to UML, but for the one of another architecture.
    let tests_text = !is_debug() && (is_uml() || is_foreign());
    let mut trials = kernel::first();
    if !has_all() {
        // Tests of the module on a kernel that lacks parts of the network stack.
        trials.extend(lifecycle::trials());
        trials.extend(marks::trials());
        trials.extend(rules::trials());
        trials.push(kernel::last(tainted));
        return Ok(trials);
    }
    if iptables::release().is_none() {
        trials.extend(lifecycle::trials());
        trials.extend(loading::trials());
        if takes_rust() {
            trials.extend(netfilter::trials());
        }
        trials.extend(races::trials());
        trials.extend(marks::trials());
        trials.extend(stacks::trials());
        if is_uml() && !is_debug() {
            trials.extend(ways::trials());
        }
        trials.extend(sharing::trials());
        // Files are the same on older kernels.
        if !is_debug() && takes_rust() {
            trials.extend(uninstall::trials());
        }
        if tests_text {
            trials.extend(refusals::trials());
            trials.extend(findings::trials());
        }
    }
    // Tests of the extension, with any iptables.
    trials.extend(rules::trials());
    trials.extend(compat::trials());
    if tests_text {
        trials.extend(commands::trials());
        trials.extend(text::trials());
    }
    if !is_debug() {
        trials.extend(key::trials());
        trials.extend(revisions::trials());
        trials.extend(translate::trials());
        trials.extend(examples::trials());
        if !is_foreign() {
            trials.extend(versions::trials());
        }
        if is_uml() && iptables::release().is_none() {
            trials.extend(operation::trials());
            trials.extend(plan::trials());
        }
    }
    trials.push(kernel::last(tainted));
    Ok(trials)
}
