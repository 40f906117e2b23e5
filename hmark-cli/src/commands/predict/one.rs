// SPDX-License-Identifier: GPL-2.0-only

//! `hmark predict` for one flow.

use std::io::{stdout, Write};
use std::path::PathBuf;

use anyhow::{Error, Result};
use clap::{Args, ValueEnum};
use hmark_cli::flow;
use hmark_cli::host::Host;
use hmark_cli::routing::Next;
use hmark_cli::ruleset::{Hook, State};
use hmark_cli::way::{reply_by_rule, Entry, Question, Way};

use super::expect::{self, Expected};
use crate::commands::{Status, Usage};
use crate::output::way::{json, text, Answer, Reply};

/// A flow, and what is known of its packets.
#[derive(Args)]
pub struct Flow {
    /// A flow: a protocol and two ends, such as tcp 10.0.0.1:5555 198.51.100.1:80
    #[arg(value_name = "FLOW", conflicts_with = "source")]
    words: Vec<String>,
    /// The folder of a saved host, in place of this one
    #[arg(long, value_name = "DIR", conflicts_with = "rule")]
    from: Option<PathBuf>,
    /// The device that its packets come in by
    #[arg(
        short = 'i',
        long = "in-interface",
        value_name = "DEV",
        conflicts_with = "rule"
    )]
    input: Option<String>,
    /// The chain at which they come: OUTPUT is that of the host's own packets, and follows from its addresses
    #[arg(long, value_enum, ignore_case = true, conflicts_with = "rule")]
    chain: Option<Chain>,
    /// The state of their connection in conntrack; NEW if it is not given
    #[arg(long, value_parser = state, value_name = "STATE", requires = "words")]
    state: Option<State>,
    /// Their connection's entry in conntrack, a line of conntrack -L: for connections that are translated
    #[arg(long, value_name = "LINE", requires = "words")]
    entry: Option<Entry>,
    /// Their mark before all rules
    #[arg(long, value_parser = expect::number, default_value = "0", value_name = "MARK")]
    mark: u32,
    /// The folder of the host that replies pass
    #[arg(long, value_name = "DIR", requires = "words")]
    with: Option<PathBuf>,
    /// The device that replies come in by there
    #[arg(long, value_name = "DEV", requires = "with")]
    with_in_interface: Option<String>,
}

/// The chains at which packets come to a host.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Chain {
    Prerouting,
    Output,
}

impl From<Chain> for Hook {
    fn from(chain: Chain) -> Self {
        match chain {
            Chain::Prerouting => Self::Prerouting,
            Chain::Output => Self::Output,
        }
    }
}

fn state(name: &str) -> Result<State, String> {
    let names = "NEW, ESTABLISHED, RELATED, INVALID and UNTRACKED";
    State::named(name).ok_or_else(|| format!("the states are {names}"))
}

fn usage(error: Error) -> Error {
    Usage(format!("{error:#}")).into()
}

impl Flow {
    /// Whether there is a flow.
    pub fn is_given(&self) -> bool {
        !self.words.is_empty()
    }

    /// The host: this one, or the one that was saved.
    pub fn host(&self) -> Result<Host> {
        match &self.from {
            Some(folder) => Host::saved(folder),
            None => Ok(Host::live()),
        }
    }

    /// The hook and the device by which packets come to the host, as far as they are known.
    pub fn entrance(&self) -> (Option<Hook>, Option<&str>) {
        (self.chain.map(Hook::from), self.input.as_deref())
    }

    /// Predicts for the flow, and prints the answer.
    pub fn run(self, expected: Option<&str>, as_json: bool) -> Result<Status> {
        let flow: flow::Flow = self.words.join(" ").parse().map_err(usage)?;
        let expected: Option<Expected> = expected.map(str::parse).transpose()?;
        let host = self.host()?;
        let other = self.with.as_deref().map(Host::saved).transpose()?;
        let question = Question {
            hook: self.chain.map(Hook::from),
            input: self.input,
            state: self.state,
            entry: self.entry,
            mark: self.mark,
            ..Question::new(flow)
        };
        let way = host.way(&question)?;
        let answered = match &question.entry {
            Some(entry) => Some(entry.answer(&flow)),
            None => flow.reply(),
        };
        let reply = match (answered, &other) {
            (Some(reply), Some(other)) => {
                let question = Question {
                    input: self.with_in_interface,
                    state: self.state,
                    ..Question::new(reply)
                };
                Reply::On(&other.name, reply, Box::new(other.way(&question)?))
            }
            (Some(reply), None) => match reply_by_rule(&way, &reply) {
                Some(by_rule) => Reply::ByRule(reply, by_rule),
                None => Reply::None,
            },
            (None, _) => Reply::None,
        };
        let is_met = expected.as_ref().map(|expected| expected.is_met(&way));
        let answer = Answer {
            host: &host,
            input: question.input.as_deref(),
            way: &way,
            reply,
            expected: expected.as_ref().map(Expected::to_string),
            is_met: is_met.flatten(),
        };
        let mut out = stdout().lock();
        match as_json {
            true => writeln!(out, "{:#}", json::value(&answer))?,
            false => {
                for line in text::lines(&answer) {
                    writeln!(out, "{line}")?;
                }
            }
        }
        out.flush()?;
        Ok(status(&answer, is_met))
    }
}

/// The status of an answer, and of what was expected: [`None`] inside if that cannot be told.
fn status(answer: &Answer<'_>, is_met: Option<Option<bool>>) -> Status {
    match is_met {
        Some(Some(true)) => return Status::Fine,
        Some(Some(false)) => return Status::No,
        Some(None) => return Status::CannotTell,
        None => {}
    }
    let arrives = |way: &Way<'_>| {
        let next = way.found.as_ref().map(|found| &found.next);
        matches!(next, Some(Next::Hop(_) | Next::Local | Next::Broadcast))
    };
    let mut ways = vec![answer.way];
    if let Reply::On(_, _, way) = &answer.reply {
        ways.push(way);
    }
    if ways.iter().any(|way| way.cannot_tell.is_some()) {
        return Status::CannotTell;
    }
    match ways.into_iter().all(arrives) {
        true => Status::Fine,
        false => Status::No,
    }
}
