// SPDX-License-Identifier: GPL-2.0-only

//! The way of a flow, as lines or JSON.

pub mod json;
pub mod text;

use hmark_cli::cannot_tell::CannotTell;
use hmark_cli::flow::Flow;
use hmark_cli::host::Host;
use hmark_cli::way::{ByRule, Way};

/// The answer to a question.
pub struct Answer<'a> {
    /// The host.
    pub host: &'a Host,
    /// The device that the packet comes in by.
    pub input: Option<&'a str>,
    /// The way of the flow.
    pub way: &'a Way<'a>,
    /// What is known of replies.
    pub reply: Reply<'a>,
    /// The device that they come in by on the other host.
    pub reply_input: Option<&'a str>,
    /// What was expected.
    pub expected: Option<String>,
    /// Whether it is so; [`None`] if that cannot be told, or nothing was expected.
    pub is_met: Option<bool>,
}

/// What is known of a flow's replies.
pub enum Reply<'a> {
    /// Nothing.
    None,
    /// Nothing, for this reason.
    CannotTell(CannotTell),
    /// The mark by the options of the rule that the flow met.
    ByRule(Flow, ByRule<'a>),
    /// The way on the host of this name.
    On(&'a str, Flow, Box<Way<'a>>),
}

impl Answer<'_> {
    /// Whether the reply has the flow's mark; [`None`] if that cannot be told.
    pub fn agrees(&self) -> Option<bool> {
        match &self.reply {
            Reply::None | Reply::CannotTell(_) => None,
            Reply::ByRule(_, by_rule) => Some(by_rule.reply == Some(by_rule.mark)),
            Reply::On(_, _, way) => Some(self.way.mark? == way.mark?),
        }
    }
}
