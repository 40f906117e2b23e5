// SPDX-License-Identifier: GPL-2.0-only

//! The flows of a capture or a list, before and after the change.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result};
use hmark_cli::capture::Capture;
use hmark_cli::change::edit;
use hmark_cli::change::flows::Pair;
use hmark_cli::change::Moves;
use hmark_cli::flows::{Format, List};
use hmark_cli::host::Host;
use hmark_cli::predict::{of_capture, of_list, Alone, Judge, OfHost, MOST_FLOWS};
use hmark_cli::ruleset::Hook;

use super::input::{changed_host, Site};
use super::Scale;
use crate::output::progress::Progress;

/// The moves of given flows, and the number of those whose marks cannot be told.
///
/// [`None`] if no file is given.
pub fn moves(scale: &Scale, host: Option<&Host>, sites: &[Site]) -> Result<Option<(Moves, u64)>> {
    let (file, format) = match (&scale.pcap, &scale.flows) {
        (Some(file), _) => (file, None),
        (None, Some(file)) => (file, Some(Format::Csv)),
        (None, None) => return Ok(None),
    };
    let first = sites.first().context("no rule")?;
    Ok(Some(match host {
        Some(host) => {
            let after = changed_host(host, sites)?;
            let judge = |host| OfHost::new(host, Some(Hook::Prerouting), scale.input.as_deref());
            judged(file, format, Pair::new(judge(host), judge(&after)))?
        }
        None => {
            let alone = |rule| Alone::read(&edit::save(rule, first.change.family));
            let change = &first.change;
            judged(
                file,
                format,
                Pair::new(alone(&change.before)?, alone(&change.after)?),
            )?
        }
    }))
}

fn judged<J: Judge>(
    file: &Path,
    format: Option<Format>,
    mut pair: Pair<J>,
) -> Result<(Moves, u64)> {
    let name = file.display().to_string();
    let opened = File::open(file).with_context(|| format!("cannot read {name}"))?;
    let len = opened.metadata().map_or(0, |metadata| metadata.len());
    let mut progress = Progress::new("bytes");
    let mut report = |offset| progress.report(offset, len);
    let stream: Box<dyn Read> = Box::new(opened);
    let error = match format {
        Some(format) => {
            let list = List::new(BufReader::new(stream), format);
            let (_, error) = of_list(list, &mut pair, MOST_FLOWS, &mut report);
            error.map(anyhow::Error::new)
        }
        None => {
            let capture = Capture::open(stream).with_context(|| name.clone())?;
            let (_, error) = of_capture(capture, &mut pair, MOST_FLOWS, &mut report);
            error.map(anyhow::Error::new)
        }
    };
    drop(progress);
    match error {
        Some(error) => Err(error.context(name)),
        None => Ok((pair.moves, pair.cannot_tell)),
    }
}
