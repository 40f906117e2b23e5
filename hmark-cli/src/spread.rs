// SPDX-License-Identifier: GPL-2.0-only

//! How flows are spread over marks: the numbers of flows, packets and bytes of each, and how likely it is
//! that a uniform hash spreads them so.

use std::collections::{BTreeMap, HashMap};

use hmark::rule::v1::Info;

use crate::change::shares::shares;
use crate::chi_square::ChiSquare;

/// Flows, packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Flows, both directions as one.
    pub flows: u64,
    /// Packets.
    pub packets: u64,
    /// Bytes, from the network header on.
    pub bytes: u64,
}

impl Amount {
    /// Adds another amount.
    pub fn add(&mut self, other: Self) {
        self.flows = self.flows.saturating_add(other.flows);
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// The flows of one mark by one rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfRule {
    /// The amount.
    pub amount: Amount,
    /// The number of different tuples that the rule hashed. Flows with one tuple must have one mark, and
    /// say nothing of the hash.
    pub tuples: u64,
}

/// The least number of tuples that a mark must expect for [`Spread::chi_square`] to say something: a rule
/// of thumb for Pearson's test.
const LEAST_EXPECTED: f64 = 5.0;

/// The flows of each mark.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    rules: Vec<Option<Info>>,
    counts: HashMap<(usize, u32), OfRule>,
}

/// One mark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The mark.
    pub mark: u32,
    /// Its flows, packets and bytes.
    pub amount: Amount,
    /// Its share of all marked flows, 0 to 1.
    pub share: f64,
    /// The share that it is to have, 0 to 1; [`None`] if that is not known.
    pub expected: Option<f64>,
}

impl Spread {
    /// A spread over the marks of rules, of which [`None`] is one whose shares are not known.
    pub fn new(rules: Vec<Option<Info>>) -> Self {
        Self {
            rules,
            counts: HashMap::new(),
        }
    }

    /// Adds flows to a mark, by the rule at this place.
    pub fn add(&mut self, rule: usize, mark: u32, count: OfRule) {
        let place = self.counts.entry((rule, mark)).or_default();
        place.amount.add(count.amount);
        place.tuples = place.tuples.saturating_add(count.tuples);
    }

    /// All marked flows.
    pub fn whole(&self) -> Amount {
        let mut whole = Amount::default();
        for count in self.counts.values() {
            whole.add(count.amount);
        }
        whole
    }

    /// All different tuples.
    pub fn tuples(&self) -> u64 {
        let tuples = self.counts.values().map(|count| count.tuples);
        tuples.fold(0, u64::saturating_add)
    }

    /// The marks in their order: those of rules that marked a flow, and those that flows have.
    pub fn shares(&self) -> Vec<Share> {
        let mut marks: BTreeMap<u32, Amount> = BTreeMap::new();
        let mut flows_of_rule: BTreeMap<usize, u64> = BTreeMap::new();
        for ((rule, mark), count) in &self.counts {
            marks.entry(*mark).or_default().add(count.amount);
            let flows = flows_of_rule.entry(*rule).or_default();
            *flows = flows.saturating_add(count.amount.flows);
        }
        let whole = self.whole().flows.max(1) as f64;
        let mut expected = Some(BTreeMap::new());
        for (rule, flows) in flows_of_rule {
            let Some(shares) = self.shares_of(rule) else {
                expected = None;
                break;
            };
            if let Some(expected) = &mut expected {
                for (mark, share) in shares {
                    *expected.entry(mark).or_insert(0.0) += share * flows as f64 / whole;
                }
            }
        }
        for mark in expected.iter().flat_map(BTreeMap::keys) {
            marks.entry(*mark).or_default();
        }
        let share = |(mark, amount): (u32, Amount)| Share {
            mark,
            amount,
            share: amount.flows as f64 / whole,
            expected: expected
                .as_ref()
                .map(|expected| expected.get(&mark).copied().unwrap_or(0.0)),
        };
        marks.into_iter().map(share).collect()
    }

    /// The deviation of the hashed tuples from the rules' shares, all rules together.
    ///
    /// [`None`] if shares are not known, there is nothing to compare, or it is too little.
    pub fn chi_square(&self) -> Option<ChiSquare> {
        let mut tuples: BTreeMap<usize, BTreeMap<u32, u64>> = BTreeMap::new();
        for ((rule, mark), count) in &self.counts {
            tuples.entry(*rule).or_default().insert(*mark, count.tuples);
        }
        let mut whole: Option<ChiSquare> = None;
        for (rule, tuples) in tuples {
            let shares = self.shares_of(rule)?;
            let all = tuples
                .values()
                .fold(0, |all: u64, &count| all.saturating_add(count));
            let least = shares.values().filter(|&&share| share > 0.0);
            let least = least.fold(f64::INFINITY, |least, &share| least.min(share));
            if all as f64 * least < LEAST_EXPECTED {
                return None;
            }
            // A mark that the rule does not have has bits that an earlier rule set.
            if tuples.keys().any(|mark| !shares.contains_key(mark)) {
                return None;
            }
            let count = |mark| tuples.get(mark).copied().unwrap_or(0);
            let counts = shares.keys().map(|mark| usize::try_from(count(mark)));
            let counts: Vec<usize> = counts.collect::<Result<_, _>>().ok()?;
            let shares: Vec<f64> = shares.into_values().collect();
            let one = ChiSquare::from_shares(&counts, &shares);
            whole = Some(match whole {
                Some(whole) => whole.and(&one),
                None => one,
            });
        }
        whole.filter(|whole| whole.degrees() > 0)
    }

    fn shares_of(&self, rule: usize) -> Option<BTreeMap<u32, f64>> {
        shares(self.rules.get(rule)?.as_ref()?)
    }
}

#[cfg(test)]
mod tests {
    use hmark::Family;

    use super::*;
    use crate::change::edit::read;

    fn of_rule(flows: u64, tuples: u64) -> OfRule {
        OfRule {
            amount: Amount {
                flows,
                packets: flows,
                bytes: flows,
            },
            tuples,
        }
    }

    fn spread(rules: &[&str], counts: &[(usize, u32, u64, u64)]) -> Spread {
        let rules = rules.iter().map(|rule| read(rule, Family::Ipv4).ok());
        let mut spread = Spread::new(rules.collect());
        for &(rule, mark, flows, tuples) in counts {
            spread.add(rule, mark, of_rule(flows, tuples));
        }
        spread
    }

    #[test]
    fn marks_without_a_flow_are_there_with_what_was_expected() {
        let spread = spread(
            &["--hmark-mod 3 --hmark-offset 10"],
            &[(0, 10, 30, 30), (0, 12, 10, 10)],
        );
        let shares: Vec<_> = spread.shares();
        let flows: Vec<_> = shares
            .iter()
            .map(|share| (share.mark, share.amount.flows))
            .collect();
        assert_eq!(flows, [(10, 30), (11, 0), (12, 10)]);
        assert_eq!(shares[0].share, 0.75);
        assert!(shares
            .iter()
            .all(|share| (share.expected.unwrap() - 1.0 / 3.0).abs() < 1e-8));
    }

    #[test]
    fn rules_expect_what_their_own_flows_share() {
        // Three quarters of the flows meet the first rule, whose marks the second has in part.
        let spread = spread(
            &["--hmark-mod 2", "--hmark-mod 2 --hmark-offset 1", "nothing"],
            &[(0, 0, 50, 50), (0, 1, 25, 25), (1, 1, 25, 25)],
        );
        let expected: Vec<_> = spread
            .shares()
            .iter()
            .map(|share| share.expected.unwrap())
            .collect();
        assert_eq!(expected, [0.375, 0.5, 0.125]);
        let mut unknown = spread.clone();
        unknown.add(2, 7, of_rule(1, 1));
        assert!(unknown
            .shares()
            .iter()
            .all(|share| share.expected.is_none()));
        assert!(unknown.chi_square().is_none());
    }

    #[test]
    fn chi_square_is_of_tuples_and_of_all_rules() {
        let rules = ["--hmark-mod 2", "--hmark-mod 2 --hmark-offset 1"];
        // All flows of a client have one mark, and there are few clients.
        let counts = [
            (0, 0, 5000, 90),
            (0, 1, 10, 110),
            (1, 1, 5, 100),
            (1, 2, 5, 100),
        ];
        let chi_square = spread(&rules, &counts).chi_square().unwrap();
        assert_eq!((chi_square.statistic(), chi_square.degrees()), (2.0, 2));
        let few = [(0, 0, 4, 4), (0, 1, 5, 5)];
        assert!(spread(&rules, &few).chi_square().is_none());
        assert!(spread(&rules, &[]).chi_square().is_none());
        // A mark that has no share by its weight has a flow: that cannot be chance.
        let weighted = ["--hmark-mod 2 --hmark-weight 1=0"];
        assert!(spread(&weighted, &[(0, 0, 9, 9)]).chi_square().is_none());
        let three = ["--hmark-mod 3 --hmark-weight 2=0"];
        let wrong = spread(&three, &[(0, 0, 50, 50), (0, 1, 50, 50), (0, 2, 1, 1)]);
        assert_eq!(wrong.chi_square().unwrap().probability(), 0.0);
    }
}
