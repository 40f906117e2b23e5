// SPDX-License-Identifier: GPL-2.0-only

//! Tests of module, library and marks on the running kernel. They change its state, so they run one
//! at a time, and in a fresh guest of the lab. `HMARK_SEED` sets the seed of packets and rules, and
//! `HMARK_ROUNDS` the number of rounds of the races. `HMARK_INSTALLED` is set if packages have
//! installed the module and the library.

mod backend;
mod commands;
mod corpus;
mod examples;
mod installation;
mod lane;
mod lifecycle;
mod loading;
mod marks;
mod memory;
mod netfilter;
mod nflog;
mod packet;
mod races;
mod refusals;
mod rules;
mod ruleset;
mod stacks;
mod text;
mod translate;
mod trial;
mod versions;

use std::fs;
use std::process::ExitCode;

use anyhow::{ensure, Result};
use handover::Variable;
use libtest_mimic::{Arguments, Trial};
use tests::{install, iptables, kernel, notes};

use trial::test;

const SEED: u64 = 0x484d_4152_4b00;

/// Kernel taint flags of a bad page, an oops and a warning.
const TAINT_BUG: u64 = (1 << 5) | (1 << 7) | (1 << 9);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // All tests share one kernel module.
    arguments.test_threads = Some(1);
    match trials(arguments.list) {
        Ok(trials) => {
            let conclusion = libtest_mimic::run(&arguments, trials);
            notes::print();
            conclusion.exit_code()
        }
        Err(error) => {
            eprintln!("hmark-tests: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn trials(list: bool) -> Result<Vec<Trial>> {
    let seed = Variable::Seed.number(SEED)?;
    if !list {
        println!("seed of packets and rules: {seed} (set HMARK_SEED to change it)");
    }
    let tainted = tainted()?;
    if Variable::Installed.value().is_some() {
        install::take_installed()?;
        let mut trials = marks::trials(seed);
        trials.push(test("kernel::did_not_complain", move || complaint(tainted)));
        return Ok(trials);
    }
    if !list {
        install::install()?;
    }

    let mut trials = vec![test("kernel::has_its_parts", kernel::check_parts)];
    if !kernel::has_all() {
        // Tests of the module on a kernel that lacks parts of the network stack.
        trials.extend(lifecycle::trials());
        trials.extend(marks::trials(seed));
        trials.extend(rules::trials());
        trials.push(test("kernel::did_not_complain", move || complaint(tainted)));
        return Ok(trials);
    }
    if iptables::release().is_none() {
        trials.extend(lifecycle::trials());
        trials.extend(loading::trials());
        trials.extend(netfilter::trials());
        trials.extend(races::trials());
        trials.extend(marks::trials(seed));
        trials.extend(stacks::trials());
        if !kernel::is_debug() {
            trials.extend(installation::trials());
            trials.extend(refusals::trials());
        }
    }
    // Tests of the extension, with any iptables. Most of them test little of the kernel, so that a
    // slow one does without.
    trials.extend(rules::trials());
    if !kernel::is_debug() {
        trials.extend(commands::trials());
        trials.extend(text::trials(seed));
        trials.extend(translate::trials());
        trials.extend(examples::trials());
        if !kernel::is_foreign() {
            trials.extend(versions::trials());
        }
    }
    trials.push(test("kernel::did_not_complain", move || complaint(tainted)));
    Ok(trials)
}

/// Checks that no test before this one caused a kernel warning or worse.
fn complaint(before: u64) -> Result<()> {
    let new = tainted()? & TAINT_BUG & !before;
    ensure!(
        new == 0,
        "the kernel warned or had an oops (taint flags {new:#x}); see its log"
    );
    Ok(())
}

fn tainted() -> Result<u64> {
    let text = fs::read_to_string("/proc/sys/kernel/tainted")?;
    Ok(text.trim().parse()?)
}
