// SPDX-License-Identifier: GPL-2.0-only

//! The flows that have been seen, in bounded memory.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;

/// The most flows that are told apart: 7/8 of 2^22, so that their table takes 100 megabytes and is not
/// grown once more.
pub const MOST_FLOWS: usize = 7 << 19;

use super::hashers::Itself;
use super::opening::Opening;

/// A flow, as its packets so far were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// The row of its first packet in the spread.
    pub(super) row: u32,
    /// Its connection.
    pub opening: Opening,
    /// Whether another packet had another row.
    pub(super) has_several: bool,
}

/// The flows that have been seen, by their numbers.
pub(super) struct Seen {
    flows: HashMap<u64, Past, BuildHasherDefault<Itself>>,
    tuples: HashSet<(u32, u64), BuildHasherDefault<Itself>>,
    /// ICMP queries, and whether they were answered.
    queries: HashMap<u64, bool, BuildHasherDefault<Itself>>,
    most: usize,
    is_full: bool,
}

impl Seen {
    pub(super) fn new(most: usize) -> Self {
        Self {
            flows: HashMap::default(),
            tuples: HashSet::default(),
            queries: HashMap::default(),
            most,
            is_full: false,
        }
    }

    /// The flow of this number.
    pub(super) fn flow(&mut self, number: u64) -> Option<&mut Past> {
        self.flows.get_mut(&number)
    }

    /// Remembers an ICMP query, and returns whether it was answered before; [`None`] if it is new and there
    /// is no room for it.
    pub(super) fn ask(&mut self, number: u64) -> Option<bool> {
        if self.queries.len() >= self.most && !self.queries.contains_key(&number) {
            return None;
        }
        Some(*self.queries.entry(number).or_default())
    }

    /// Whether an ICMP query is remembered. `is_answer` says that it is answered now.
    pub(super) fn was_asked(&mut self, number: u64, is_answer: bool) -> bool {
        let query = self.queries.get_mut(&number);
        query.map(|query| *query |= is_answer).is_some()
    }

    /// Whether there is room for another flow.
    pub(super) fn has_room(&mut self) -> bool {
        self.is_full |= self.flows.len() >= self.most;
        !self.is_full
    }

    /// Whether there was a flow without room.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// The number of flows whose packets have several rows.
    pub(super) fn several(&self) -> u64 {
        self.flows.values().filter(|past| past.has_several).count() as u64
    }

    /// Remembers a flow.
    pub(super) fn add(&mut self, number: u64, past: Past) {
        self.flows.insert(number, past);
    }

    /// Remembers the tuple that a rule hashed of a flow, and returns whether it is new.
    ///
    /// That of a rule that selects all is the flow itself, which is remembered already: only of others a
    /// second table is needed.
    pub(super) fn add_tuple(&mut self, rule: u32, number: u64, flow: u64) -> bool {
        match number == flow {
            true => self.tuples.is_empty() || !self.tuples.contains(&(rule, number)),
            false => !self.flows.contains_key(&number) && self.tuples.insert((rule, number)),
        }
    }
}
