// SPDX-License-Identifier: GPL-2.0-only

//! `hmark weight`: takes marks out of a running cluster, and gives them back.

use std::io::{stdout, Write};

use anyhow::{ensure, Context, Result};
use clap::Args;
use hmark::rule::v1::FULL_WEIGHT;
use hmark_cli::cannot_tell::CannotTell;
use hmark_cli::change::edit;
use hmark_cli::change::{shares, SAMPLES};
use hmark_cli::findings::Site;
use hmark_cli::host::program::Failure;
use hmark_cli::host::Host;
use hmark_cli::weight::restore::{self, Trial};
use hmark_cli::weight::{choose, detour, Asked, Chosen, Rewrite, Saved};
use hmark_cli::weight::detour::Detour;
use hmark_cli::Family;
use serde_json::{json, Value};

use super::{Status, Usage};
use crate::output::moves::percent;
use crate::output::progress::Progress;

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
        for family in Family::ALL {
            edit::weights(&self.weights, family).map_err(|error| Usage(error.to_string()))?;
        }
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
        let share = moved(&plan, &chosen);
        let is_nothing = commands(&plan, &saved).is_empty();
        if !self.dry_run && !is_nothing {
            match &plan {
                Plan::Rules(rewrites) => restore::apply(rewrites, &saved)?,
                Plan::Routes(_, detours) => detour::apply(detours)?,
            }
        }
        match self.json {
            true => self.print_json(&plan, &saved, &chosen, share)?,
            false => self.print(&plan, &saved, &chosen, share)?,
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
                let has_weights = |chosen: &Chosen| chosen.change.before.less.iter().any(|less| *less > 0);
                ensure!(!chosen.iter().any(has_weights), "{refusal}");
                // Before that are the command, and the name and version of iptables.
                let reason = refusal.rsplit_once("): ").map_or(&*refusal, |(_, reason)| reason);
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

    fn print(&self, plan: &Plan, saved: &[Saved], chosen: &[Chosen], share: f64) -> Result<()> {
        let mut out = stdout().lock();
        let commands = commands(plan, saved);
        if let Plan::Routes(reason, _) = plan {
            writeln!(out, "Routes are changed in place of rules: {reason}.")?;
        }
        for line in changes(plan, chosen) {
            writeln!(out, "{line}")?;
        }
        if commands.is_empty() {
            writeln!(out, "Nothing changes: the weights are so already.")?;
            return Ok(());
        }
        writeln!(out, "moves      {} of flows", percent(share))?;
        match self.dry_run {
            true => {
                writeln!(out, "\nNothing is done. Without --dry-run:\n")?;
                commands.iter().try_for_each(|line| writeln!(out, "{line}"))?;
            }
            false => writeln!(out, "done       {}", places(plan).join(", "))?,
        }
        Ok(())
    }

    fn print_json(&self, plan: &Plan, saved: &[Saved], chosen: &[Chosen], share: f64) -> Result<()> {
        let commands = commands(plan, saved);
        let rules: Vec<Value> = chosen
            .iter()
            .map(|chosen| {
                json!({
                    "place": chosen.shown(),
                    "before": edit::save(&chosen.change.before, chosen.place.family),
                    "after": match plan {
                        Plan::Rules(_) => edit::save(&chosen.change.after, chosen.place.family),
                        Plan::Routes(..) => edit::save(&chosen.change.before, chosen.place.family),
                    },
                })
            })
            .collect();
        let (by, reason) = match plan {
            Plan::Rules(_) => ("rules", None),
            Plan::Routes(reason, _) => ("routes", Some(reason)),
        };
        let answer = json!({
            "version": 1,
            "command": "weight",
            "by": by,
            "reason": reason,
            "done": !self.dry_run,
            "changes": !commands.is_empty(),
            "moved_share": share,
            "rules": rules,
            "commands": commands,
        });
        let mut out = stdout().lock();
        writeln!(out, "{answer:#}")?;
        Ok(())
    }
}

/// A program that is missing, as a thing that cannot be told.
fn missing(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Failure>() {
        Some(Failure::Missing(_)) => CannotTell::because(error.to_string()).into(),
        _ => error,
    }
}

/// The commands of a plan as a shell takes them.
fn commands(plan: &Plan, saved: &[Saved]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |command: &[&str], input: &str| {
        // Nothing in a quoted here-document is expanded.
        lines.push(format!("{} <<'END'", command.join(" ")));
        lines.extend(input.lines().map(str::to_owned));
        lines.push("END".to_owned());
    };
    match plan {
        Plan::Rules(rewrites) => {
            for rewrite in rewrites {
                let mut saved = saved.iter();
                if let Some(now) = saved.find(|saved| saved.rules.family == rewrite.family) {
                    add(&Rewrite::command(rewrite.family), &rewrite.input(now));
                }
            }
        }
        Plan::Routes(_, detours) => {
            for (family, detour) in detours.iter().filter(|(_, detour)| !detour.lines.is_empty()) {
                add(&detour::command(*family), &detour.lines.join("\n"));
            }
        }
    }
    lines
}

/// A line about each mark that changes.
fn changes(plan: &Plan, chosen: &[Chosen]) -> Vec<String> {
    let mut lines = Vec::new();
    match plan {
        Plan::Rules(_) => {
            for chosen in chosen {
                let (before, after) = (&chosen.change.before, &chosen.change.after);
                for (bucket, (old, new)) in (0..).zip(before.less.iter().zip(&after.less)) {
                    if old == new {
                        continue;
                    }
                    let [old, new] = [old, new].map(|less| FULL_WEIGHT.saturating_sub(*less));
                    let mark = shares::mark(before, bucket);
                    lines.push(format!("weight     {old} -> {new} of {bucket} (mark {mark})"));
                }
            }
        }
        Plan::Routes(_, detours) => {
            for (mark, stand_in) in detours.iter().flat_map(|(_, detour)| &detour.stand_ins) {
                lines.push(format!("out        mark {mark}: its packets go to the gateway of mark {stand_in}"));
            }
        }
    }
    // Rules of both families are about the same marks.
    let mut seen = std::collections::BTreeSet::new();
    lines.retain(|line| seen.insert(line.clone()));
    lines
}

fn places(plan: &Plan) -> Vec<String> {
    match plan {
        Plan::Rules(rewrites) => {
            let rules = rewrites.iter().flat_map(|rewrite| &rewrite.rules);
            rules.map(Chosen::shown).collect()
        }
        Plan::Routes(_, detours) => {
            let changed = detours.iter().filter(|(_, detour)| !detour.lines.is_empty());
            changed.map(|(family, _)| format!("{family} routes")).collect()
        }
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
                if before != after && !changes.iter().any(|(old, new, _)| (old, new) == (&before, &after)) {
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
