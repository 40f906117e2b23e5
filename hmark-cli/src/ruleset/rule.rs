// SPDX-License-Identifier: GPL-2.0-only

//! One rule: its words as matches and a target.

use hmark::Family;

use super::matches::{self, Match};
use super::options::{self, Given, Module};
use super::target::{self, Target};
use super::words::Word;
use crate::flow::Protocol;
use crate::net::Net;

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its number in its chain, counted from 1.
    pub number: usize,
    /// Its line in the text, counted from 1.
    pub line: usize,
    /// Its text, without the chain's name and counters.
    pub text: String,
    /// All of these must match.
    pub matches: Vec<Match>,
    /// What is done with a packet that matches.
    pub target: Target,
}

impl Rule {
    /// True if it takes all packets, so that none comes to the next rule of its chain.
    pub fn is_end(&self) -> bool {
        let ends = matches!(
            self.target,
            Target::Accept
                | Target::Drop
                | Target::Return
                | Target::Jump { goto: true, .. }
                | Target::Chain { goto: true, .. }
        );
        ends && self.matches.is_empty()
    }
}

/// Reads the words after `-A CHAIN`.
///
/// [`None`] if the rule is of the other family.
pub(super) fn read(
    words: &[Word],
    line: &str,
    number: usize,
    family: Family,
) -> Result<Option<Rule>, String> {
    let Some(parts) = options::group(words, family)? else {
        return Ok(None);
    };
    let protocol = parts
        .general
        .iter()
        .find(|given| given.name == "-p" && !given.not);
    let protocol = protocol.and_then(|given| Protocol::named(given.value()));
    let mut all = Vec::new();
    for given in &parts.general {
        all.extend(general(given, family)?);
    }
    for module in &parts.modules {
        matches::read(module, protocol, family, &mut all);
    }
    Ok(Some(Rule {
        number: 0,
        line: number,
        text: Rule::shown(line).to_string(),
        matches: all,
        target: match &parts.target {
            Some((target, goto)) => target::read(target, *goto, family)?,
            None => Target::None,
        },
    }))
}

/// The match of an option that needs no module.
fn general(given: &Given, family: Family) -> Result<Option<Match>, String> {
    let (value, not) = (given.value(), given.not);
    let unknown = || Match::Unknown(given.to_string());
    let net = |end| match Net::read(value, family) {
        Some(net) => Match::Net { end, net, not },
        // A name that only a resolver knows.
        None => unknown(),
    };
    Ok(Some(match given.name.as_str() {
        "-s" => net(matches::End::Source),
        "-d" => net(matches::End::Destination),
        "-p" => match value.eq_ignore_ascii_case("all") {
            true => return Ok(None),
            false => match Protocol::named(value) {
                Some(Protocol(0)) => return Ok(None),
                Some(protocol) => Match::Protocol { protocol, not },
                None => unknown(),
            },
        },
        "-i" => Match::Input {
            device: value.to_string(),
            not,
        },
        "-o" => Match::Output {
            device: value.to_string(),
            not,
        },
        "-f" => Match::LaterFragment { not },
        other => return Err(format!("the option {other} is not understood")),
    }))
}

/// A module as it was written, for messages.
pub(super) fn shown(module: &Module) -> String {
    let mut text = format!("-m {}", module.name);
    for given in &module.options {
        text.push(' ');
        text.push_str(&given.to_string());
    }
    text
}
