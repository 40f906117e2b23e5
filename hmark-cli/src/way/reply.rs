// SPDX-License-Identifier: GPL-2.0-only

//! The mark of a flow's replies, by the same rule text: a cluster's hosts agree if it is the flow's own.

use hmark::rule::v0::flag;
use hmark::rule::v1::Info;

use super::Way;
use crate::flow::Flow;
use crate::ruleset::{explain, Marked, Place, Target};

/// The mark of the reply, by a rule that the flow met.
#[derive(Clone, Copy, Debug)]
pub struct ByRule<'h> {
    /// The rule.
    pub place: Place<'h>,
    /// The mark that the flow got by it.
    pub mark: u32,
    /// The mark that the reply gets by its options; [`None`] if they leave the mark alone.
    pub reply: Option<u32>,
    /// Whether the rule hashes the connection, which both directions share.
    pub of_connection: bool,
}

/// The mark of a reply by the options of the last HMARK rule that the flow met, whatever that rule matches.
///
/// [`None`] if it met none.
pub fn reply_by_rule<'h>(way: &Way<'h>, reply: &Flow) -> Option<ByRule<'h>> {
    let mut steps = way.steps.iter().rev();
    let (step, info) = steps.find_map(|step| match &step.met.place.rule.target {
        Target::Hmark(info) => Some((step, info)),
        _ => None,
    })?;
    let info: &Info = info;
    let packet = reply.packet();
    let packet = Marked {
        packet: &packet,
        mark: step.met.before,
        // Both directions have one entry.
        connection: match info.has(flag::CT) {
            true => step.met.connection,
            false => None,
        },
    };
    let steps = explain(reply.family(), &packet, info).steps;
    Some(ByRule {
        place: step.met.place,
        mark: step.met.after,
        reply: steps.map(|steps| steps.mark),
        of_connection: info.has(flag::CT),
    })
}
