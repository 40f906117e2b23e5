// SPDX-License-Identifier: GPL-2.0-only

//! A packet's way through the chains of a hook, in the kernel's order of tables: raw, conntrack, mangle,
//! nat.

use std::net::IpAddr;

use hmark::rule::v1::Info;
use hmark::{Connection, Family, Packet};

use super::evaluate::{evaluate, Carried};
use super::marked::{mark, Marked};
use super::matches::{AddressType, Match};
use super::target::{Connmark, Target};
use super::tracking::{State, Tracking};
use super::unclear::{DroppedAt, Unclear, UnclearAt};
use super::{Chain, Hook, Place, Policy, Rule, RuleSet, States, Table};
use crate::flow::{Flow, Protocol};

/// The largest number of rules that a packet may be compared with. A ruleset whose chains call each other
/// can have far more than it has lines.
const MOST_STEPS: usize = 1 << 20;

/// The largest number of chains that a packet may be in at a time: chains that call themselves, which the
/// kernel refuses, are found by it.
const DEEPEST: usize = 256;

/// Knows the types of a host's addresses.
pub trait Addresses {
    /// The type of a unicast address.
    ///
    /// # Errors
    ///
    /// The reason why it cannot be told.
    fn type_of(&self, address: IpAddr) -> Result<AddressType, Unclear<'static>>;
}

/// A packet as matches see it, apart from its mark.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The flow that it is of.
    pub flow: &'a Flow,
    /// Whether it is a fragment other than the first one.
    pub is_later_fragment: bool,
    /// Whether the packet has no more than the flow says: in particular, nothing that an ICMP error quotes.
    pub is_outline: bool,
    /// Whether its headers can be followed to that of layer 4, so that the flow's protocol is known.
    pub is_followed: bool,
    /// The device that it comes in by; empty for the host's own packets; [`None`] if not known.
    pub input: Option<&'a str>,
    /// The device that it leaves by; empty before routing; [`None`] if not known.
    pub output: Option<&'a str>,
    /// Its connection after conntrack has seen it, unless a rule of `raw` prevents that.
    pub tracking: Tracking,
    /// Whether it is certain that conntrack looks at packets at all: rules may ask it to, and a state that a
    /// person gives implies it.
    pub is_tracked: bool,
    /// The types of the host's addresses; [`None`] if they are not known.
    pub addresses: Option<&'a dyn Addresses>,
}

/// A rule that changed something, or ended the packet's way.
#[derive(Clone, Copy, Debug)]
pub struct Met<'r> {
    /// The rule.
    pub place: Place<'r>,
    /// The packet's mark before it.
    pub before: u32,
    /// The packet's mark after it.
    pub after: u32,
    /// The packet's connection at this rule; [`None`] if it has none.
    pub connection: Option<Connection>,
}

/// A packet that has left the tables of a hook.
#[derive(Clone, Copy, Debug)]
pub struct Left<'r> {
    /// Its mark.
    pub mark: u32,
    /// Its connection.
    pub tracking: Tracking,
    /// Its fate.
    pub fate: Fate<'r>,
    /// The place of a rule that changed its type of service.
    pub type_of_service: Option<Place<'r>>,
}

/// The fate of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate<'r> {
    /// It is routed.
    Routed,
    /// It is dropped, or rejected, at this place.
    Dropped(DroppedAt<'r>),
}

/// Sends a packet through the tables of a hook. `seen` is told of each rule that matters.
///
/// Tables other than raw, mangle and nat have no chain before routing (and `filter` and `security` come after
/// marks in OUTPUT); nat only matters if it translates the destination.
///
/// # Errors
///
/// The reason why it cannot be told, at a rule.
pub fn walk<'r, P: Packet>(
    rules: &'r RuleSet,
    hook: Hook,
    subject: &Subject<'_>,
    packet: &P,
    seen: &mut dyn FnMut(Met<'r>),
) -> Result<Left<'r>, UnclearAt<'r>> {
    if let Some(missing) = rules.missing.first() {
        return Err(UnclearAt {
            reason: Unclear::Missing(missing),
            place: None,
        });
    }
    let no_connection = Tracking {
        state: State::Invalid,
        connection: None,
        mark: None,
        translated: Some(States::default()),
        either_direction: false,
    };
    let mut walker = Walker {
        family: rules.family,
        subject,
        packet,
        carried: Carried {
            mark: packet.mark(),
            tracking: no_connection,
        },
        before_conntrack: true,
        has_template: false,
        not_tracked: false,
        type_of_service: None,
        steps: 0,
        seen,
    };
    for name in ["raw", "mangle", "nat"] {
        if name == "mangle" {
            walker.conntrack();
        }
        // Only the first packet of a connection meets nat.
        let state = walker.carried.tracking.state;
        if name == "nat" && !matches!(state, State::New | State::Unclear) {
            break;
        }
        let Some(table) = rules.table(name) else {
            continue;
        };
        if let Some(place) = walker.table(table, hook)? {
            return Ok(walker.left(Fate::Dropped(place)));
        }
    }
    Ok(walker.left(Fate::Routed))
}

struct Walker<'w, 'r, P> {
    family: Family,
    subject: &'w Subject<'w>,
    packet: &'w P,
    carried: Carried,
    before_conntrack: bool,
    has_template: bool,
    not_tracked: bool,
    type_of_service: Option<Place<'r>>,
    steps: usize,
    seen: &'w mut dyn FnMut(Met<'r>),
}

/// The way on after a rule.
enum Next {
    Rule,
    Chain { place: usize, goto: bool },
    Return,
    Accept,
    Drop,
}

impl<'r, P: Packet> Walker<'_, 'r, P> {
    /// Conntrack sees the packet, between raw and mangle.
    fn conntrack(&mut self) {
        self.before_conntrack = false;
        self.carried.tracking = match self.not_tracked {
            true => Tracking::of_state(State::Untracked, self.subject.flow),
            false => self.subject.tracking,
        };
    }

    fn left(self, fate: Fate<'r>) -> Left<'r> {
        Left {
            mark: self.carried.mark,
            tracking: self.carried.tracking,
            fate,
            type_of_service: self.type_of_service,
        }
    }

    /// Sends the packet through the hook's chain of a table: the place where it is dropped, if it is.
    fn table(
        &mut self,
        table: &'r Table,
        hook: Hook,
    ) -> Result<Option<DroppedAt<'r>>, UnclearAt<'r>> {
        let Some(base) = table.chain(hook.chain()) else {
            return Ok(None);
        };
        let mut callers: Vec<(&'r Chain, usize)> = Vec::new();
        let (mut chain, mut at) = (base, 0);
        loop {
            let Some(rule) = chain.rules.get(at) else {
                // The end of a chain: back to the caller, or the policy.
                match callers.pop() {
                    Some(caller) => (chain, at) = caller,
                    None => return Ok(self.policy(table, base)),
                }
                continue;
            };
            at = at.saturating_add(1);
            let place = Place {
                table: &table.name,
                chain: &chain.name,
                rule,
            };
            self.steps = self.steps.saturating_add(1);
            if self.steps > MOST_STEPS {
                return Err(Unclear::Rules(MOST_STEPS).at(place));
            }
            match self.rule(place).map_err(|reason| reason.at(place))? {
                Next::Rule => {}
                Next::Chain { place: next, goto } => {
                    if !goto {
                        if callers.len() >= DEEPEST {
                            let reason = "chains call each other too deeply, or in a circle";
                            return Err(Unclear::Clause(reason).at(place));
                        }
                        callers.push((chain, at));
                    }
                    let Some(next) = table.chains.get(next) else {
                        return Err(Unclear::Clause("its chain is missing").at(place));
                    };
                    (chain, at) = (next, 0);
                }
                Next::Return => match callers.pop() {
                    Some(caller) => (chain, at) = caller,
                    None => return Ok(self.policy(table, base)),
                },
                Next::Accept => return Ok(None),
                Next::Drop => return Ok(Some(DroppedAt::Rule(place))),
            }
        }
    }

    fn policy(&self, table: &'r Table, base: &'r Chain) -> Option<DroppedAt<'r>> {
        let is_drop = base.policy == Some(Policy::Drop);
        is_drop.then_some(DroppedAt::Policy {
            table: &table.name,
            chain: &base.name,
        })
    }

    fn rule(&mut self, place: Place<'r>) -> Result<Next, Unclear<'r>> {
        if matches!(place.rule.target, Target::None | Target::Continue)
            || !self.matches(place.rule)?
        {
            return Ok(Next::Rule);
        }
        let before = self.carried.mark;
        let next = self.target(&place.rule.target)?;
        let is_step = match place.rule.target {
            Target::Chain { .. } | Target::Return => false,
            Target::Accept => self.before_conntrack || place.table == "mangle",
            _ => true,
        };
        if is_step {
            let met = Met {
                place,
                before,
                after: self.carried.mark,
                connection: self.connection(),
            };
            (self.seen)(met);
        }
        if let Target::TypeOfService = place.rule.target {
            self.type_of_service = Some(place);
        }
        Ok(next)
    }

    /// Whether all matches of a rule match: one that certainly does not counts more than any that cannot be
    /// told.
    fn matches(&self, rule: &'r Rule) -> Result<bool, Unclear<'r>> {
        let mut reason = None;
        for condition in &rule.matches {
            match self.evaluate(condition) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(unknown) => reason = reason.or(Some(unknown)),
            }
        }
        reason.map_or(Ok(true), Err)
    }

    fn evaluate(&self, condition: &'r Match) -> Result<bool, Unclear<'r>> {
        evaluate(condition, self.subject, &self.carried)
    }

    fn connection(&self) -> Option<Connection> {
        match self.before_conntrack {
            true => self.has_template.then(Connection::default),
            false => self.carried.tracking.connection,
        }
    }

    fn target(&mut self, target: &'r Target) -> Result<Next, Unclear<'r>> {
        match target {
            Target::None | Target::Continue | Target::TypeOfService => {}
            Target::Accept => return Ok(Next::Accept),
            Target::Drop => return Ok(Next::Drop),
            Target::Return => return Ok(Next::Return),
            Target::Chain { place, goto } => {
                return Ok(Next::Chain {
                    place: *place,
                    goto: *goto,
                })
            }
            Target::Hmark(info) => self.carried.mark = self.hmark(info)?,
            Target::Mark(bits) => self.carried.mark = bits.apply(self.carried.mark),
            Target::Connmark(connmark) => self.connmark(*connmark)?,
            Target::Notrack => (self.not_tracked, self.has_template) = (true, false),
            Target::Template => (self.not_tracked, self.has_template) = (false, true),
            Target::Translate(name) => return Err(Unclear::Translates(name)),
            Target::Jump { chain, .. } => return Err(Unclear::Chain(chain)),
            Target::Unknown(text) => return Err(Unclear::Target(text)),
        }
        Ok(Next::Rule)
    }

    fn hmark(&self, info: &Info) -> Result<u32, Unclear<'r>> {
        if self.subject.is_outline && self.subject.flow.is_icmp_error() {
            let reason = "the packet that the ICMP error quotes decides, and it is not known";
            return Err(Unclear::Clause(reason));
        }
        let mut packet = Marked {
            packet: self.packet,
            mark: self.carried.mark,
            connection: self.connection(),
        };
        let of_connection = info.has(hmark::rule::v0::flag::CT) && !self.before_conntrack;
        let has_connection = of_connection && packet.connection.is_some();
        if has_connection && !self.subject.is_tracked {
            let reason =
                "no rule of the text makes the kernel track connections, so \"ct\" may find none";
            return Err(Unclear::Clause(reason));
        }
        // Its tuple of other protocols, and what is valid of them, is conntrack's own matter.
        let connection = packet.connection.filter(|_| has_connection);
        let protocol =
            connection.map_or(self.subject.flow.protocol, |found| Protocol(found.protocol));
        let is_plain = matches!(
            protocol,
            Protocol::TCP | Protocol::UDP | Protocol::SCTP | Protocol::ICMP | Protocol::ICMPV6
        );
        if has_connection && !is_plain {
            return Err(Unclear::Tuple(protocol));
        }
        let tracking = &self.carried.tracking;
        if has_connection && tracking.state == State::Unclear {
            let reason = "the packet does not tell its connection in conntrack";
            return Err(Unclear::Clause(reason));
        }
        if has_connection && tracking.translated.is_none() {
            let reason = "it is not known whether the connection is translated";
            return Err(Unclear::Clause(reason));
        }
        let found = mark(self.family, &packet, info);
        if has_connection && tracking.either_direction {
            packet.connection = packet.connection.map(|connection| connection.reversed());
            if mark(self.family, &packet, info) != found {
                let reason = "it is not known which end opened the connection";
                return Err(Unclear::Clause(reason));
            }
        }
        Ok(found.unwrap_or(self.carried.mark))
    }

    fn connmark(&mut self, connmark: Connmark) -> Result<(), Unclear<'r>> {
        let Carried { mark, tracking } = &mut self.carried;
        if tracking.connection.is_none() {
            return Ok(());
        }
        let unknown = Unclear::Clause("the connection's mark is not known");
        let known = tracking.mark.ok_or(unknown);
        match connmark {
            Connmark::Set(bits) if bits.clear == u32::MAX => tracking.mark = Some(bits.invert),
            Connmark::Set(bits) => tracking.mark = Some(bits.apply(known?)),
            Connmark::Save { packet, connection } => {
                let old = match connection {
                    u32::MAX => 0,
                    _ => known?,
                };
                tracking.mark = Some((old & !connection) ^ (*mark & packet));
            }
            Connmark::Restore { packet, connection } => {
                *mark = (*mark & !packet) ^ (known? & connection);
            }
        }
        Ok(())
    }
}
