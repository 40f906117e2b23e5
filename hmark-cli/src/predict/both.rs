// SPDX-License-Identifier: GPL-2.0-only

//! Two hosts: the one that flows pass, and the one that their replies pass. The mark of each flow is compared
//! with that of its reply.

use std::collections::BTreeMap;

use hmark::rule::v1::{flag, Info};
use hmark::{Family, Packet};

use super::answer::Answer;
use super::{Asked, Judge, OfHost};
use crate::conntrack::Entry;
use crate::flow::Flow;
use crate::host::Host;
use crate::ruleset::{RuleSet, Target};
use crate::way::Question;

/// The most pairs of marks that are counted one by one, and reasons.
const MOST_PAIRS: usize = 1 << 12;
const MOST_REASONS: usize = 64;

/// A host, and the one that replies pass.
pub struct Both<'h> {
    one: OfHost<'h>,
    other: &'h Host,
    /// The device that replies come in by there.
    input: Option<&'h str>,
    /// Whether its rules of each family may translate connections, and whether they look into tunnels.
    may_translate: [bool; 2],
    looks_inside: [bool; 2],
    replies: Replies,
}

/// The marked flows, by what their replies get on the other host.
#[derive(Clone, Debug, Default)]
pub struct Replies {
    /// The flows whose replies have the same mark.
    pub same: u64,
    /// Those whose replies have another mark, or are dropped.
    pub different: u64,
    /// Those that have no reply, such as ICMP errors.
    pub without: u64,
    /// The pairs of marks of those that differ. There may be more than are counted one by one.
    pub pairs: BTreeMap<Pair, Flows>,
    /// The flows of which it cannot be told, by reason.
    pub cannot_tell: BTreeMap<String, u64>,
}

/// The mark of a flow and that of its reply, of which [`None`] is one that is dropped.
pub type Pair = (u32, Option<u32>);

/// Flows with one pair of marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flows {
    /// Their number.
    pub count: u64,
    /// The first of them.
    pub first: Flow,
}

impl<'h> Both<'h> {
    /// Compares with the replies that come to another host by a device, as far as that is known.
    pub fn new(one: OfHost<'h>, other: &'h Host, input: Option<&'h str>) -> Self {
        let of_rules = |test: fn(&RuleSet) -> bool| {
            Family::ALL.map(|family| other.side(family).ruleset.get().is_some_and(test))
        };
        Self {
            one,
            other,
            input,
            may_translate: of_rules(RuleSet::may_translate),
            looks_inside: of_rules(looks_inside),
            replies: Replies::default(),
        }
    }

    /// The judge of the flows, and what became of replies.
    pub fn finish(self) -> (OfHost<'h>, Replies) {
        (self.one, self.replies)
    }

    fn compare<P: Packet>(&mut self, asked: &Asked<'_, P>, mark: u32) {
        let Some(headers) = asked.headers() else {
            return;
        };
        let flow = headers.flow;
        let reply = match self.reply(asked, &flow) {
            Ok(None) => {
                self.replies.without = self.replies.without.saturating_add(1);
                return;
            }
            Ok(Some(reply)) => self.mark_of(reply, asked.listed),
            Err(reason) => Err(reason),
        };
        match reply {
            Ok(reply) => self.replies.add(flow, mark, reply),
            Err(reason) => self.replies.add_reason(reason),
        }
    }

    /// The reply as it comes to the other host; [`None`] if there is none.
    fn reply<P: Packet>(&self, asked: &Asked<'_, P>, flow: &Flow) -> Result<Option<Flow>, String> {
        if let Some(entry) = &asked.listed {
            let reply = entry.answer(flow).map_err(|error| error.to_string())?;
            return Ok(Some(reply));
        }
        let of_family = |[ipv4, ipv6]: [bool; 2]| match asked.family {
            Family::Ipv4 => ipv4,
            Family::Ipv6 => ipv6,
        };
        if of_family(self.may_translate) {
            let name = &self.other.name;
            return Err(format!(
                "rules of {name} may translate the connection: give its entries (--conntrack)"
            ));
        }
        let Some(identity) = asked.identity.filter(|identity| !identity.is_fragment) else {
            return Err("a fragment does not tell the ports of replies".to_owned());
        };
        if identity.is_inner() && of_family(self.looks_inside) {
            return Err("a packet in a tunnel does not tell its reply".to_owned());
        }
        Ok(flow.reply())
    }

    /// The mark of a reply on the other host; [`None`] if it is dropped there.
    fn mark_of(&self, reply: Flow, entry: Option<Entry>) -> Result<Option<u32>, String> {
        let question = Question {
            input: self.input.map(str::to_owned),
            entry,
            ..Question::new(reply)
        };
        let way = self
            .other
            .way(&question)
            .map_err(|error| format!("{error:#}"))?;
        match (way.dropped, way.mark, way.cannot_tell) {
            (Some(_), ..) => Ok(None),
            (None, Some(mark), _) => Ok(Some(mark)),
            (None, None, Some(reason)) => Err(reason.advised("--with-in-interface")),
            (None, None, None) => Err("its mark is not known".to_owned()),
        }
    }
}

/// Whether a rule looks into tunnels.
fn looks_inside(rules: &RuleSet) -> bool {
    rules.rules().any(|(_, _, rule)| match &rule.target {
        Target::Hmark(info) => info.has(flag::INNER),
        _ => false,
    })
}

impl Replies {
    fn add(&mut self, flow: Flow, mark: u32, reply: Option<u32>) {
        if reply == Some(mark) {
            self.same = self.same.saturating_add(1);
            return;
        }
        self.different = self.different.saturating_add(1);
        let is_full = self.pairs.len() >= MOST_PAIRS;
        let pair = (mark, reply);
        if let Some(flows) = self.pairs.get_mut(&pair) {
            flows.count = flows.count.saturating_add(1);
        } else if !is_full {
            let flows = Flows {
                count: 1,
                first: flow,
            };
            self.pairs.insert(pair, flows);
        }
    }

    fn add_reason(&mut self, reason: String) {
        let is_full = self.cannot_tell.len() >= MOST_REASONS;
        let reason = match is_full && !self.cannot_tell.contains_key(&reason) {
            true => "other reasons".to_owned(),
            false => reason,
        };
        let count = self.cannot_tell.entry(reason).or_default();
        *count = count.saturating_add(1);
    }

    /// The flows of which it cannot be told.
    pub fn unknown(&self) -> u64 {
        let counts = self.cannot_tell.values();
        counts.fold(0, |all, count| all.saturating_add(*count))
    }
}

impl Judge for Both<'_> {
    fn tunnels(&self) -> Option<&Info> {
        self.one.tunnels()
    }

    fn rules(&self) -> Vec<Option<Info>> {
        self.one.rules()
    }

    fn answer<P: Packet>(&mut self, asked: &Asked<'_, P>) -> Answer {
        // Of two hosts, it is the one of the way back that translates.
        let answer = self.one.answer(&Asked {
            tracking: None,
            entry: asked.entry.clone(),
            ..*asked
        });
        // A flow's other packets have the mark of its first.
        if let (Answer::Marked(marked), true) = (&answer, asked.is_new) {
            self.compare(asked, marked.mark);
        }
        answer
    }

    fn asks_for_connections(&self) -> bool {
        self.one.asks_for_connections()
    }

    fn left(&self, answer: &Answer) -> Option<u32> {
        self.one.left(answer)
    }
}
