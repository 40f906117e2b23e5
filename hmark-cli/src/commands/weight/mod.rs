// SPDX-License-Identifier: GPL-2.0-only

//! `hmark weight`: takes marks out of a running cluster, and gives them back.

mod lock;
mod report;

use anyhow::{ensure, Context, Result};
use clap::Args;
use hmark::rule::v1::FULL_WEIGHT;
use hmark_cli::change::{edit, SAMPLES};
use hmark_cli::findings::Site;
use hmark_cli::host::program::missing;
use hmark_cli::host::Host;
use hmark_cli::weight::detour::Detour;
use hmark_cli::weight::restore::{self, Trial};
use hmark_cli::weight::{choose, has_marks, Asked, Chosen, Rewrite, Saved};
use hmark_cli::Family;

use super::{Status, Usage};
use crate::output::progress::Progress;
use report::Report;

/// Gives marks other weights on this host, at once and in both families
///
/// Marks are counted from 0, as in --hmark-weight: 35=0 takes mark 35 out, 35=100 gives it back. Counters
/// stay, and either both families change or none. Where HMARK has no weights, the mark's packets are routed
/// to the gateway of the next mark.
#[derive(Args)]
#[command(after_help = "\
Examples:
  Mark 35 is taken out, and comes back:
    hmark weight 35=0
    hmark weight 35=100
  What would be done, and the share of flows that it moves:
    hmark weight --dry-run 35=0 36-39=50
  In keepalived.conf, for each gateway:
    notify_down \"/usr/bin/hmark weight 35=0\"
    notify_up \"/usr/bin/hmark weight 35=100\"

Run it on all hosts that must agree. Exit status: 0 done, or so already; 2 not done.")]
pub struct Weight {
    /// New weights of marks, in per cent of a full share; others keep theirs
    #[arg(value_name = "MARK=WEIGHT", required = true)]
    weights: Vec<String>,
    /// Only prints what would be done
    #[arg(long)]
    dry_run: bool,
    /// Only rules in this chain
    #[arg(long, value_name = "NAME")]
    chain: Option<String>,
    /// Which of the host's rules, by the number in the list that is shown where they have different marks
    #[arg(long, value_name = "N")]
    number: Option<usize>,
    /// Only this family
    #[arg(long, value_name = "4|6", value_parser = ["4", "6"])]
    family: Option<String>,
    /// Change routes in place of rules, as where HMARK has no weights
    #[arg(long)]
    routes: bool,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
}

/// A change that is ready to be made.
enum Plan {
    /// The rules that change.
    Rules(Vec<Rewrite>),
    /// The reason why routes are changed, and their changes.
    Routes(String, Vec<(Family, Detour)>),
}

impl Weight {
    /// Changes the weights, and says what that does.
    pub fn run(self) -> Result<Status> {
        let families: Vec<Family> = match self.family.as_deref() {
            Some("4") => vec![Family::Ipv4],
            Some("6") => vec![Family::Ipv6],
            _ => Family::ALL.to_vec(),
        };
        let usage = Family::ALL.into_iter().find_map(|family| {
            let error = edit::weights(&self.weights, family).err()?;
            Some(Usage(error.to_string()))
        });
        // Of the marks of packets, the rules say how they are counted.
        match usage {
            Some(usage) if !has_marks(&self.weights) => return Err(usage.into()),
            _ => {}
        }
        // Two gateways may fail at once, and each has its own command run.
        let _lock = match self.dry_run {
            true => None,
            false => lock::take()?,
        };
        let saved: Vec<Saved> = families
            .iter()
            .map(|family| Saved::live(*family).map_err(missing))
            .collect::<Result<_>>()?;
        let asked = Asked {
            family: None,
            chain: self.chain.clone(),
            number: self.number,
            weights: self.weights.clone(),
        };
        let chosen = choose(&saved, &asked)?;
        let plan = self.plan(&saved, &chosen)?;
        let report = Report {
            share: moved(&plan, &chosen),
            commands: report::commands(&plan, &saved),
            is_dry: self.dry_run,
            plan: &plan,
            chosen: &chosen,
        };
        if !self.dry_run && !report.commands.is_empty() {
            match &plan {
                Plan::Rules(rewrites) => restore::apply(rewrites, &saved)?,
                Plan::Routes(_, detours) => restore::reroute(detours)?,
            }
        }
        match self.json {
            true => report.json()?,
            false => report.text()?,
        }
        Ok(Status::Fine)
    }

    fn plan(&self, saved: &[Saved], chosen: &[Chosen]) -> Result<Plan> {
        if self.routes {
            return self.routes("--routes says so", chosen);
        }
        let rewrites = Rewrite::of(chosen);
        if rewrites.is_empty() {
            if let Some(plan) = self.way_back(chosen)? {
                return Ok(plan);
            }
        }
        match restore::attempt(&rewrites, saved)? {
            Trial::Taken => Ok(Plan::Rules(rewrites)),
            Trial::NoWeights(refusal) => {
                let has_weights =
                    |chosen: &Chosen| chosen.change.before.less.iter().any(|less| *less > 0);
                ensure!(!chosen.iter().any(has_weights), "{refusal}");
                // Before that are the command, and the name and version of iptables.
                let reason = refusal
                    .rsplit_once("): ")
                    .map_or(&*refusal, |(_, reason)| reason);
                self.routes(reason, chosen)
            }
        }
    }

    /// The end of detours, if all marks that are given are to come back, and have full weights in the rules.
    fn way_back(&self, chosen: &[Chosen]) -> Result<Option<Plan>> {
        let weights = edit::weights(&self.weights, Family::Ipv4)?;
        if weights.values().any(|weight| *weight != FULL_WEIGHT) {
            return Ok(None);
        }
        // Where no detour can be planned, there is none.
        let plan = self.routes("marks were taken out by routes", chosen).ok();
        let has_detour = |plan: &Plan| match plan {
            Plan::Routes(_, detours) => detours.iter().any(|(_, detour)| !detour.lines.is_empty()),
            Plan::Rules(_) => false,
        };
        Ok(plan.filter(has_detour))
    }

    fn routes(&self, reason: &str, chosen: &[Chosen]) -> Result<Plan> {
        let host = Host::live();
        let mut detours = Vec::new();
        for family in Family::ALL {
            // All rules that were chosen have the same marks.
            let mut rules = chosen.iter().filter(|chosen| chosen.place.family == family);
            let Some(rule) = rules.next() else {
                continue;
            };
            let weights = edit::weights(&self.weights, family)?;
            let site = Site::new(&host, family).context("the rules are gone")?;
            detours.push((family, Detour::plan(&site, &rule.change.before, &weights)?));
        }
        Ok(Plan::Routes(reason.to_owned(), detours))
    }
}

/// The share of flows that move, 0 to 1: the greatest of all rules.
fn moved(plan: &Plan, chosen: &[Chosen]) -> f64 {
    match plan {
        Plan::Routes(_, detours) => detours
            .iter()
            .map(|(_, detour)| detour.moves.moved() as f64 / detour.moves.flows().max(1) as f64)
            .fold(0.0, f64::max),
        Plan::Rules(_) => {
            let mut changes: Vec<_> = Vec::new();
            for chosen in chosen {
                let (before, after) = (chosen.change.before.less, chosen.change.after.less);
                // The shares alone decide how much moves.
                if before != after
                    && !changes
                        .iter()
                        .any(|(old, new, _)| (old, new) == (&before, &after))
                {
                    changes.push((before, after, chosen.change));
                }
            }
            let mut progress = Progress::new("samples");
            let mut report = |done, all| progress.report(done, all);
            changes
                .iter()
                .map(|(_, _, change)| change.measure(SAMPLES, &mut report).moved())
                .fold(0.0, f64::max)
        }
    }
}
