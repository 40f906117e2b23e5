// SPDX-License-Identifier: GPL-2.0-only

//! Tests of module, library and marks on the kernel that is running, which they take turns to
//! change: run them in a fresh guest of the lab. `HMARK_SEED` sets the seed of packets and rules.

mod backend;
mod corpus;
mod examples;
mod installation;
mod lane;
mod lifecycle;
mod marks;
mod nflog;
mod notes;
mod packet;
mod refusals;
mod rules;
mod ruleset;
mod text;
mod translate;

use std::env;
use std::fs;
use std::process::ExitCode;

use anyhow::{ensure, Context, Result};
use libtest_mimic::{Arguments, Failed, Trial};
use tests::family::Family;
use tests::install;

use backend::Backend;

const SEED: u64 = 0x484d_4152_4b00;

/// Kernel taint flags of a bad page, an oops and a warning.
const TAINT_BUG: u64 = (1 << 5) | (1 << 7) | (1 << 9);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // All share one kernel module.
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
    let seed = match env::var("HMARK_SEED") {
        Ok(seed) => seed.parse().context("HMARK_SEED is not a number")?,
        Err(_) => SEED,
    };
    if !list {
        println!("seed of packets and rules: {seed} (set HMARK_SEED to change it)");
        install::install()?;
    }
    let tainted = tainted()?;

    let mut trials = vec![test(
        "module::loads_and_unloads",
        lifecycle::load_and_unload,
    )];
    for family in Family::ALL {
        for backend in Backend::ALL {
            let mut add = |name: &str, run: fn(Family, Backend) -> Result<()>| {
                let name = format!("{name}_{}_{backend}", family.name());
                trials.push(test(&name, move || run(family, backend)));
            };
            add("module::autoloads", lifecycle::autoload);
            add("module::outlives_namespace", lifecycle::namespace_removed);
            add("rules::mission", rules::mission);
            add("rules::exchanged_with_stock", rules::exchanged);
            add("rules::refused", rules::refused);
            let mut add = |name: &str, run: fn(Family, Backend, u64) -> Result<()>| {
                let name = format!("{name}_{}_{backend}", family.name());
                trials.push(test(&name, move || run(family, backend, seed)));
            };
            add("text::edges", text::edges);
            add("text::random", text::random);
            add("text::commands", text::commands);
        }
    }
    for family in Family::ALL {
        let mut add = |name: &str, run: fn(Family) -> Result<()>| {
            let name = format!("{name}_{}", family.name());
            trials.push(test(&name, move || run(family)));
        };
        add("translate::translated", translate::translated);
        add("translate::declined", translate::declined);
    }
    trials.push(test("manual::examples", examples::run));
    for family in Family::ALL {
        let mut add = |name: &str, run: fn(Family, u64) -> Result<()>| {
            let name = format!("{name}_{}", family.name());
            trials.push(test(&name, move || run(family, seed)));
        };
        add("marks::equal_c", marks::stateless_equal_c);
        add("marks::equal_prediction", marks::stateless_equal_prediction);
        add("marks::equal_c_conntrack", marks::connections_equal_c);
    }
    trials.push(test(
        "installation::there_and_back",
        installation::there_and_back,
    ));
    for family in Family::ALL {
        let mut add = |name: &str, run: fn(Family) -> Result<()>| {
            let name = format!("text::named_{name}_{}", family.name());
            trials.push(test(&name, move || run(family)));
        };
        add("defaults", text::named::defaults);
        add("offs", text::named::offs);
        add("netmask", text::named::netmask);
        add("ct_alone", text::named::ct_alone);
        add("spi_and_port", text::named::spi_and_port);
        add("words", text::named::words);
    }
    trials.push(test("text::named_prefix_ipv4", text::named::prefix));
    trials.push(test("refusals::kernel_tree", refusals::kernel_tree));
    trials.push(test("refusals::nothing_built", refusals::nothing_built));
    trials.push(test("refusals::lab", refusals::lab));
    trials.push(test("kernel::did_not_complain", move || complaint(tainted)));
    Ok(trials)
}

fn test(name: &str, run: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, || {
        run().map_err(|error| Failed::from(format!("{error:#}")))
    })
}

/// Checks that no test before this one made the kernel warn or worse.
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
