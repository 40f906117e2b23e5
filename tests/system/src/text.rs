// SPDX-License-Identifier: GPL-2.0-only

//! Texts of rules: the stock library and ours accept, print and find the same, except for the
//! differences that the man page names.

mod files;
mod named;

use std::fs;

use anyhow::{ensure, Result};
use fastrand::Rng;
use libtest_mimic::Trial;
use testbed::command::run;
use testbed::family::Family;
use testbed::note;
use testbed::text::candidate::Candidate;
use testbed::text::runner::Runner;
use testbed::text::{edges, generator};
use testbed::trials;

use crate::backend::Backend;
use crate::firewall::Firewall;
use crate::seed;
use crate::trial::backends;

/// Number of random rules for iptables-legacy, if nothing is emulated.
const RANDOM: usize = 10_000;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let own = trials![backends(edges, random, commands)];
    [named::trials(), files::trials(), own]
        .into_iter()
        .flatten()
        .collect()
}

/// Tries the handwritten rules, or some of them if the machine is emulated.
fn edges(family: Family, backend: Backend) -> Result<()> {
    let mut candidates = edges::candidates();
    Rng::with_seed(seed()?).shuffle(&mut candidates);
    candidates.truncate(match (native()?, backend) {
        (true, Backend::Legacy) => candidates.len(),
        (true, Backend::Nft) => 200,
        (false, _) => 25,
    });
    compare("edge", &candidates, family, backend)
}

/// Tries random rules.
fn random(family: Family, backend: Backend) -> Result<()> {
    let mut rng = Rng::with_seed(seed()?);
    let count = match (native()?, backend) {
        (true, Backend::Legacy) => RANDOM,
        (true, Backend::Nft) => RANDOM / 10,
        (false, _) => RANDOM / 80,
    };
    let candidates: Vec<_> = (0..count)
        .map(|_| generator::candidate(&mut rng, family))
        .collect();
    compare("random", &candidates, family, backend)
}

/// Tries some random rules, each by a separate command.
fn commands(family: Family, backend: Backend) -> Result<()> {
    let mut rng = Rng::with_seed(seed()?);
    let count = if native()? { 25 } else { 2 };
    // A command is split at every blank, even at quoted ones.
    let candidates: Vec<_> = std::iter::repeat_with(|| generator::candidate(&mut rng, family))
        .filter(|candidate| !candidate.to_string().contains('"'))
        .take(count)
        .collect();
    let tried = Runner::new(family, Firewall::new(family, backend)?).by_command(&candidates)?;
    ensure!(tried > 0, "none of {count} rules was accepted");
    note!("{family}, {backend}: {tried} random rules added, found and deleted by commands");
    Ok(())
}

/// Whether the kernel runs as a process on this machine.
fn native() -> Result<bool> {
    Ok(fs::read_to_string("/proc/cpuinfo")?.contains("User Mode Linux"))
}

fn compare(kind: &str, candidates: &[Candidate], family: Family, backend: Backend) -> Result<()> {
    // iptables -C looks at one rule after the other, and the nf_tables one takes long for each.
    let batch = match backend {
        Backend::Legacy => 500,
        Backend::Nft => 100,
    };
    let figures =
        Runner::new(family, Firewall::new(family, backend)?).compare(candidates, batch)?;
    let version = run(&backend.program(family, " -V"))?;
    note!(
        "{family}, {}: {} {kind} rules: {figures}",
        version.trim(),
        candidates.len()
    );
    Ok(())
}
