// SPDX-License-Identifier: GPL-2.0-only

//! The rules of `tests/iptables`: each is saved as its line says, or refused.

use anyhow::{ensure, Result};
use fastrand::Rng;
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::iptables;
use testbed::note;
use testbed::side::Side;
use testbed::text::files::{self, Rule};
use testbed::trials;

use super::native;
use crate::backend::Backend;
use crate::firewall::{Firewall, PARAMETER_PROBLEM};
use crate::seed;
use crate::trial::backends;

/// Number of rules to try if the machine is emulated.
const FEW: usize = 25;

/// What an error begins with or names: ours, or one of iptables itself for an option, a value, or a
/// `!`.
const WORDS: [&str; 4] = ["HMARK: ", "option \"", "argument", " !"];

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![backends(rules, revision_1, stock)]
}

/// Our library makes of each rule what its line says.
fn rules(family: Family, backend: Backend) -> Result<()> {
    check(
        Side::Ours,
        family,
        backend,
        files::rules(Side::Ours, family),
    )
}

/// The same of rules that only ours knows.
fn revision_1(family: Family, backend: Backend) -> Result<()> {
    check(Side::Ours, family, backend, files::revision_1())
}

/// The stock library makes of those that are otherwise for it what theirs say.
fn stock(family: Family, backend: Backend) -> Result<()> {
    check(
        Side::Stock,
        family,
        backend,
        files::rules(Side::Stock, family),
    )
}

/// Adds the rules for a library one by one, or some of them if the machine is emulated, and saves
/// them all. None is left of those that are refused.
fn check(library: Side, family: Family, backend: Backend, mut rules: Vec<Rule>) -> Result<()> {
    let firewall = Firewall::new(family, backend)?;
    if !native()? {
        Rng::with_seed(seed()?).shuffle(&mut rules);
        rules.truncate(FEW);
    }
    let mut accepted = Vec::new();
    for rule in &rules {
        let answer = firewall.mangle(library, &format!("-A PREROUTING {}", rule.added))?;
        let expected = if rule.saved.is_some() {
            0
        } else {
            PARAMETER_PROBLEM
        };
        ensure!(
            answer.status == expected,
            "`{}`: status {}, not {expected}: {}",
            rule.added,
            answer.status,
            answer.stderr
        );
        match rule.saved {
            Some(saved) => accepted.push((rule.added, format!("-A PREROUTING {saved}"))),
            None => {
                let is_clear = WORDS.iter().any(|words| answer.stderr.contains(words));
                ensure!(
                    is_clear || library == Side::Stock,
                    "`{}` is refused by: {}",
                    rule.added,
                    answer.stderr
                );
            }
        }
    }
    let saved = firewall.rules(library)?;
    let is_old = iptables::is_old()?;
    for (saved, (added, expected)) in saved.iter().zip(&accepted) {
        let expected = match is_old {
            // The stock library then stores all ones for a netmask without length.
            true => expected.replace("-prefix -1", &format!("-prefix {}", family.address_bits())),
            false => expected.clone(),
        };
        ensure!(
            *saved == expected,
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
        "{family}, {backend}, {library:?}: {} rules saved as they should, {} refused",
        accepted.len(),
        rules.len() - accepted.len()
    );
    Ok(())
}
