// SPDX-License-Identifier: GPL-2.0-only

//! The answer of `hmark scale`, as text and JSON.

use std::io::{stdout, Write};

use anyhow::{Context, Result};
use hmark::rule::v1::Info;
use hmark_cli::change::new_marks::GATEWAY;
use hmark_cli::change::{edit, Change, Effect, Looked, Way};
use hmark_cli::Family;
use serde_json::{json, Value};

use super::{planned, Answer};
use crate::output::count::count;
use crate::output::moves::{lines, percent};
use crate::output::options::options;

/// The answer in one line, for a drawing.
pub fn summary(answer: &Answer) -> String {
    let Some(change) = answer.change() else {
        return String::new();
    };
    let (old, new) = differences(change);
    format!("{old} → {new}: {} move", percent(answer.effect.moved()))
}

/// The most moves from mark to mark in JSON, the greatest first.
const MOST_MOVES: usize = 10_000;

/// The rule that the commands make, which may be another way to the same shares.
fn advised(answer: &Answer) -> Option<Info> {
    let change = answer.change()?;
    match &answer.least {
        Some((way, _)) => way.rule(change),
        None => Some(change.after),
    }
}

/// True if the rule that the commands make needs revision 1 of HMARK.
pub fn needs_revision_1(answer: &Answer) -> bool {
    advised(answer).is_some_and(|rule| newest(&rule).is_some())
}

/// Prints the answer as text.
pub fn text(answer: &Answer, max: Option<f64>) -> Result<()> {
    let change = answer.change().context("no rule")?;
    let effect = &answer.effect;
    let mut out = stdout().lock();
    let (old, new) = differences(change);
    writeln!(out, "before     {old}")?;
    writeln!(out, "after      {new}")?;
    writeln!(out)?;
    writeln!(
        out,
        "moves      {} of flows ({})",
        percent(effect.moved()),
        looked(effect)
    )?;
    match (effect.must, effect.needless()) {
        (Some(must), Some(needless)) => {
            writeln!(out, "must move  {}", percent(must))?;
            match needless > 0.0 {
                true => writeln!(out, "needless   {}", percent(needless))?,
                false => writeln!(out, "needless   none")?,
            }
        }
        _ => writeln!(out, "must move  cannot tell: there are too many marks")?,
    }
    if let Some(max) = max {
        let verdict = match effect.is_over(max) {
            true => "more",
            false if effect.moved() > max + 1e-12 => "by chance alone more",
            false => "no more",
        };
        writeln!(out, "--max      {verdict} than {} moves", percent(max))?;
    }
    let rows = lines(&effect.moves);
    if !rows.is_empty() {
        writeln!(out, "\nFrom mark to mark, of all flows:\n")?;
        for row in rows {
            writeln!(out, "{row}")?;
        }
    }
    writeln!(out)?;
    let after = advised(answer).context("no rule")?;
    match &answer.least {
        Some((way, least)) => {
            let (_, new) = differences(&Change { after, ..*change });
            writeln!(
                out,
                "Better: {new}\nmoves {} instead ({}): {}.",
                percent(least.moved()),
                looked(least),
                reason(*way)
            )?;
        }
        None => writeln!(out, "{}", nothing_better(change, effect))?,
    }
    if let Some(option) = newest(&after) {
        writeln!(
            out,
            "{option} needs revision 1 of HMARK on each host, of the module and of the library."
        )?;
    }
    if let Some(chain) = &answer.planned {
        return planned::text(chain, &Change { after, ..*change }, &mut out);
    }
    if !answer.ways.is_empty() {
        writeln!(
            out,
            "\nFirst, on all hosts that must agree, the ways of new marks, where {GATEWAY} is the address of a \
             mark's gateway:\n"
        )?;
        for line in &answer.ways {
            writeln!(out, "{line}")?;
        }
    }
    let then = match answer.ways.is_empty() {
        true => "On",
        false => "Then, on",
    };
    writeln!(out, "\n{then} all hosts that must agree:\n")?;
    for line in answer.commands(answer.least.as_ref().map(|(way, _)| *way)) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// Prints the answer as JSON.
pub fn json(answer: &Answer) -> Result<()> {
    let change = answer.change().context("no rule")?;
    let mut report = json!({
        "version": 1,
        "command": "scale",
        "family": family(change.family),
        "before": edit::save(&change.before, change.family),
        "ways": answer.ways,
        "commands": answer.commands(None),
        "plan": answer.planned.as_ref().map(|chain| planned::json(chain, change)),
    });
    let object = report.as_object_mut().context("no object")?;
    object.extend(figures(&answer.effect, change));
    object.insert("moves".to_owned(), moves(&answer.effect));
    object.insert("marks".to_owned(), marks(&answer.effect));
    let least = answer.least.as_ref().and_then(|(way, effect)| {
        let after = way.rule(change)?;
        let mut least = figures(effect, &Change { after, ..*change });
        least.insert("commands".to_owned(), json!(answer.commands(Some(*way))));
        if let Some(chain) = &answer.planned {
            let plan = planned::json(chain, &Change { after, ..*change });
            least.insert("plan".to_owned(), plan);
        }
        Some(Value::Object(least))
    });
    object.insert("least".to_owned(), least.unwrap_or(Value::Null));
    let mut out = stdout().lock();
    serde_json::to_writer_pretty(&mut out, &report).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

fn family(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

fn figures(effect: &Effect, change: &Change) -> serde_json::Map<String, Value> {
    let figures = json!({
        "after": edit::save(&change.after, change.family),
        "revision": u8::from(newest(&change.after).is_some()),
        "looked_at": match effect.looked {
            Looked::AllHashes => "all hashes",
            Looked::Hashes => "sampled hashes",
            Looked::RandomFlows => "random flows",
            Looked::Flows => "flows",
        },
        "flows": effect.moves.flows(),
        "moved": effect.moves.moved(),
        "moved_share": effect.moved(),
        "standard_error": effect.standard_error(),
        "must_share": effect.must,
        "needless_share": effect.needless(),
    });
    match figures {
        Value::Object(figures) => figures,
        _ => serde_json::Map::new(),
    }
}

fn moves(effect: &Effect) -> Value {
    let all = effect.moves.greatest();
    let shown = all.iter().take(MOST_MOVES);
    shown
        .map(|(from, to, flows)| json!({"from": from, "to": to, "flows": flows}))
        .collect()
}

fn marks(effect: &Effect) -> Value {
    let (sums, turnover) = (effect.moves.sums(), effect.moves.turnover());
    let marks = sums.iter().zip(turnover.values()).take(MOST_MOVES);
    marks
        .map(|((mark, (had, gets)), (loses, gains))| {
            json!({"mark": mark, "had": had, "gets": gets, "loses": loses, "gains": gains})
        })
        .collect()
}

/// The first option of a rule that revision 0 of the target does not have.
fn newest(rule: &Info) -> Option<String> {
    let option = hmark_text::needs(rule, 0)?;
    Some(format!("--{}", option.name.to_string_lossy()))
}

/// How the figures came about.
fn looked(effect: &Effect) -> String {
    let flows = effect.moves.flows();
    let error = percent(effect.standard_error());
    match effect.looked {
        Looked::AllHashes => "exact: all 2^32 hashes".to_owned(),
        Looked::Hashes => format!("{flows} evenly chosen hashes, standard error {error}"),
        Looked::RandomFlows => {
            format!("{flows} flows with random ends, standard error {error}")
        }
        Looked::Flows => format!(
            "of {}, {}",
            count(flows, "flow"),
            match effect.moves.moved() {
                1 => "1 does".to_owned(),
                moved => format!("{moved} do"),
            }
        ),
    }
}

/// Why another way moves less.
fn reason(way: Way) -> &'static str {
    match way {
        Way::Grow => {
            "marks added take their share from all others, and no flow moves between those"
        }
        Way::Drain => "a mark of weight 0 gives its flows to all others, and no other flow moves",
        Way::KeepHash => "with the old hash, flows move only where shares change",
    }
}

/// Why there is no better way.
fn nothing_better(change: &Change, effect: &Effect) -> &'static str {
    if effect.moves.moved() == 0 {
        return "No flow moves.";
    }
    if !change.has_one_hash() {
        return "Nothing moves less: with another hash, flows stay by chance alone.";
    }
    match effect.needless() {
        Some(0.0) => "Nothing moves less.",
        _ => "No better way is known.",
    }
}

/// The options that differ, before and after; those that do not have no word in it.
fn differences(change: &Change) -> (String, String) {
    let [before, after] =
        [&change.before, &change.after].map(|rule| options(&edit::save(rule, change.family)));
    let without = |some: &[String], others: &[String]| {
        let different = some.iter().filter(|option| !others.contains(option));
        let different: Vec<&str> = different.map(String::as_str).collect();
        match different.is_empty() {
            true => "-".to_owned(),
            false => different.join(" "),
        }
    };
    (without(&before, &after), without(&after, &before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_options_that_change_are_shown() {
        let rule = |text| edit::read(text, Family::Ipv4).unwrap();
        let change = |before, after| Change {
            family: Family::Ipv4,
            before: rule(before),
            after: rule(after),
        };
        let shown = differences(&change("--hmark-mod 70", "--hmark-mod 71 --hmark-from 70"));
        assert_eq!(
            shown,
            (
                "--hmark-mod 70".into(),
                "--hmark-mod 71 --hmark-from 70".into()
            )
        );
        let shown = differences(&change(
            "--hmark-mod 70",
            "--hmark-mod 70 --hmark-reverse-errors",
        ));
        assert_eq!(shown, ("-".into(), "--hmark-reverse-errors".into()));
    }
}
