// SPDX-License-Identifier: GPL-2.0-only

//! `hmark watch`: packets of each mark, while they flow.

mod live;
mod terminal;

use std::io::{stdout, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use hmark_cli::host::program::missing;
use hmark_cli::host::Host;
use hmark_cli::watch::{groups, prometheus, Counter, Group, Report, Sample};

use super::{Status, Usage};
use crate::output::say::say;
use crate::output::watch::{json, lines, Style};

/// The seconds that marks are counted for where nobody looks on.
const ONCE: f64 = 10.0;

/// The seconds between two looks.
const LIVE: f64 = 1.0;

/// The width of a page where there is no terminal.
const PAGE: usize = 80;

/// Shows rate, share and gateway of each mark of this host, live
///
/// Packets are counted by the kernel in a table of nft that nobody else can change, and which is gone when
/// the command ends, however it does. Needs root, nft and Linux 5.12.
#[derive(Args)]
#[command(after_help = "\
Examples:
  Live, until q:
    hmark watch
  The marks of the next 30 seconds:
    hmark watch --once --interval 30
  For node_exporter, as long as it runs:
    hmark watch --prometheus --output /var/lib/node_exporter/hmark.prom --interval 15

Exit status: 0 fine, 1 packets of a mark do not arrive (--once, --json), 2 errors.")]
pub struct Watch {
    /// Counts for one interval, and prints that
    #[arg(long)]
    once: bool,
    /// The same as metrics for Prometheus
    #[arg(long, conflicts_with_all = ["once", "json"])]
    prometheus: bool,
    /// Writes the metrics to a file, after each interval anew, and removes it at the end
    #[arg(long, value_name = "FILE", requires = "prometheus")]
    output: Option<PathBuf>,
    /// Seconds between two looks: 1, or 10 where nobody looks on
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    interval: Option<f64>,
    /// Counts for one interval, and answers as JSON
    #[arg(long)]
    json: bool,
}

impl Watch {
    /// Counts, and shows what is counted.
    pub fn run(self) -> Result<Status> {
        let is_live = !(self.once || self.json || self.prometheus);
        if is_live && !stdout().is_terminal() {
            let words = "this is no terminal: give --once, --json or --prometheus";
            return Err(Usage(words.to_owned()).into());
        }
        let default = if is_live { LIVE } else { ONCE };
        let interval = Duration::from_secs_f64(self.interval.unwrap_or(default));
        if is_live {
            return live::run(interval);
        }
        if let Some(file) = &self.output {
            return written(file, interval);
        }
        let mut watched = Watched::start()?;
        thread::sleep(interval);
        watched.look()?;
        watched.read_again();
        let report = watched.report();
        let mut out = stdout().lock();
        if self.prometheus {
            write!(out, "{}", prometheus::text(&report))?;
            return Ok(Status::Fine);
        }
        match self.json {
            true => writeln!(out, "{:#}", json(&watched.host.name, &report))?,
            false => {
                let style = Style {
                    width: PAGE,
                    is_coloured: false,
                };
                for line in lines(&watched.host.name, &report, &style) {
                    writeln!(out, "{line}")?;
                }
            }
        }
        let is_any_lost = report.lost().next().is_some();
        Ok(match is_any_lost {
            true => Status::No,
            false => Status::Fine,
        })
    }
}

/// A number of seconds from a tenth to a day.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("give seconds from 0.1 to 86400".to_owned()),
    }
}

/// A host whose marks are counted.
struct Watched {
    host: Host,
    groups: Vec<Group>,
    counter: Counter,
    begin: Instant,
    /// The samples that shares are about, the first first, and never fewer than two.
    samples: Vec<Sample>,
}

/// The seconds that shares are about in the end: longer, and a change is seen too late.
const SHARES: f64 = 60.0;

impl Watched {
    /// Begins to count.
    fn start() -> Result<Self> {
        Self::of(Host::live())
    }

    fn of(host: Host) -> Result<Self> {
        let groups = groups(&host)?;
        let mut counter = Counter::start(&groups).map_err(missing)?;
        let begin = Instant::now();
        let first = Sample {
            seconds: 0.0,
            counted: counter.read()?,
        };
        Ok(Self {
            host,
            groups,
            counter,
            begin,
            samples: vec![first.clone(), first],
        })
    }

    /// Reads the counters.
    fn look(&mut self) -> Result<()> {
        let counted = self.counter.read()?;
        let seconds = self.begin.elapsed().as_secs_f64();
        // Of the two that are there at first, one stands for the last look.
        if self.samples.len() == 2 && self.samples.iter().all(|sample| sample.seconds == 0.0) {
            self.samples.pop();
        }
        self.samples.push(Sample { seconds, counted });
        let is_old = |sample: &Sample| sample.seconds < seconds - SHARES;
        let old = self
            .samples
            .iter()
            .take_while(|sample| is_old(sample))
            .count();
        let most = self.samples.len().saturating_sub(2);
        self.samples.drain(..old.min(most));
        Ok(())
    }

    /// Reads the host anew. If its marks or their shares are others now, counting begins again.
    fn renew(&mut self) -> Result<()> {
        let host = Host::live();
        if groups(&host)? == self.groups {
            self.host = host;
            return Ok(());
        }
        *self = Self::of(host)?;
        Ok(())
    }

    /// Reads the host once more, when counting is over, so that routes and neighbours are those of now. If
    /// its marks or their shares are others by then, what was counted is still about those of the beginning.
    fn read_again(&mut self) {
        let host = Host::live();
        match groups(&host) {
            Ok(groups) if groups == self.groups => self.host = host,
            _ => say(format_args!(
                "note: the HMARK rules changed meanwhile: marks, gateways and neighbours are those of before"
            )),
        }
    }

    fn report(&self) -> Report {
        let sample = |from_end: usize| {
            let place = self.samples.len().saturating_sub(from_end);
            self.samples.get(place)
        };
        let nothing = Sample {
            seconds: 0.0,
            counted: Default::default(),
        };
        let from = self.samples.first().unwrap_or(&nothing);
        let last = sample(2).unwrap_or(&nothing);
        let now = sample(1).unwrap_or(&nothing);
        Report::of(&self.host, &self.groups, from, last, now)
    }
}

/// Writes metrics to a file until a signal comes.
fn written(file: &Path, interval: Duration) -> Result<Status> {
    let signals = terminal::Signals::block()?;
    let mut watched = Watched::start()?;
    let written = Written(file);
    loop {
        if let Some(signal) = signals.wait(interval)? {
            drop(watched);
            drop(written);
            return terminal::end_by(signal);
        }
        watched.renew()?;
        watched.look()?;
        // A reader sees the whole old file or the whole new one.
        let next = file.with_extension(format!("prom.{}", std::process::id()));
        let shown = || format!("cannot write {}", file.display());
        std::fs::write(&next, prometheus::text(&watched.report())).with_context(shown)?;
        if let Err(error) = std::fs::rename(&next, file) {
            let _ = std::fs::remove_file(&next);
            return Err(error).with_context(shown);
        }
    }
}

/// A file that is removed in the end, so that nobody takes it for new.
struct Written<'f>(&'f Path);

impl Drop for Written<'_> {
    fn drop(&mut self) {
        // It may not be there yet.
        let _ = std::fs::remove_file(self.0);
    }
}
