// SPDX-License-Identifier: GPL-2.0-only

//! The cost of a packet in three targets, called in one kernel by the module `hmark_bench`: the
//! kernel's own C one, ours, and one that hashes but reads no header.

use std::path::Path;

use anyhow::{ensure, Context, Result};
use packets::kinds::{Kind, KINDS};
use testbed::command::run as command;
use testbed::{install, module, reference};

use crate::effort::Effort;
use crate::progress::Progress;
use crate::report::{Ratio, Row, Table};
use crate::series::Series;

/// Rounds of each kind of packet.
const ROUNDS: usize = 15;

/// Packets that each target gets in a round.
const PACKETS: usize = 1 << 17;

/// Compares our target with the kernel's own.
pub fn run(progress: &mut Progress) -> Result<Table> {
    Ok(Table {
        benchmark: "packets",
        title: "Packets: a call of our target and of the kernel's own C one; the floor is a target that hashes and reads no header.",
        unit: Effort::new(ROUNDS).cost,
        ratio: Ratio::OtherByOurs,
        rows: rows(progress, |kind| kind.rule_v1().is_none())?,
    })
}

/// Compares rules of revision 1 with the rules of revision 0 that they are made of.
pub fn revisions(progress: &mut Progress) -> Result<Table> {
    Ok(Table {
        benchmark: "revisions",
        title: "Revisions: a call of our target with a rule of revision 1, and with the same rule as far as revision 0 has it.",
        unit: Effort::new(ROUNDS).cost,
        ratio: Ratio::OursByOther,
        rows: rows(progress, |kind| kind.rule_v1().is_some())?,
    })
}

/// Measures the kinds of packets that `which` selects.
fn rows(progress: &mut Progress, which: impl Fn(&Kind) -> bool) -> Result<Vec<Row>> {
    module::load_built()?;
    reference::load()?;
    let effort = Effort::new(ROUNDS);
    progress.phase(&format!(
        "packets: {} rounds of {} packets of each kind",
        effort.rounds,
        PACKETS / effort.less
    ));
    let module = install::built_module("fuzz", "hmark_bench");
    let mut rows = Vec::new();
    for (number, kind) in KINDS.iter().enumerate().filter(|(_, kind)| which(kind)) {
        rows.push(measure(&module, number, kind.name, &effort)?);
        progress.step(kind.name);
    }
    module::unload()?;
    reference::unload()?;
    Ok(rows)
}

/// Measures the kind with this number in [`KINDS`].
fn measure(module: &Path, kind: usize, name: &str, effort: &Effort) -> Result<Row> {
    command("dmesg --clear")?;
    let loaded = command(&format!(
        "insmod {} kind={kind} rounds={} packets={}",
        module.display(),
        effort.rounds,
        PACKETS / effort.less
    ));
    let log = command("dmesg --notime")?;
    loaded.with_context(|| log.clone())?;
    command("rmmod hmark_bench")?;

    let said = |what| {
        log.lines()
            .filter_map(move |line| line.strip_prefix("hmark_bench: ")?.strip_prefix(what))
    };
    let about = said("kind ").next().context("the module said nothing")?;
    let measured = value(about, "name")?;
    ensure!(
        measured == name,
        "the module has {measured} in place of {name}"
    );
    let mut row = Row {
        name: name.to_owned(),
        of: String::new(),
        series: Series::default(),
        floor: Vec::new(),
    };
    for times in said("measured ") {
        row.series.ours.push(nanoseconds(times, "ours")?);
        row.series.other.push(nanoseconds(times, "other")?);
        row.floor.push(nanoseconds(times, "floor")?);
    }
    ensure!(
        row.floor.len() == effort.rounds,
        "{}: measurements are missing from the kernel log",
        row.name
    );
    Ok(row)
}

/// The word after `NAME=`.
fn value<'a>(words: &'a str, name: &str) -> Result<&'a str> {
    words
        .split(' ')
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        .with_context(|| format!("no {name} in `{words}`"))
}

/// The picoseconds after `NAME=`, in nanoseconds.
fn nanoseconds(words: &str, name: &str) -> Result<f64> {
    let picoseconds: f64 = value(words, name)?.parse()?;
    Ok(picoseconds / 1000.0)
}
