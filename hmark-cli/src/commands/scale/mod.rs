// SPDX-License-Identifier: GPL-2.0-only

//! `hmark scale`: a change of a rule, and the flows that it moves.

mod flows;
mod input;
mod planned;
mod report;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use hmark_cli::change::edit::Edit;
use hmark_cli::change::planned::is_planned;
use hmark_cli::change::{new_marks, Change, Effect, Looked, Way, SAMPLES};
use hmark_cli::drawing::moves::drawing;
use hmark_cli::host::Host;
use hmark_cli::Family;

use super::check::live::lacks_revision_1;
use super::{check_device, Status, Usage};
use crate::output::count::count;
use crate::output::progress::Progress;
use crate::output::say::say;

/// Which flows does a change of a rule move, which of them need not move, and what moves fewer?
///
/// Give a rule, or a host that has it, and the change. Rules of hmark plan get edits of its file in place of
/// commands. Exit status: 0 if no more flows move than --max says, 1 if more do.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  A 71st gateway, with a rule on this command line:
    hmark scale --rule '--hmark-mod 70 --hmark-offset 100' --mod 71
  The same, as it should be done:
    hmark scale --rule '--hmark-mod 70 --hmark-offset 100' --mod 71 --from-marks 70
  The mark of number 35 taken out, on this host, in a script that stops if that moves more than 2 %:
    hmark scale --weight 35=0 --max 2%
  Two rules:
    hmark scale --rule '--hmark-mod 4' --to '--hmark-mod 4 --hmark-tuple src'")]
pub struct Scale {
    /// The rule's options, such as '--hmark-mod 70 --hmark-offset 100'; without this, a rule of the host
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with_all = ["from", "number"])]
    rule: Option<String>,
    /// Files saved on a host, in place of this one: see hmark save
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Which of a host's rules, by the number in the list that is shown where there are several
    #[arg(long, value_name = "N")]
    number: Option<usize>,
    /// The new number of marks (--hmark-mod)
    #[arg(long = "mod", value_name = "N")]
    marks: Option<String>,
    /// The number of marks that there were at first (--hmark-from)
    #[arg(long, value_name = "N")]
    from_marks: Option<String>,
    /// New weights of single marks by their numbers from 0 on, such as 35=0; others keep theirs, and 100 is a full share
    #[arg(long, value_name = "LIST")]
    weight: Vec<String>,
    /// Another seed (--hmark-rnd)
    #[arg(long, value_name = "N", conflicts_with = "key")]
    rnd: Option<String>,
    /// Another key (--hmark-key)
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
    /// All options of the new rule, in place of single changes
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        conflicts_with_all = ["marks", "from_marks", "weight", "rnd", "key"]
    )]
    to: Option<String>,
    /// The family of the packets
    #[arg(long, value_name = "4|6", value_parser = ["4", "6"])]
    family: Option<String>,
    /// The flows of a list, one a line: protocol,source,sport,destination,dport; in place of all flows
    #[arg(long, value_name = "FILE", conflicts_with = "pcap")]
    flows: Option<PathBuf>,
    /// The flows of a capture, pcap or pcapng, likewise
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// The device that these flows come in by, where a host's rules ask for it
    #[arg(short, value_name = "DEV")]
    input: Option<String>,
    /// The number of hashes or flows to try where all are too many; 4294967296 tries every hash
    #[arg(long, value_name = "N", default_value_t = SAMPLES, value_parser = clap::value_parser!(u64).range(1..=1 << 32))]
    samples: u64,
    /// The most flows that may move, in per cent: exit status 1 if more do, by more than chance if it is estimated
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    max: Option<f64>,
    /// A drawing of what each mark keeps, gains and loses
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
}

/// A change, measured, and the way that moves less, if there is one.
struct Answer {
    /// All rules that change: the first is the one that is measured.
    sites: Vec<input::Site>,
    effect: Effect,
    least: Option<(Way, Effect)>,
    /// The commands that give new marks a way, before all others.
    ways: Vec<String>,
    /// The chain of `hmark plan` that the rules are in, whose file is to be edited in place of commands.
    planned: Option<String>,
}

impl Scale {
    /// Measures the change, and prints what it does.
    pub fn run(self) -> Result<Status> {
        if self.to.is_none() && self.edit().is_empty() {
            let what = "nothing changes: give --mod, --weight, --from-marks, --rnd, --key or --to";
            return Err(Usage(what.to_owned()).into());
        }
        let host = match (&self.rule, &self.from) {
            (Some(_), _) => None,
            (None, Some(folder)) => Some(Host::saved(folder)?),
            (None, None) => Some(Host::live()),
        };
        if let (Some(host), Some(device)) = (&host, &self.input) {
            check_device(host, "-i", device)?;
        }
        let sites = match (&self.rule, &host) {
            (Some(rule), _) => input::of_text(&self, rule)?,
            (None, Some(host)) => input::of_host(&self, host)?,
            (None, None) => Vec::new(),
        };
        let change = sites.first().context("no rule")?.change;
        let given = flows::moves(&self, host.as_ref(), &sites)?;
        let cannot_tell = given.as_ref().map_or(0, |(_, cannot_tell)| *cannot_tell);
        let (effect, least) = {
            let mut progress = Progress::new("samples");
            let mut report = |done, all| progress.report(done, all);
            let all = change.measure(self.samples, &mut report);
            let least = change.least(&all, self.samples, &mut report);
            let effect = match given {
                Some((moves, _)) => change.effect(Looked::Flows, moves),
                None => all,
            };
            (effect, least)
        };
        let is_of_plan = |site: &&input::Site| {
            let host = host.as_ref();
            host.is_some_and(|host| is_planned(host, &site.place))
        };
        let planned = sites.iter().find(is_of_plan);
        let planned = planned.map(|site| site.place.chain.clone());
        let ways = match planned {
            Some(_) => Vec::new(),
            None => ways(&sites, host.as_ref()),
        };
        let answer = Answer {
            sites,
            effect,
            least,
            ways,
            planned,
        };
        match self.json {
            true => report::json(&answer)?,
            false => report::text(&answer, self.max)?,
        }
        let live = host.as_ref().filter(|_| self.from.is_none());
        if let (Some(live), true) = (live, report::needs_revision_1(&answer)) {
            if let Some(what) = lacks_revision_1(live) {
                say(format_args!(
                    "note: {what} of this host has revision 0 of HMARK alone, and refuses such a rule"
                ));
            }
        }
        if let Some(file) = &self.svg {
            let title = "HMARK: flows that a change of the rule moves";
            let svg = drawing(title, &report::summary(&answer), &answer.effect.moves)?;
            fs::write(file, svg).with_context(|| format!("cannot write {}", file.display()))?;
        }
        if cannot_tell > 0 {
            say(format_args!(
                "cannot tell the mark of {}: not counted",
                count(cannot_tell, "flow")
            ));
            return Ok(Status::CannotTell);
        }
        Ok(
            match self.max.is_some_and(|max| answer.effect.is_over(max)) {
                true => Status::No,
                false => Status::Fine,
            },
        )
    }

    /// The single changes.
    fn edit(&self) -> Edit {
        Edit {
            marks: self.marks.clone(),
            from: self.from_marks.clone(),
            weights: self.weight.clone(),
            seed: self.rnd.clone(),
            key: self.key.clone(),
        }
    }
}

impl Answer {
    fn change(&self) -> Option<&Change> {
        self.sites.first().map(|site| &site.change)
    }

    /// The commands for the change itself, or for the way that moves less; none where a plan's file is to be
    /// edited.
    fn commands(&self, way: Option<Way>) -> Vec<String> {
        if self.planned.is_some() {
            return Vec::new();
        }
        let rules = self.sites.iter().filter_map(|site| {
            let rule = match way {
                Some(way) => way.rule(&site.change)?,
                None => site.change.after,
            };
            Some((site.place.clone(), rule))
        });
        hmark_cli::change::commands::commands(&rules.collect::<Vec<_>>())
    }
}

/// The commands that give new marks a way, in each family that has one of the rules.
fn ways(sites: &[input::Site], host: Option<&Host>) -> Vec<String> {
    let mut lines = Vec::new();
    for family in Family::ALL {
        let mut of_family = sites.iter().filter(|site| site.place.family == family);
        if let Some(site) = of_family.next() {
            lines.extend(new_marks::commands(&site.change, family, host));
        }
    }
    lines
}

/// A number of per cent, with or without its sign, as a share.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    match number.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("give a number from 0 to 100, such as 2%".to_owned()),
    }
}
