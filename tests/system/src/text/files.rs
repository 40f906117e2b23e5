// SPDX-License-Identifier: GPL-2.0-only

//! The rules of `tests/iptables`: each is saved as its line says, or refused.

use anyhow::{bail, ensure, Context, Result};
use fastrand::Rng;
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::module;
use testbed::netns::Netns;
use testbed::note;
use testbed::path;
use testbed::text::files;

use super::native;
use crate::backend::Backend;
use crate::trial::backends;

/// Number of rules to try if the machine is emulated.
const FEW: usize = 25;

/// Part of the error of a command in which iptables refused the rule.
const REFUSED: &str = "(exit status: 2)";

/// The tests here.
pub fn trials(seed: u64) -> Vec<Trial> {
    backends(path!(rules), move |family, backend| {
        rules(family, backend, seed)
    })
}

/// Adds the rules one by one, or some of them if the machine is emulated, and saves them all.
fn rules(family: Family, backend: Backend, seed: u64) -> Result<()> {
    module::load_ours()?;
    let netns = Netns::add("hmark-files")?;
    let append = format!("{} -t mangle -A PREROUTING", backend.program(family, ""));
    let mut rules = files::rules(family);
    if !native()? {
        Rng::with_seed(seed).shuffle(&mut rules);
        rules.truncate(FEW);
    }
    let mut accepted = Vec::new();
    for rule in &rules {
        let result = netns.run(&format!("{append} {}", rule.added));
        match (rule.saved, result) {
            (Some(saved), result) => {
                result.with_context(|| format!("`{}` must be accepted", rule.added))?;
                accepted.push((rule.added, format!("-A PREROUTING {saved}")));
            }
            (None, Err(error)) => {
                let why = format!("{error:#}");
                ensure!(why.contains(REFUSED), "`{}`: {why}", rule.added);
            }
            (None, Ok(_)) => bail!("`{}` must be refused", rule.added),
        }
    }
    let dump = netns.run(&backend.program(family, "-save"))?;
    let saved: Vec<_> = dump.lines().filter(|line| line.starts_with("-A")).collect();
    for (saved, (added, expected)) in saved.iter().zip(&accepted) {
        ensure!(
            saved == expected,
            "`{added}` is saved as\n  {saved}, not as\n  {expected}"
        );
    }
    ensure!(
        saved.len() == accepted.len(),
        "{} rules added, {} saved",
        accepted.len(),
        saved.len()
    );
    note!(
        "{family}, {backend}: {} rules saved as they should, {} refused",
        accepted.len(),
        rules.len() - accepted.len()
    );
    Ok(())
}
