// SPDX-License-Identifier: GPL-2.0-only

//! Writes rewritten rules, or routes, to the kernel: both families or neither.

use anyhow::{anyhow, bail, Context, Result};
use hmark::Family;

use super::detour::Detour;
use super::{Rewrite, Saved};
use crate::host::program::{self, Failure};

/// The answer to the question if rules with weights can be had here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// iptables takes them.
    Taken,
    /// iptables takes the rules as they are, and refuses them with weights, in these words.
    NoWeights(String),
}

/// Has iptables read the new rules, and change nothing.
///
/// # Errors
///
/// In one line: there is no iptables, or it does not take the rules of the host either.
pub fn attempt(rewrites: &[Rewrite], saved: &[Saved]) -> Result<Trial> {
    for rewrite in rewrites {
        let then = of_family(saved, rewrite.family)?;
        let test = |input: &str| restore(rewrite.family, input, true);
        let Err(refusal) = test(&rewrite.input(then)) else {
            continue;
        };
        // The rules of the host are taken unless something else is wrong.
        test(&rewrite.back(then))?;
        return Ok(Trial::NoWeights(refusal.to_string()));
    }
    Ok(Trial::Taken)
}

/// Writes the rules of all families. They are read again right before, and once more when it is done.
///
/// # Errors
///
/// In one line: somebody else has changed a chain meanwhile, or iptables refuses a rule. Then the rules are as
/// they were, unless the error says otherwise.
pub fn apply(rewrites: &[Rewrite], saved: &[Saved]) -> Result<()> {
    let mut inputs = Vec::new();
    for rewrite in rewrites {
        let now = Saved::live(rewrite.family)?;
        let then = of_family(saved, rewrite.family)?;
        if let Some(chain) = rewrite.is_outdated(then, &now) {
            bail!("somebody else has changed {chain} meanwhile: nothing is done, try again");
        }
        inputs.push((rewrite, rewrite.input(&now)));
    }
    let mut done: Vec<&Rewrite> = Vec::new();
    for (rewrite, input) in inputs {
        if let Err(refusal) = restore(rewrite.family, &input, false) {
            return Err(undone(&done, &anyhow!(refusal)));
        }
        done.push(rewrite);
    }
    for rewrite in rewrites {
        let now = Saved::live(rewrite.family)?;
        if let Some(chain) = rewrite.is_amiss(of_family(saved, rewrite.family)?, &now) {
            bail!("somebody else has changed {chain} at the same time: look at it, and try again");
        }
    }
    Ok(())
}

/// Puts the families back that were changed, and says so in the error.
fn undone(done: &[&Rewrite], error: &anyhow::Error) -> anyhow::Error {
    let mut said = format!("{error:#}");
    for rewrite in done {
        let family = rewrite.family;
        let back = || -> Result<()> {
            let now = Saved::live(family)?;
            Ok(restore(family, &rewrite.back(&now), false)?)
        };
        said += &match back() {
            Ok(()) => format!("; {family} was changed, and is put back"),
            Err(error) => format!("; {family} is changed, and cannot be put back: {error:#}"),
        };
    }
    anyhow!(said)
}

fn of_family(saved: &[Saved], family: Family) -> Result<&Saved> {
    let found = saved.iter().find(|saved| saved.rules.family == family);
    found.with_context(|| format!("the {family} rules were not read"))
}

/// Gives iptables-restore its input, which with `is_test` it only reads.
fn restore(family: Family, input: &str, is_test: bool) -> Result<(), Failure> {
    let mut words = Rewrite::command(family).to_vec();
    if is_test {
        words.push("--test");
    }
    program::run(&words, input.as_bytes()).map(|_| ())
}

/// Makes the detours of all families, or none.
///
/// # Errors
///
/// In one line, what `ip` says. Then the routes are as they were, unless the error says otherwise.
pub fn reroute(detours: &[(Family, Detour)]) -> Result<()> {
    let mut done: Vec<&(Family, Detour)> = Vec::new();
    for detour in detours {
        let (family, Detour { lines, .. }) = detour;
        done.push(detour);
        if lines.is_empty() {
            continue;
        }
        let Err(failure) = program::run(&Detour::command(*family), text(lines).as_bytes()) else {
            continue;
        };
        let mut said = failure.to_string();
        for (family, Detour { back, .. }) in done {
            // Of the lines that failed, some were never run: what they would take back is not there.
            let mut words = Detour::command(*family).to_vec();
            words.insert(1, "-force");
            let _ = program::run(&words, text(back).as_bytes());
            said += &format!("; the {family} routes are put back");
        }
        bail!(said);
    }
    Ok(())
}

fn text(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}
