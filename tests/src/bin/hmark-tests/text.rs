// SPDX-License-Identifier: GPL-2.0-only

//! Rule texts: the stock library and ours take, print and find the same, but for what the man page
//! names.

mod case;
mod corpus;
mod difference;
mod generator;
mod runner;

use std::fs;

use anyhow::{bail, Result};
use fastrand::Rng;
use tests::command::run;
use tests::family::Family;
use tests::module;

use crate::backend::Backend;
use crate::notes::note;
use case::Case;
use difference::Difference;
use runner::{Figures, Runner};

/// Rules made at random for iptables-legacy, where nothing is emulated.
const RANDOM: usize = 10_000;

/// Tries the rules written by hand, some of them where the machine is emulated.
pub fn edges(family: Family, backend: Backend, seed: u64) -> Result<()> {
    let mut cases = corpus::cases();
    Rng::with_seed(seed).shuffle(&mut cases);
    cases.truncate(match (native()?, backend) {
        (true, Backend::Legacy) => cases.len(),
        (true, Backend::Nft) => 200,
        (false, _) => 80,
    });
    compare("edge", &cases, family, backend)
}

/// Tries rules made at random.
pub fn random(family: Family, backend: Backend, seed: u64) -> Result<()> {
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
