// SPDX-License-Identifier: GPL-2.0-only

//! `hmark predict` for the packets of a capture, or the flows of a list.

use std::fs::{self, File};
use std::io::{stdin, stdout, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use clap::Args;
use hmark_cli::cannot_tell::CannotTell;
use hmark_cli::capture::Capture;
use hmark_cli::drawing::chart::chart;
use hmark_cli::flows::{Format, List};
use hmark_cli::host::Host;
use hmark_cli::predict::both::Both;
use hmark_cli::predict::{self, Alone, Judge, OfHost, Prediction, MOST_FLOWS};
use hmark_cli::ruleset::Hook;

use super::warnings::{warnings, RECORDED};
use crate::commands::{Status, Usage};
use crate::output::count::count;
use crate::output::predicted::Predicted;
use crate::output::progress::Progress;
use crate::output::say::say;

/// The size of the buffer for lists in bytes. Captures have one of their own.
const BUFFER: usize = 1 << 16;

/// The flows to predict for.
#[derive(Args)]
pub struct Sources {
    /// A capture, as tcpdump -w writes it: pcap or pcapng, "-" for the standard input
    #[arg(long, value_name = "FILE", group = "source")]
    pcap: Option<PathBuf>,
    /// A list of flows, one a line: protocol,source,sport,destination,dport[,packets[,bytes]], or with
    /// columns named in its first line
    #[arg(long, value_name = "FILE", group = "source")]
    flows: Option<PathBuf>,
    /// A list of connections: what conntrack -L says, or /proc/net/nf_conntrack
    #[arg(long, value_name = "FILE", group = "source")]
    conntrack: Option<PathBuf>,
    /// A chart of the marks' shares
    #[arg(long, value_name = "FILE", requires = "source")]
    svg: Option<PathBuf>,
}

/// A file of flows.
enum Source<'a> {
    Capture(&'a Path),
    List(&'a Path, Format),
}

impl Sources {
    fn source(&self) -> Option<Source<'_>> {
        let Self {
            pcap,
            flows,
            conntrack,
            ..
        } = self;
        if let Some(file) = pcap {
            return Some(Source::Capture(file));
        }
        if let Some(file) = flows {
            return Some(Source::List(file, Format::Csv));
        }
        Some(Source::List(conntrack.as_deref()?, Format::Conntrack))
    }

    /// True if a capture was given.
    pub fn has_capture(&self) -> bool {
        self.pcap.is_some()
    }

    /// Whether there is a file of flows.
    pub fn is_given(&self) -> bool {
        self.source().is_some()
    }

    /// Predicts by a rule alone, and prints the answer.
    pub fn by_rule(&self, rule: &str, expected: Option<&str>, json: bool) -> Result<Status> {
        let mut judge = Alone::read(rule).map_err(|error| Usage(format!("--rule: {error}")))?;
        let (prediction, error) = self.predict(&mut judge)?;
        let predicted = Predicted {
            source: &self.name(),
            judge: &format!("rule: {}", judge.text()),
            prediction: &prediction,
            gateway: &|_| None,
            replies: None,
        };
        self.answer(&predicted, error, expected, json)
    }

    /// Predicts by the rules and the routing of a host, to which the packets come by this hook and device,
    /// and prints the answer. Replies come to the other host, by the device with it.
    pub fn by_host(
        &self,
        host: &Host,
        (hook, input): (Option<Hook>, Option<&str>),
        other: Option<(&Host, Option<&str>)>,
        expected: Option<&str>,
        json: bool,
    ) -> Result<Status> {
        let mut judge = OfHost::new(host, hook, input);
        let (prediction, error, judge, replies) = match other {
            None => {
                let (prediction, error) = self.predict(&mut judge)?;
                (prediction, error, judge, None)
            }
            Some((other, input)) => {
                let mut both = Both::new(judge, other, input);
                let (prediction, error) = self.predict(&mut both)?;
                let (judge, replies) = both.finish();
                (prediction, error, judge, Some((&*other.name, replies)))
            }
        };
        let rules = u64::try_from(judge.rule_count()).unwrap_or(u64::MAX);
        let rules = count(rules, "HMARK rule");
        let predicted = Predicted {
            source: &self.name(),
            judge: &format!("host {}: {}", host.name, rules),
            prediction: &prediction,
            gateway: &|mark| judge.gateway(mark),
            replies: replies.as_ref().map(|(name, replies)| (*name, replies)),
        };
        self.answer(&predicted, error, expected, json)
    }

    /// Prints an answer, with the error at which the file could not be read on.
    fn answer(
        &self,
        predicted: &Predicted<'_>,
        error: Option<anyhow::Error>,
        expected: Option<&str>,
        json: bool,
    ) -> Result<Status> {
        let prediction = predicted.prediction;
        let warnings = warnings(predicted, expected);
        self.print(predicted, &warnings, json)?;
        if let Some(error) = error {
            return Err(error);
        }
        let whole = prediction.whole();
        if whole.flows == 0 && whole.packets == 0 {
            let reason = format!("there is no flow in {}", predicted.source);
            return Err(CannotTell::because(reason).into());
        }
        if expected == Some(RECORDED) {
            let recorded = &prediction.recorded;
            if recorded.different > 0 {
                return Ok(Status::No);
            }
            if recorded.packets() == 0 || recorded.without > 0 {
                let reason =
                    "packets have no recorded mark: those of NFLOG have (tcpdump -i nflog)";
                return Err(CannotTell::because(reason).into());
            }
        }
        let replies = predicted
            .replies
            .map_or(0, |(_, replies)| replies.unknown());
        let is_told = prediction.cannot_tell.is_empty() && replies == 0;
        Ok(match (is_told, warnings.is_empty()) {
            (false, _) => Status::CannotTell,
            (true, false) => Status::No,
            (true, true) => Status::Fine,
        })
    }

    /// The name of the file.
    fn name(&self) -> String {
        match self.source() {
            Some(Source::Capture(file) | Source::List(file, _)) => file.display().to_string(),
            None => String::new(),
        }
    }

    /// The prediction, as far as the file can be read, and the error where it ends.
    fn predict<J: Judge>(&self, judge: &mut J) -> Result<(Prediction, Option<anyhow::Error>)> {
        let name = self.name();
        let mut progress = Progress::new("bytes");
        match self.source() {
            Some(Source::Capture(file)) => {
                let (stream, len) = open(file)?;
                let capture = Capture::open(stream).with_context(|| name.clone())?;
                let mut report = |offset| progress.report(offset, len);
                let (prediction, error) =
                    predict::of_capture(capture, judge, MOST_FLOWS, &mut report);
                let error = error.map(|error| anyhow::Error::new(error).context(name));
                some(prediction, error)
            }
            Some(Source::List(file, format)) => {
                let (stream, len) = open(file)?;
                let list = List::new(BufReader::with_capacity(BUFFER, stream), format);
                let mut report = |offset| progress.report(offset, len);
                let (prediction, error) = predict::of_list(list, judge, MOST_FLOWS, &mut report);
                let error = error.map(|error| anyhow::Error::new(error).context(name));
                some(prediction, error)
            }
            None => bail!("there is no file of flows"),
        }
    }

    fn print(&self, predicted: &Predicted<'_>, warnings: &[String], json: bool) -> Result<()> {
        let mut out = stdout().lock();
        match json {
            true => writeln!(out, "{:#}", predicted.json(warnings))?,
            false => {
                for line in predicted.text() {
                    writeln!(out, "{line}")?;
                }
            }
        }
        out.flush()?;
        for warning in warnings {
            say(format_args!("warning: {warning}"));
        }
        if let Some(file) = &self.svg {
            let title = "HMARK: flows by mark";
            let svg = chart(title, &predicted.summary(), &predicted.bars())?;
            fs::write(file, svg).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }
}

/// The prediction and the error, or the error alone if there is nothing else.
fn some(
    prediction: Prediction,
    error: Option<anyhow::Error>,
) -> Result<(Prediction, Option<anyhow::Error>)> {
    let whole = prediction.whole();
    match error {
        Some(error) if whole.packets == 0 && whole.flows == 0 => Err(error),
        error => Ok((prediction, error)),
    }
}

/// A file, and its length in bytes; 0 if that is not known.
fn open(file: &Path) -> Result<(Box<dyn Read>, u64)> {
    if file.as_os_str() == "-" {
        return Ok((Box::new(stdin().lock()), 0));
    }
    let cannot = || format!("cannot read {}", file.display());
    let opened = File::open(file).with_context(cannot)?;
    let metadata = opened.metadata().with_context(cannot)?;
    if metadata.is_dir() {
        bail!("cannot read {}: it is a folder", file.display());
    }
    Ok((Box::new(opened), metadata.len()))
}
