// SPDX-License-Identifier: GPL-2.0-only

//! The answers for packets, counted in bounded memory.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use hmark::{Family, Packet};

use super::answer::{Answer, Reason};
use super::hashers::Quick;
use super::identity::{Entry, Identities, Identity, Query};
use super::opening::Opening;
use super::recorded::Recorded;
use super::seen::{Past, Seen};
use super::tracked::Tracked;
use super::{tracked, Asked, Judge};
use crate::capture::Cut;
use crate::ruleset::Tracking;
use crate::spread::{Amount, OfRule, Spread};

/// The most marks that are counted one by one.
const MOST_MARKS: usize = 1 << 20;

/// The most reasons, likewise. A few more are for the rest.
const MOST_REASONS: usize = 1 << 10;

/// Counts answers.
pub struct Tally {
    identities: Identities,
    seen: Seen,
    rows: Vec<Row>,
    marks: Rows<(u32, u32)>,
    /// Rows of packets that are not marked, and of those whose mark cannot be told.
    unmarked: Rows<Reason>,
    cannot_tell: Rows<Reason>,
    fragments: u64,
    time: Option<(u64, u64)>,
    pub(super) recorded: Recorded,
}

/// The rows of answers.
type Rows<K> = HashMap<K, u32, BuildHasherDefault<Quick>>;

/// The flows with one answer.
#[derive(Clone, Copy, Default)]
struct Row {
    amount: Amount,
    tuples: u64,
    /// The rule and the mark, if there is one.
    mark: Option<(u32, u32)>,
}

/// The counted answers.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// The marks.
    pub spread: Spread,
    /// Packets that are not marked, the most frequent reason first.
    pub unmarked: Vec<(Reason, Amount)>,
    /// Packets whose mark cannot be told, likewise.
    pub cannot_tell: Vec<(Reason, Amount)>,
    /// The number of flows with packets of several marks, or with marked and unmarked ones. They are
    /// counted where their first packet is.
    pub several: u64,
    /// The number of packets that are fragments: their flows have no ports.
    pub fragments: u64,
    /// Whether there are more flows than are told apart, so that their numbers are those of the first.
    pub has_more_flows: bool,
    /// Whether the numbers of packets are known.
    pub has_packets: bool,
    /// Whether the numbers of bytes are known.
    pub has_bytes: bool,
    /// Times of the first and the last packet in nanoseconds since 1970; [`None`] if they are not known.
    pub time: Option<(u64, u64)>,
    /// The marks that the capture recorded, compared with the predicted ones.
    pub recorded: Recorded,
    /// The place where the capture was cut.
    pub cut: Option<Cut>,
}

impl Tally {
    /// Nothing, for the answers of a judge.
    pub fn new<J: Judge>(judge: &J, most_flows: usize) -> Self {
        Self {
            identities: Identities::new(judge.tunnels()),
            seen: Seen::new(most_flows),
            rows: Vec::new(),
            marks: Rows::default(),
            unmarked: Rows::default(),
            cannot_tell: Rows::default(),
            fragments: 0,
            time: None,
            recorded: Recorded::default(),
        }
    }

    /// The flow of a packet.
    pub fn identity<P: Packet>(&self, family: Family, packet: &P) -> Option<Identity> {
        self.identities.of(family, packet)
    }

    /// A packet, with what is known of its flow so far.
    pub fn asked<'a, P: Packet>(
        &mut self,
        family: Family,
        packet: &'a P,
        identity: Option<Identity>,
        tracking: Option<Tracking>,
    ) -> Asked<'a, P> {
        let past = identity.and_then(|identity| self.seen.flow(identity.flow).copied());
        let is_new = past.is_none() && self.seen.has_room();
        let (entry, opening) = match identity {
            _ if past.is_none() && !is_new => (Entry::Unknown(Reason::Forgotten), Opening::Unclear),
            Some(identity) => self.connection(&identity, packet, past),
            None => (Entry::Unknown(Reason::Connection), Opening::Unclear),
        };
        Asked {
            family,
            packet,
            identity,
            past,
            is_new,
            tracking,
            listed: None,
            entry,
            opening,
        }
    }

    /// The packet's entry in conntrack, and the state of its flow's connection after it.
    fn connection<P: Packet>(
        &mut self,
        identity: &Identity,
        packet: &P,
        past: Option<Past>,
    ) -> (Entry, Opening) {
        let mut opening = past.map_or(Opening::None, |past| past.opening);
        if identity.is_inside() {
            return (Entry::Unknown(Reason::Connection), Opening::Unclear);
        }
        if let Some((query, is_query)) = identity.query(packet) {
            return (self.query(identity, packet, query, is_query), opening);
        }
        // A fragment before may have opened the connection, of which it did not have the ports.
        if past.is_none() && self.fragments > 0 && !tracked::asks(identity.layer4(), packet) {
            let number = self.identities.of_fragments(identity);
            if self.seen.flow(number).is_some() {
                opening = Opening::Unclear;
            }
        }
        opening.next(identity, packet)
    }

    /// The entry of an ICMP query, a reply to it, or an error about either.
    fn query<P: Packet>(
        &mut self,
        identity: &Identity,
        packet: &P,
        query: Query,
        is_query: bool,
    ) -> Entry {
        let is_quoted = identity.is_quoted();
        match tracked::state(identity.layer4(), packet) {
            Tracked::Yes if is_quoted && !identity.is_addressed_to_sender(packet) => {
                return Entry::Invalid
            }
            Tracked::Yes => {}
            Tracked::No => return Entry::None,
            Tracked::Invalid => return Entry::Invalid,
            Tracked::Unknown => return Entry::Unknown(Reason::Connection),
        }
        let number = self.identities.of_query(identity.flow, query);
        let was_answered = match is_query && !is_quoted {
            true => self.seen.ask(number),
            false => self.seen.was_asked(number, !is_quoted).then_some(true),
        };
        match was_answered {
            Some(was_answered) => Entry::Is {
                connection: identity.connection(packet, query.asks_forward),
                is_new: !was_answered,
            },
            None => Entry::Unknown(Reason::Connection),
        }
    }

    /// Takes note of a packet's time, in nanoseconds since 1970; 0 if it is not known.
    pub fn see(&mut self, time: u64) {
        if time != 0 {
            self.time = Some(match self.time {
                Some((first, last)) => (first.min(time), last.max(time)),
                None => (time, time),
            });
        }
    }

    /// Counts an answer for so many packets of a flow, whose connection is as said after them, with this past,
    /// which [`Self::asked`] has looked up: of many flows, that takes the most time.
    pub fn count(
        &mut self,
        answer: Answer,
        flow: Option<(Identity, Opening)>,
        past: Option<Past>,
        packets: u64,
        bytes: u64,
    ) {
        // Most packets get what the first one of their flow got.
        let row = match (&answer, past.and_then(|past| self.rows.get(at(past.row)))) {
            (Answer::Marked(new), Some(row)) if row.mark == Some((new.rule, new.mark)) => {
                past.map(|past| past.row)
            }
            _ => None,
        };
        let row = row.unwrap_or_else(|| self.row(&answer));
        let mut amount = Amount {
            flows: 0,
            packets,
            bytes,
        };
        let mut tuples = 0;
        if let Some((identity, opening)) = flow {
            if identity.is_fragment {
                self.fragments = self.fragments.saturating_add(packets);
            }
            if let Some(past) = past {
                // Nothing is new about most packets.
                if past.row != row && !past.has_several || past.opening != opening {
                    if let Some(past) = self.seen.flow(identity.flow) {
                        past.has_several |= past.row != row;
                        past.opening = opening;
                    }
                }
            } else if self.seen.has_room() {
                amount.flows = 1;
                let past = Past {
                    row,
                    opening,
                    has_several: false,
                };
                self.seen.add(identity.flow, past);
                if let Answer::Marked(marked) = &answer {
                    let number = self.identities.of_hashed(&marked.tuple, &identity);
                    tuples = u64::from(self.seen.add_tuple(marked.rule, number, identity.flow));
                }
            }
        }
        if let Some(row) = self.rows.get_mut(at(row)) {
            row.amount.add(amount);
            row.tuples = row.tuples.saturating_add(tuples);
        }
    }

    /// The row of an answer, which is made if there is none.
    fn row(&mut self, answer: &Answer) -> u32 {
        let next = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let mut mark = None;
        let row = match answer {
            Answer::Marked(marked) => {
                let key = (marked.rule, marked.mark);
                match self.marks.get(&key) {
                    Some(row) => return *row,
                    None if self.marks.len() < MOST_MARKS => {
                        mark = Some(key);
                        *self.marks.entry(key).or_insert(next)
                    }
                    None => self.row_of_reason(true, &Reason::OtherMarks),
                }
            }
            Answer::Unmarked(reason) => self.row_of_reason(true, reason),
            Answer::CannotTell(reason) => self.row_of_reason(false, reason),
        };
        if row == next {
            self.rows.push(Row {
                mark,
                ..Row::default()
            });
        }
        row
    }

    fn row_of_reason(&mut self, is_unmarked: bool, reason: &Reason) -> u32 {
        let next = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let count = self.unmarked.len().saturating_add(self.cannot_tell.len());
        let rows = match is_unmarked {
            true => &mut self.unmarked,
            false => &mut self.cannot_tell,
        };
        if let Some(row) = rows.get(reason) {
            return *row;
        }
        let reason = match count >= MOST_REASONS {
            true => Reason::Others,
            false => reason.clone(),
        };
        *rows.entry(reason).or_insert(next)
    }

    /// All that was counted.
    pub fn finish<J: Judge>(self, judge: &J) -> Prediction {
        let row = |place: u32| self.rows.get(at(place)).copied().unwrap_or_default();
        let mut spread = Spread::new(judge.rules());
        for ((rule, mark), place) in &self.marks {
            let Row { amount, tuples, .. } = row(*place);
            spread.add(at(*rule), *mark, OfRule { amount, tuples });
        }
        let amounts = |rows: &Rows<Reason>| {
            let reasons = rows.iter();
            let mut reasons: Vec<_> = reasons
                .map(|(reason, place)| (reason.clone(), row(*place).amount))
                .collect();
            reasons.sort_by_key(|(reason, amount)| {
                let most = std::cmp::Reverse((amount.packets, amount.flows));
                (most, reason.to_string())
            });
            reasons
        };
        Prediction {
            spread,
            unmarked: amounts(&self.unmarked),
            cannot_tell: amounts(&self.cannot_tell),
            several: self.seen.several(),
            fragments: self.fragments,
            has_more_flows: self.seen.is_full(),
            has_packets: true,
            has_bytes: true,
            time: self.time,
            recorded: self.recorded,
            cut: None,
        }
    }
}

/// A place in a list.
fn at(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

impl Prediction {
    /// All flows, packets and bytes.
    pub fn whole(&self) -> Amount {
        let mut whole = self.spread.whole();
        for (_, amount) in self.unmarked.iter().chain(&self.cannot_tell) {
            whole.add(*amount);
        }
        whole
    }
}
