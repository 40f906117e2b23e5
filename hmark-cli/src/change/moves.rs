// SPDX-License-Identifier: GPL-2.0-only

//! Flows counted by the mark that they have and the mark that they get.

use std::collections::BTreeMap;

/// A mark; [`None`] of a flow that a rule leaves unmarked.
pub type Mark = Option<u32>;

/// The most pairs of marks that are counted apart.
const MOST_PAIRS: usize = 1 << 20;

/// Flows counted by the mark that they have and the mark that they get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    pairs: BTreeMap<(Mark, Mark), u64>,
    flows: u64,
    moved: u64,
}

impl Moves {
    /// Counts so many flows that have a mark and get one.
    pub fn add(&mut self, before: Mark, after: Mark, flows: u64) {
        if flows == 0 {
            return;
        }
        self.flows = self.flows.saturating_add(flows);
        if before != after {
            self.moved = self.moved.saturating_add(flows);
        }
        let is_full = self.pairs.len() >= MOST_PAIRS;
        match self.pairs.get_mut(&(before, after)) {
            Some(count) => *count = count.saturating_add(flows),
            None if is_full => {}
            None => {
                self.pairs.insert((before, after), flows);
            }
        }
    }

    /// The number of flows.
    pub fn flows(&self) -> u64 {
        self.flows
    }

    /// The number of flows that get another mark than they have.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Whether there were too many pairs of marks to count all.
    pub fn is_full(&self) -> bool {
        self.pairs.len() >= MOST_PAIRS
    }

    /// The marks of all pairs, in order.
    pub fn marks(&self) -> Vec<Mark> {
        let mut marks: Vec<Mark> = self.pairs.keys().flat_map(|&(a, b)| [a, b]).collect();
        marks.sort_unstable();
        marks.dedup();
        marks
    }

    /// The number of flows that have the one mark and get the other.
    pub fn between(&self, before: Mark, after: Mark) -> u64 {
        self.pairs.get(&(before, after)).copied().unwrap_or(0)
    }

    /// For each mark, in order: the flows that have it, and those that get it.
    pub fn sums(&self) -> BTreeMap<Mark, (u64, u64)> {
        let mut sums: BTreeMap<Mark, (u64, u64)> = BTreeMap::new();
        for (&(before, after), &count) in &self.pairs {
            let had = sums.entry(before).or_default();
            had.0 = had.0.saturating_add(count);
            let gets = sums.entry(after).or_default();
            gets.1 = gets.1.saturating_add(count);
        }
        sums
    }

    /// For each mark, in order: the flows that it loses, and those that it gains.
    pub fn turnover(&self) -> BTreeMap<Mark, (u64, u64)> {
        let stays = |mark| self.between(mark, mark);
        self.sums()
            .into_iter()
            .map(|(mark, (had, gets))| {
                (
                    mark,
                    (
                        had.saturating_sub(stays(mark)),
                        gets.saturating_sub(stays(mark)),
                    ),
                )
            })
            .collect()
    }

    /// The moves from mark to mark, the greatest first.
    pub fn greatest(&self) -> Vec<(Mark, Mark, u64)> {
        let moves = self
            .pairs
            .iter()
            .filter(|((before, after), _)| before != after);
        let mut moves: Vec<_> = moves
            .map(|(&(before, after), &count)| (before, after, count))
            .collect();
        moves.sort_by_key(|&(before, after, count)| (std::cmp::Reverse(count), before, after));
        moves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_summed_by_mark() {
        let mut moves = Moves::default();
        for (before, after, flows) in [
            (Some(1), Some(1), 10),
            (Some(1), Some(2), 3),
            (Some(1), Some(2), 4),
            (Some(2), Some(1), 5),
            (None, Some(3), 1),
        ] {
            moves.add(before, after, flows);
        }
        assert_eq!((moves.flows(), moves.moved()), (23, 13));
        assert_eq!(moves.marks(), [None, Some(1), Some(2), Some(3)]);
        let sums = moves.sums();
        assert_eq!(sums[&Some(1)], (17, 15));
        assert_eq!(sums[&Some(2)], (5, 7));
        assert_eq!(sums[&Some(3)], (0, 1));
        assert_eq!(moves.turnover()[&Some(1)], (7, 5));
        assert_eq!(
            moves.greatest(),
            [
                (Some(1), Some(2), 7),
                (Some(2), Some(1), 5),
                (None, Some(3), 1)
            ]
        );
    }
}
