// SPDX-License-Identifier: GPL-2.0-only

//! The way of a flow's packets on a host: the rules that they meet, the mark, and the route that it selects.

mod kernel;
mod notes;
mod reply;
mod settings;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use anyhow::{Error, Result};
use hmark::{Explanation, Family};

pub use kernel::{routed, Dropped, Routed};
pub use reply::{reply_by_rule, ByRule};
pub use settings::forwarding;

pub use crate::conntrack::Entry;

use crate::cannot_tell::CannotTell;
use crate::flow::Flow;
use crate::host::Host;
use crate::routing::{Found, Hop, Key, Next, Origin, Routes, RoutingRules};
use crate::ruleset::{
    explain, walk, Addresses, Fate, Hook, Left, Marked, Met, RuleSet, State, States, Subject,
    Target, Tracking,
};

/// A question: where do packets of this flow go?
#[derive(Clone, Debug)]
pub struct Question {
    /// The flow, as its packets come to the host or leave it.
    pub flow: Flow,
    /// The hook at which they come; [`None`] for the one that follows from the other parts.
    pub hook: Option<Hook>,
    /// The device that they come in by.
    pub input: Option<String>,
    /// The state of their connection; [`None`] for a new one.
    pub state: Option<State>,
    /// Their connection's entry in conntrack.
    pub entry: Option<Entry>,
    /// Their mark before all rules.
    pub mark: u32,
}

impl Question {
    /// The question about the first, unmarked packet of a flow.
    pub fn new(flow: Flow) -> Self {
        Self {
            flow,
            hook: None,
            input: None,
            state: None,
            entry: None,
            mark: 0,
        }
    }
}

/// The way of a packet, as far as it can be told.
#[derive(Clone, Debug)]
pub struct Way<'h> {
    /// The flow.
    pub flow: Flow,
    /// The hook at which its packets come.
    pub hook: Hook,
    /// The rules that mattered.
    pub steps: Vec<Step<'h>>,
    /// The mark with which the packet is routed.
    pub mark: Option<u32>,
    /// The rule that drops it, or the reason why the kernel does.
    pub dropped: Option<Dropped>,
    /// Its destination when it is routed, which differs if its connection is translated.
    pub destination: IpAddr,
    /// The rule and route that it takes.
    pub found: Option<Found<'h>>,
    /// What is surprising about that rule: that it does not ask for the mark, and what the one that does
    /// leads to.
    pub note: Option<String>,
    /// The reason why the rest cannot be told.
    pub cannot_tell: Option<CannotTell>,
}

/// A rule of iptables that mattered.
#[derive(Clone, Debug)]
pub struct Step<'h> {
    /// The rule, with the mark before and after it.
    pub met: Met<'h>,
    /// The steps of HMARK, if that is its target.
    pub explanation: Option<Explanation>,
}

impl Way<'_> {
    /// The hop that the packet takes; [`None`] if it takes none, or that cannot be told.
    pub fn hop(&self) -> Option<&Hop> {
        if self.dropped.is_some() {
            return None;
        }
        match self.found.as_ref()?.next {
            Next::Hop(hop) => Some(hop),
            _ => None,
        }
    }

    /// The address of the host that the packet is handed to: the gateway, or the destination itself.
    pub fn gateway(&self) -> Option<IpAddr> {
        Some(self.hop()?.gateway.unwrap_or(self.destination))
    }
}

impl Host {
    /// Answers a question. What cannot be told is a part of the answer.
    ///
    /// # Errors
    ///
    /// If a file of the host could not be read, or the question contradicts itself.
    pub fn way(&self, question: &Question) -> Result<Way<'_>> {
        let flow = question.flow;
        let routes = self.side(flow.family()).routes.get();
        let hook = question.hook.unwrap_or_else(|| hook(question, routes));
        let mut way = Way {
            flow,
            hook,
            steps: Vec::new(),
            mark: None,
            dropped: None,
            destination: flow.destination,
            found: None,
            note: None,
            cannot_tell: None,
        };
        if let Err(error) = self.follow(question, &mut way) {
            way.cannot_tell = Some(error.downcast::<CannotTell>()?);
        }
        Ok(way)
    }

    fn follow<'h>(&'h self, question: &Question, way: &mut Way<'h>) -> Result<()> {
        let flow = &question.flow;
        let side = self.side(flow.family());
        let rules = side.ruleset.known()?;
        let tracking = tracking(question, rules)?;
        if way.hook == Hook::Prerouting {
            way.dropped = kernel::dropped_at_once(flow, question.input.as_deref());
            if way.dropped.is_some() {
                return Ok(());
            }
        }
        let forwarding = forwarding(self, flow.family(), question.input.as_deref());
        let routing = || -> Result<(&'h RoutingRules, &'h Routes)> {
            Ok((side.rules.known()?, side.routes.known()?))
        };
        // The host's own packets have a route before they meet rules.
        let first = match way.hook {
            Hook::Output => Some(routing().and_then(|(rules, routes)| {
                let key = Key {
                    flow,
                    mark: question.mark,
                    origin: Origin::Own,
                };
                Ok(routed(self, rules, routes, &key, &forwarding)?)
            })),
            Hook::Prerouting => None,
        };
        let output = match &first {
            Some(Ok(routed)) => routed.found.as_ref().and_then(|found| device(&found.next)),
            Some(Err(_)) => None,
            None => Some(""),
        };
        let subject = Subject {
            flow,
            is_later_fragment: false,
            is_outline: true,
            is_followed: true,
            input: match way.hook {
                Hook::Output => Some(""),
                Hook::Prerouting => question.input.as_deref(),
            },
            output,
            tracking,
            is_tracked: is_tracked(question, rules),
            addresses: side.routes.get().map(|routes| routes as &dyn Addresses),
        };
        let left = self.marked(rules, way, &subject, question.mark)?;
        way.mark = Some(left.mark);
        if let Fate::Dropped(place) = left.fate {
            way.dropped = Some(Dropped::ByRule(place.to_string()));
            return Ok(());
        }
        if let Some(place) = left.type_of_service {
            let reason = "a rule changes the type of service, by which routes may be chosen";
            return Err(CannotTell::because(reason).at(place).into());
        }
        let mut translated = *flow;
        if let Some(entry) = &question.entry {
            (translated.destination, translated.layer4) = entry.destination(flow);
        }
        way.destination = translated.destination;
        let (rules, routes) = routing()?;
        let Routed { found, dropped } = match first {
            Some(first) if left.mark == question.mark && translated == *flow => first?,
            first => {
                let key = Key {
                    flow: &translated,
                    mark: left.mark,
                    origin: match first {
                        Some(_) => Origin::OwnAgain,
                        None => Origin::Device(question.input.as_deref()),
                    },
                };
                routed(self, rules, routes, &key, &forwarding)?
            }
        };
        (way.found, way.dropped) = (found, dropped.map(Dropped::ByKernel));
        way.note = notes::note(way, rules, routes);
        Ok(())
    }

    /// Sends the packet through the rules, and notes each that matters.
    fn marked<'h>(
        &self,
        rules: &'h RuleSet,
        way: &mut Way<'h>,
        subject: &Subject<'_>,
        mark: u32,
    ) -> Result<Left<'h>, CannotTell> {
        let mut packet = subject.flow.packet();
        packet.mark = mark;
        let (family, steps): (Family, _) = (rules.family, &mut way.steps);
        let left = walk(rules, way.hook, subject, &packet, &mut |met| {
            let explanation = match &met.place.rule.target {
                Target::Hmark(info) => {
                    let packet = Marked {
                        packet: &packet,
                        mark: met.before,
                        connection: met.connection,
                    };
                    Some(explain(family, &packet, info))
                }
                _ => None,
            };
            steps.push(Step { met, explanation });
        });
        Ok(left?)
    }
}

/// The hook at which a question's packets come: those of the host's own addresses are its own.
fn hook(question: &Question, routes: Option<&Routes>) -> Hook {
    let is_local = |routes: &Routes| {
        let kind = routes.type_of(question.flow.source);
        kind == Ok(crate::ruleset::AddressType::Local)
    };
    match question.input.is_none() && routes.is_some_and(is_local) {
        true => Hook::Output,
        false => Hook::Prerouting,
    }
}

/// The device of a packet's first route; [`None`] if it is not known.
fn device<'h>(next: &Next<'h>) -> Option<&'h str> {
    match next {
        Next::Hop(hop) => hop.device.as_deref(),
        Next::Local => Some("lo"),
        _ => None,
    }
}

fn tracking(question: &Question, rules: &RuleSet) -> Result<Tracking, Error> {
    let mut tracking = match &question.entry {
        Some(entry) => entry.tracking(&question.flow)?,
        None => {
            let state = question.state.unwrap_or(State::New);
            Tracking::of_state(state, &question.flow)
        }
    };
    if let (Some(state), true) = (question.state, question.entry.is_some()) {
        tracking.state = state;
    }
    if tracking.translated.is_none() && !rules.may_translate() {
        tracking.translated = Some(States::default());
    }
    Ok(tracking)
}

/// Whether it is certain that conntrack looks at the question's packets.
fn is_tracked(question: &Question, rules: &RuleSet) -> bool {
    question.state.is_some() || question.entry.is_some() || rules.tracks_connections()
}
