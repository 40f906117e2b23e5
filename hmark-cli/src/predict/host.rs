// SPDX-License-Identifier: GPL-2.0-only

//! Answers by a host: each packet is sent through its rules, and each new flow's mark through its routing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasherDefault;
use std::net::IpAddr;
use std::ptr;

use hmark::rule::v1::Info;
use hmark::{Connection, Family, Packet};

use super::answer::{Answer, Marked, Reason};
use super::hashers::Quick;
use super::headers::Headers;
use super::identity::Entry;
use super::sentence::{Cause, Sentence, Sentences};
use super::{Asked, Judge};
use crate::cannot_tell::CannotTell;
use crate::flow::Flow;
use crate::host::Host;
use crate::routing::{Key, Next, Origin, Routes};
use crate::ruleset::{
    self, explain, walk, AddressType, Addresses, Fate, Hook, Left, Met, Rule, RuleSet, State,
    States, Subject, Target, Tracking, UnclearAt,
};
use crate::way::{forwarding, routed, Routed};

/// The most gateways of a mark that are remembered.
const MOST_GATEWAYS: usize = 4;

/// A host, and the way by which packets come to it.
pub struct OfHost<'h> {
    host: &'h Host,
    /// The rules of IPv4 and IPv6, or the reasons why they are not known.
    rulesets: [Result<&'h RuleSet, Sentence>; 2],
    /// The hook; [`None`] for the one that follows from a packet's source.
    hook: Option<Hook>,
    input: Option<&'h str>,
    /// The HMARK rules, and their places among them by their addresses in memory.
    rules: Vec<Info>,
    places: HashMap<*const Rule, u32, BuildHasherDefault<Quick>>,
    /// Whether rules of IPv4 and IPv6 make the kernel track connections, and whether they may translate them.
    tracks: [bool; 2],
    may_translate: [bool; 2],
    /// The reasons why packets of IPv4 and IPv6 that come by `input` are not forwarded.
    forwarding: [Result<Option<String>, CannotTell>; 2],
    gateways: BTreeMap<u32, BTreeSet<Sent<'h>>>,
    sentences: Sentences<'h>,
    /// The mark with which the last packet left.
    left: Option<u32>,
}

/// The place that a packet is sent to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sent<'h> {
    To(IpAddr),
    /// The device, or words for what takes its place.
    By(&'h str),
}

impl<'h> OfHost<'h> {
    /// Packets that come to a host by a hook and a device, as far as they are known.
    pub fn new(host: &'h Host, hook: Option<Hook>, input: Option<&'h str>) -> Self {
        let of_rules = |test: fn(&RuleSet) -> bool| {
            Family::ALL.map(|family| host.side(family).ruleset.get().is_some_and(test))
        };
        let mut of_host = Self {
            host,
            rulesets: Family::ALL.map(|family| ruleset(host, family)),
            hook,
            input,
            rules: Vec::new(),
            places: HashMap::default(),
            tracks: of_rules(RuleSet::tracks_connections),
            may_translate: of_rules(RuleSet::may_translate),
            forwarding: Family::ALL.map(|family| forwarding(host, family, input)),
            gateways: BTreeMap::new(),
            sentences: Sentences::default(),
            left: None,
        };
        for family in Family::ALL {
            let rules = host.side(family).ruleset.get();
            for (_, _, rule) in rules.iter().flat_map(|rules| rules.rules()) {
                if let Target::Hmark(info) = &rule.target {
                    let place = u32::try_from(of_host.rules.len()).unwrap_or(u32::MAX);
                    of_host.places.insert(ptr::from_ref(rule), place);
                    of_host.rules.push(**info);
                }
            }
        }
        of_host
    }

    /// The number of HMARK rules that it has.
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// The gateways that flows with a mark have, or the devices if they have none.
    pub fn gateway(&self, mark: u32) -> Option<String> {
        let gateways = self.gateways.get(&mark)?;
        let shown = gateways.iter().map(|sent| match sent {
            Sent::To(gateway) => gateway.to_string(),
            Sent::By(word) => (*word).to_owned(),
        });
        let shown: Vec<String> = shown.collect();
        Some(match shown.len() > MOST_GATEWAYS {
            true => "several".to_owned(),
            false => shown.join(" "),
        })
    }

    /// The hook that packets of a flow come by.
    pub fn hook_of(&self, family: Family, flow: &Flow) -> Hook {
        if let Some(hook) = self.hook {
            return hook;
        }
        let routes = self.host.side(family).routes.get();
        let is_local = |routes: &Routes| routes.type_of(flow.source) == Ok(AddressType::Local);
        match self.input.is_none() && routes.is_some_and(is_local) {
            true => Hook::Output,
            false => Hook::Prerouting,
        }
    }

    /// Sends a packet through the rules of the hook that it comes by. `seen` is told of each rule that
    /// matters.
    ///
    /// # Errors
    ///
    /// [`CannotTell`], or a mistake in a file of the host.
    pub fn follow<P: Packet>(
        &self,
        asked: &Asked<'_, P>,
        headers: &Headers,
        hook: Hook,
        seen: &mut dyn FnMut(Met<'h>),
    ) -> anyhow::Result<Left<'h>> {
        let rules = self.host.side(asked.family).ruleset.known()?;
        let left = self.walk(rules, asked, headers, hook, seen);
        left.map_err(|unclear| CannotTell::from(unclear).into())
    }

    fn walk<P: Packet>(
        &self,
        rules: &'h RuleSet,
        asked: &Asked<'_, P>,
        Headers { flow, is_followed }: &Headers,
        hook: Hook,
        seen: &mut dyn FnMut(Met<'h>),
    ) -> Result<Left<'h>, UnclearAt<'h>> {
        let routes = self.host.side(asked.family).routes.get();
        let tracking = tracking(asked, flow, of_family(self.may_translate, asked.family));
        let subject = Subject {
            flow,
            is_later_fragment: asked
                .identity
                .is_some_and(|identity| identity.is_later_fragment(asked.packet)),
            is_outline: false,
            is_followed: *is_followed,
            input: match hook {
                Hook::Output => Some(""),
                Hook::Prerouting => self.input,
            },
            output: match hook {
                Hook::Output => None,
                Hook::Prerouting => Some(""),
            },
            tracking,
            is_tracked: asked.tracking.is_some() || of_family(self.tracks, asked.family),
            addresses: routes.map(|routes| routes as &dyn Addresses),
        };
        walk(rules, hook, &subject, asked.packet, seen)
    }

    fn route(&mut self, family: Family, flow: &Flow, hook: Hook, mark: u32) {
        let gateways = self.gateways.entry(mark).or_default();
        if gateways.len() > MOST_GATEWAYS {
            return;
        }
        let side = self.host.side(family);
        let (Some(rules), Some(routes)) = (side.rules.get(), side.routes.get()) else {
            return;
        };
        let origin = match hook {
            Hook::Output => Origin::OwnAgain,
            Hook::Prerouting => Origin::Device(self.input),
        };
        let forwarding = of_family(self.forwarding.each_ref(), family);
        let key = Key { flow, mark, origin };
        let next = match routed(self.host, rules, routes, &key, forwarding) {
            Ok(Routed {
                found: Some(found),
                dropped: None,
            }) => Ok(found.next),
            Ok(_) => Ok(Next::Refused("dropped")),
            Err(reason) => Err(reason),
        };
        gateways.insert(match next {
            Ok(Next::Hop(hop)) => match (hop.gateway, &hop.device) {
                (Some(gateway), _) => Sent::To(gateway),
                (None, Some(device)) => Sent::By(device),
                (None, None) => Sent::By("?"),
            },
            Ok(Next::Local) => Sent::By("local"),
            Ok(Next::Broadcast) => Sent::By("broadcast"),
            Ok(Next::Refused(kind)) => Sent::By(kind),
            Ok(Next::NoRoute) => Sent::By("no route"),
            Err(_) => Sent::By("?"),
        });
    }
}

impl Judge for OfHost<'_> {
    fn tunnels(&self) -> Option<&Info> {
        self.rules.first()
    }

    fn rules(&self) -> Vec<Option<Info>> {
        self.rules.iter().copied().map(Some).collect()
    }

    fn answer<P: Packet>(&mut self, asked: &Asked<'_, P>) -> Answer {
        self.left = None;
        let Some(headers) = asked.headers() else {
            return Answer::CannotTell(Reason::Cut);
        };
        let flow = headers.flow;
        let hook = self.hook_of(asked.family, &flow);
        let rules = match of_family(self.rulesets.each_ref(), asked.family) {
            Ok(rules) => *rules,
            Err(reason) => return Answer::CannotTell(Reason::Rule(reason.clone())),
        };
        let mut last = None;
        let left = self.walk(rules, asked, &headers, hook, &mut |met| {
            if let Target::Hmark(_) = met.place.rule.target {
                last = Some(met);
            }
        });
        let Left { mark, fate, .. } = match left {
            Ok(left) => left,
            Err(unclear) => {
                let sentence = self.sentences.of(Cause::Unclear(unclear));
                return Answer::CannotTell(Reason::Rule(sentence));
            }
        };
        if let Fate::Dropped(place) = fate {
            let sentence = self.sentences.of(Cause::Dropped(place));
            return Answer::Unmarked(Reason::Rule(sentence));
        }
        self.left = Some(mark);
        let met = last.and_then(|met| {
            let Target::Hmark(info) = &met.place.rule.target else {
                return None;
            };
            let rule = self.places.get(&ptr::from_ref(met.place.rule));
            let packet = ruleset::Marked {
                packet: asked.packet,
                mark: met.before,
                connection: met.connection,
            };
            Some((*rule?, explain(asked.family, &packet, info).steps))
        });
        let answer = match met {
            Some((rule, Some(steps))) => Answer::Marked(Marked {
                mark,
                rule,
                tuple: steps.tuple,
            }),
            Some((_, None)) => Answer::Unmarked(Reason::LeftAlone),
            None => Answer::Unmarked(Reason::NoRule),
        };
        if asked.is_new && matches!(answer, Answer::Marked(_)) {
            self.route(asked.family, &flow, hook, mark);
        }
        answer
    }

    fn asks_for_connections(&self) -> bool {
        self.tracks.contains(&true)
    }

    fn left(&self, _answer: &Answer) -> Option<u32> {
        self.left
    }
}

/// The rules of a host, or the reason why they are not known.
fn ruleset(host: &Host, family: Family) -> Result<&RuleSet, Sentence> {
    let rules = host.side(family).ruleset.known();
    rules.map_err(|error| {
        Sentence::new(match error.downcast_ref::<CannotTell>() {
            Some(reason) => reason.advised("-i"),
            None => error.to_string(),
        })
    })
}

/// That of a family of what is known of both.
fn of_family<T>([ipv4, ipv6]: [T; 2], family: Family) -> T {
    match family {
        Family::Ipv4 => ipv4,
        Family::Ipv6 => ipv6,
    }
}

/// The packet's connection, as conntrack would have it after the flow's packets so far.
fn tracking<P: Packet>(asked: &Asked<'_, P>, flow: &Flow, may_translate: bool) -> Tracking {
    if let Some(tracking) = asked.tracking {
        return tracking;
    }
    let not_translated = (!may_translate).then(States::default);
    let is_quoted = asked.identity.is_some_and(|identity| identity.is_quoted());
    // What comes first in a capture may be the answer of a connection that the host translates, and what
    // comes later may have had an answer that looks like another flow.
    let is_first = asked.past.is_none();
    let is_untranslated = is_first && asked.asks();
    let of = |state, connection: Option<Connection>| Tracking {
        connection,
        mark: (state == State::New && is_first).then_some(0),
        translated: match state == State::New && is_untranslated {
            true => Some(States::default()),
            false => not_translated,
        },
        either_direction: false,
        ..Tracking::of_state(state, flow)
    };
    match asked.connection() {
        Entry::Is { connection, is_new } => {
            let state = match (is_quoted, is_new) {
                (true, _) => State::Related,
                (false, true) => State::New,
                (false, false) => State::Established,
            };
            of(state, Some(connection))
        }
        Entry::None => Tracking::of_state(State::Untracked, flow),
        Entry::Invalid => Tracking::of_state(State::Invalid, flow),
        // Nothing is known but that it may have a connection, opened by whichever end.
        Entry::Unknown(_) => Tracking {
            translated: None,
            ..Tracking::of_state(State::Unclear, flow)
        },
    }
}
