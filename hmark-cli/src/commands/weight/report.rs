// SPDX-License-Identifier: GPL-2.0-only

//! The answer of `hmark weight`, as text and JSON.

use std::collections::BTreeSet;
use std::io::{stdout, Write};

use anyhow::Result;
use hmark::rule::v1::FULL_WEIGHT;
use hmark_cli::change::{edit, shares};
use hmark_cli::weight::detour::Detour;
use hmark_cli::weight::{Chosen, Rewrite, Saved};
use serde_json::{json, Value};

use super::Plan;
use crate::output::moves::percent;

/// A change of weights.
pub struct Report<'p> {
    /// The change.
    pub plan: &'p Plan,
    /// The rules that it is about.
    pub chosen: &'p [Chosen],
    /// Its commands, as a shell takes them; none if nothing changes.
    pub commands: Vec<String>,
    /// The share of flows that move, 0 to 1.
    pub share: f64,
    /// Whether nothing is done.
    pub is_dry: bool,
}

impl Report<'_> {
    /// Prints the answer as text.
    pub fn text(&self) -> Result<()> {
        let mut out = stdout().lock();
        if let Plan::Routes(reason, _) = self.plan {
            writeln!(out, "Routes are changed in place of rules: {reason}.")?;
        }
        for line in changes(self.plan, self.chosen) {
            writeln!(out, "{line}")?;
        }
        if self.commands.is_empty() {
            writeln!(out, "Nothing changes: the weights are so already.")?;
            return Ok(());
        }
        writeln!(out, "moves      {} of flows", percent(self.share))?;
        match self.is_dry {
            true => {
                writeln!(out, "\nNothing is done. Without --dry-run:\n")?;
                self.commands
                    .iter()
                    .try_for_each(|line| writeln!(out, "{line}"))?;
            }
            false => writeln!(out, "done       {}", places(self.plan).join(", "))?,
        }
        if !self.is_dry && has_stand_ins(self.plan) {
            // Nothing of it is in a rule or a file that would bring it back.
            writeln!(out, "{LOST}")?;
        }
        Ok(())
    }

    /// Prints the answer as JSON.
    pub fn json(&self) -> Result<()> {
        let rules: Vec<Value> = self
            .chosen
            .iter()
            .map(|chosen| {
                json!({
                    "place": chosen.shown(),
                    "before": edit::save(&chosen.change.before, chosen.place.family),
                    "after": match self.plan {
                        Plan::Rules(_) => edit::save(&chosen.change.after, chosen.place.family),
                        Plan::Routes(..) => edit::save(&chosen.change.before, chosen.place.family),
                    },
                })
            })
            .collect();
        let (by, reason) = match self.plan {
            Plan::Rules(_) => ("rules", None),
            Plan::Routes(reason, _) => ("routes", Some(reason)),
        };
        let answer = json!({
            "version": 1,
            "command": "weight",
            "by": by,
            "reason": reason,
            "done": !self.is_dry,
            "changes": !self.commands.is_empty(),
            "moved_share": self.share,
            "rules": rules,
            "commands": self.commands,
        });
        let mut out = stdout().lock();
        writeln!(out, "{answer:#}")?;
        Ok(())
    }
}

/// The end of an answer about routes.
const LOST: &str =
    "lasts      until the routes' device goes down, or a reboot: then run this again";

/// True if routes take marks out.
fn has_stand_ins(plan: &Plan) -> bool {
    match plan {
        Plan::Rules(_) => false,
        Plan::Routes(_, detours) => detours
            .iter()
            .any(|(_, detour)| !detour.stand_ins.is_empty()),
    }
}

/// The commands of a plan as a shell takes them.
pub fn commands(plan: &Plan, saved: &[Saved]) -> Vec<String> {
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
            for (family, detour) in detours
                .iter()
                .filter(|(_, detour)| !detour.lines.is_empty())
            {
                add(&Detour::command(*family), &detour.lines.join("\n"));
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
                    lines.push(format!(
                        "weight     {old} -> {new} of {bucket} (mark {mark})"
                    ));
                }
            }
        }
        Plan::Routes(_, detours) => {
            let back: BTreeSet<u32> = detours
                .iter()
                .flat_map(|(_, detour)| detour.back_in.clone())
                .collect();
            lines.extend(back.iter().map(|mark| format!("back       mark {mark}")));
            for (mark, stand_in) in detours.iter().flat_map(|(_, detour)| &detour.stand_ins) {
                lines.push(format!(
                    "out        mark {mark}: its packets go to the gateway of mark {stand_in}"
                ));
            }
        }
    }
    // Rules of both families are about the same marks.
    let mut seen = BTreeSet::new();
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
            let changed = detours
                .iter()
                .filter(|(_, detour)| !detour.lines.is_empty());
            changed
                .map(|(family, _)| format!("{family} routes"))
                .collect()
        }
    }
}
