// SPDX-License-Identifier: GPL-2.0-only

//! `hmark predict` for one flow.

use std::io::{stdout, Write};
use std::path::PathBuf;

use anyhow::{Error, Result};
use clap::{Args, ValueEnum};
use hmark_cli::cannot_tell::CannotTell;
use hmark_cli::flow;
use hmark_cli::host::Host;
use hmark_cli::routing::Next;
use hmark_cli::ruleset::{Hook, RuleSet, State};
use hmark_cli::way::{reply_by_rule, Entry, Question, Way};

use super::expect::{self, Expected};
use crate::commands::check::live::of_nft;
use crate::commands::{check_device, Status, Usage};
use crate::output::say::say;
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
    /// The state of their connection in conntrack: NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED; NEW if it is
    /// not given, and with --entry ESTABLISHED
    #[arg(long, value_parser = state, value_name = "STATE", requires = "words")]
    state: Option<State>,
    /// Their connection's entry in conntrack, a line of conntrack -L, of which the part from src= on is enough:
    /// for connections that are translated. With --with, it is one of that host
    #[arg(long, value_name = "LINE", requires = "words")]
    entry: Option<String>,
    /// Their mark before all rules
    #[arg(long, value_parser = expect::number, default_value = "0", value_name = "MARK")]
    mark: u32,
    /// The folder of the host that replies pass, whose marks are compared
    #[arg(long, value_name = "DIR", conflicts_with = "rule")]
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
        let host = match &self.from {
            Some(folder) => Host::saved(folder)?,
            None => Host::live(),
        };
        if self.from.is_none() {
            for note in of_nft() {
                say(format_args!("note: {note}"));
            }
        }
        if let Some(device) = &self.input {
            check_device(&host, "-i", device)?;
        }
        Ok(host)
    }

    /// The host that replies pass, if there is one, and the device that they come in by.
    pub fn other(&self) -> Result<Option<(Host, Option<&str>)>> {
        let Some(folder) = &self.with else {
            return Ok(None);
        };
        let (host, input) = (Host::saved(folder)?, self.with_in_interface.as_deref());
        if let Some(device) = input {
            check_device(&host, "--with-in-interface", device)?;
        }
        Ok(Some((host, input)))
    }

    /// The hook and the device by which packets come to the host, as far as they are known.
    pub fn entrance(&self) -> (Option<Hook>, Option<&str>) {
        (self.chain.map(Hook::from), self.input.as_deref())
    }

    /// Predicts for the flow, and prints the answer.
    pub fn run(self, expected: Option<&str>, as_json: bool) -> Result<Status> {
        let flow: flow::Flow = self.words.join(" ").parse().map_err(usage)?;
        let entry = self.entry.as_deref();
        let entry = entry
            .map(|line| Entry::read(line, flow.protocol))
            .transpose();
        let entry = entry.map_err(|error| Usage(format!("--entry: {error}")))?;
        let expected: Option<Expected> = expected.map(str::parse).transpose()?;
        let host = self.host()?;
        let other = self.with.as_deref().map(Host::saved).transpose()?;
        let input = self.with_in_interface.as_deref();
        if let (Some(other), Some(device)) = (&other, input) {
            check_device(other, "--with-in-interface", device)?;
        }
        let question = Question {
            hook: self.chain.map(Hook::from),
            input: self.input,
            state: self.state,
            // Of two hosts, it is the one of the way back that translates.
            entry: entry.filter(|_| other.is_none()),
            mark: self.mark,
            ..Question::new(flow)
        };
        let way = host.way(&question)?;
        let after = Question {
            input: self.with_in_interface.clone(),
            state: self.state,
            entry,
            ..Question::new(flow)
        };
        let reply = reply(&host, other.as_ref(), &question, &way, after)?;
        let is_met = expected
            .as_ref()
            .map(|expected| expected.is_met(&way, &host));
        let answer = Answer {
            host: &host,
            input: question.input.as_deref(),
            way: &way,
            reply,
            reply_input: self.with_in_interface.as_deref(),
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
        if let Some(doubt) = expected.and_then(|expected| expected.doubt(&way, &host)) {
            say(format_args!("cannot tell if it is as expected: {doubt}"));
        }
        Ok(status(&answer, is_met))
    }
}

/// What is known of the flow's replies: their way on the other host, which `after` asks for, or else their mark
/// by the rule that the flow met.
fn reply<'h>(
    host: &'h Host,
    other: Option<&'h Host>,
    question: &Question,
    way: &Way<'h>,
    after: Question,
) -> Result<Reply<'h>> {
    let flow = &question.flow;
    let entry = after.entry.as_ref();
    let answered = match entry {
        Some(entry) => Some(entry.answer(flow)?),
        None => flow.reply(),
    };
    let Some(answered) = answered else {
        return Ok(Reply::None);
    };
    let may_translate = |host: &Host| {
        let rules = host.side(flow.family()).ruleset.get();
        entry.is_none() && rules.is_some_and(RuleSet::may_translate)
    };
    let translated = || {
        let reason = format!(
            "its rules may translate the connection: give its entry in conntrack as conntrack -L prints it \
             there, of which --entry '{}' is enough",
            example(flow)
        );
        Ok(Reply::CannotTell(CannotTell::because(reason)))
    };
    if let Some(other) = other {
        if may_translate(other) {
            return translated();
        }
        let question = Question {
            flow: answered,
            ..after
        };
        let way = Box::new(other.way(&question)?);
        return Ok(Reply::On(&other.name, answered, way));
    }
    match reply_by_rule(way, &answered) {
        Some(by_rule) if !by_rule.of_connection && may_translate(host) => translated(),
        Some(by_rule) => Ok(Reply::ByRule(answered, by_rule)),
        None => Ok(Reply::None),
    }
}

/// The part of a flow's entry in conntrack that counts, with words for what is not known.
fn example(flow: &flow::Flow) -> String {
    let (source, destination) = (flow.source, flow.destination);
    match flow.ports() {
        Some((sport, dport)) => format!(
            "src={source} dst={destination} sport={sport} dport={dport} src={destination} dst=ADDRESS \
             sport={dport} dport=PORT"
        ),
        None => format!("src={source} dst={destination} ... src={destination} dst=ADDRESS ..."),
    }
}

/// The status of an answer, and of what was expected: [`None`] inside if that cannot be told.
fn status(answer: &Answer<'_>, is_met: Option<Option<bool>>) -> Status {
    // Without another host, the reply's mark is only what the same options would make of it.
    if matches!(answer.reply, Reply::On(..)) && answer.agrees() == Some(false) {
        return Status::No;
    }
    match is_met {
        Some(Some(true)) => return Status::Fine,
        Some(Some(false)) => return Status::No,
        Some(None) => return Status::CannotTell,
        None => {}
    }
    let arrives = |way: &Way<'_>| {
        let next = way.found.as_ref().map(|found| &found.next);
        let has_next = matches!(next, Some(Next::Hop(_) | Next::Local | Next::Broadcast));
        has_next && way.dropped.is_none()
    };
    let mut ways = vec![answer.way];
    if let Reply::On(_, _, way) = &answer.reply {
        ways.push(way);
    }
    if ways.iter().any(|way| way.cannot_tell.is_some())
        || matches!(answer.reply, Reply::CannotTell(_))
    {
        return Status::CannotTell;
    }
    match ways.into_iter().all(arrives) {
        true => Status::Fine,
        false => Status::No,
    }
}
