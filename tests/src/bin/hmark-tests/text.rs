// SPDX-License-Identifier: GPL-2.0-only

//! Rule texts: the stock library and ours take, print and find the same, but for what the man page
//! names.

mod case;
mod corpus;
mod difference;
mod generator;
mod named;
mod runner;

use std::fs;

use anyhow::{bail, ensure, Result};
use fastrand::Rng;
use libtest_mimic::Trial;
use tests::command::run;
use tests::family::Family;
use tests::module;
use tests::note;

use crate::backend::Backend;
use crate::trial::backends;
use case::Case;
use difference::Difference;
use runner::{Figures, Runner};

/// Rules made at random for iptables-legacy, where nothing is emulated.
const RANDOM: usize = 10_000;

/// The tests here.
pub fn trials(seed: u64) -> Vec<Trial> {
    let mut trials = named::trials();
    let mut add = |name, run: fn(Family, Backend, u64) -> Result<()>| {
        trials.extend(backends(name, move |family, backend| {
            run(family, backend, seed)
        }));
    };
    add("text::edges", edges);
    add("text::random", random);
    add("text::commands", commands);
    trials
}

/// Tries the rules written by hand, some of them where the machine is emulated.
fn edges(family: Family, backend: Backend, seed: u64) -> Result<()> {
    let mut cases = corpus::cases();
    Rng::with_seed(seed).shuffle(&mut cases);
    cases.truncate(match (native()?, backend) {
        (true, Backend::Legacy) => cases.len(),
        (true, Backend::Nft) => 200,
        (false, _) => 25,
    });
    compare("edge", &cases, family, backend)
}

/// Tries rules made at random.
fn random(family: Family, backend: Backend, seed: u64) -> Result<()> {
    let mut rng = Rng::with_seed(seed);
    let count = match (native()?, backend) {
        (true, Backend::Legacy) => RANDOM,
        (true, Backend::Nft) => RANDOM / 10,
        (false, _) => RANDOM / 80,
    };
    let cases: Vec<_> = (0..count)
        .map(|_| generator::case(&mut rng, family))
        .collect();
    compare("random", &cases, family, backend)
}

/// Tries some rules made at random by commands of their own.
fn commands(family: Family, backend: Backend, seed: u64) -> Result<()> {
    module::load_ours()?;
    let mut rng = Rng::with_seed(seed);
    let count = if native()? { 25 } else { 2 };
    // A command is split at blanks, quoted or not.
    let cases: Vec<_> = std::iter::repeat_with(|| generator::case(&mut rng, family))
        .filter(|case| !case.to_string().contains('"'))
        .take(count)
        .collect();
    let tried = Runner::new(family, backend)?.by_command(&cases)?;
    ensure!(tried > 0, "none of {count} rules was accepted");
    note!("{family}, {backend}: {tried} random rules added, found and deleted by commands");
    Ok(())
}

/// Whether the kernel runs as a process of this machine.
fn native() -> Result<bool> {
    Ok(fs::read_to_string("/proc/cpuinfo")?.contains("User Mode Linux"))
}

fn compare(kind: &str, cases: &[Case], family: Family, backend: Backend) -> Result<()> {
    module::load_ours()?;
    let runner = Runner::new(family, backend)?;
    let mut figures = Figures::default();
    // iptables -C looks at rule by rule, and that of nf_tables takes long for each.
    let batch = match backend {
        Backend::Legacy => 500,
        Backend::Nft => 100,
    };
    for cases in cases.chunks(batch) {
        let Some(found) = runner.compare(cases, &mut figures)? else {
            continue;
        };
        let (case, what) = runner.shrink(cases[found.index].clone(), found.what)?;
        note!("{family}, {backend}, {kind} rules: a difference without a name: {case}");
        bail!("`{case}`: {what}\n(found in `{}`)", cases[found.index]);
    }
    let version = run(&backend.program(family, " -V"))?;
    let named: Vec<_> = Difference::ALL
        .iter()
        .zip(figures.named)
        .map(|(difference, count)| format!("{count} {difference}"))
        .collect();
    note!(
        "{family}, {}: {} {kind} rules: {} accepted and {} refused by both; differences with a \
         name: {}; without: 0",
        version.trim(),
        cases.len(),
        figures.accepted,
        figures.refused,
        named.join(", "),
    );
    Ok(())
}
