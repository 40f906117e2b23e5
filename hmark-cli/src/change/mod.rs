// SPDX-License-Identifier: GPL-2.0-only

//! A change of a rule: which flows move to other marks, and which of them need not.

pub mod commands;
pub mod edit;
pub mod flows;
mod hashes;
mod least;
mod moves;
pub mod new_marks;
pub mod planned;
pub mod shares;

use hmark::rule::v1::{flag, Info};
use hmark::rule::{v0, Rule};
use hmark::Family;

pub use hashes::{mark_of_flow, SAMPLES};
pub use least::Way;
pub use moves::{Mark, Moves};

/// A rule, and the rule that it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The family of the packets that both are for.
    pub family: Family,
    /// The rule as it is.
    pub before: Info,
    /// The rule as it is to be.
    pub after: Info,
}

/// The flows that were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// All 2^32 hashes, each of which stands for as many flows: the figures are exact.
    AllHashes,
    /// So many hashes, evenly chosen.
    Hashes,
    /// So many flows with random ends, since the two rules hash flows differently.
    RandomFlows,
    /// Given flows.
    Flows,
}

/// A change's moves, measured.
#[derive(Clone, Debug)]
pub struct Effect {
    /// The flows that were looked at.
    pub looked: Looked,
    /// Their marks before and after.
    pub moves: Moves,
    /// The share of all flows that must move, 0 to 1; [`None`] if there are too many marks to say.
    pub must: Option<f64>,
}

impl Change {
    /// Measures the moves: exactly, if the rules do nothing but scale one hash, or `samples` is at least
    /// 2^32, and else by so many samples. `progress` is now and then told how many of how many are done.
    pub fn measure(&self, samples: u64, progress: &mut dyn FnMut(u64, u64)) -> Effect {
        let (looked, moves) = match self.has_one_hash() {
            true => hashes::of_one_hash(self, samples, progress),
            false => (
                Looked::RandomFlows,
                hashes::of_random_flows(self, samples, progress),
            ),
        };
        self.effect(looked, moves)
    }

    /// The effect on flows that were looked at, whose marks are known.
    pub fn effect(&self, looked: Looked, moves: Moves) -> Effect {
        Effect {
            looked,
            moves,
            must: shares::least(&self.before, &self.after),
        }
    }

    /// Whether both rules hash each flow to the same 32 bits.
    pub fn has_one_hash(&self) -> bool {
        let (before, after) = (hash_part(&self.before), hash_part(&self.after));
        // A prefix that hashes no bit of an address is the same as none, and so for other parts.
        before == after
    }

    /// The way to the same shares that moves least, and its effect, if it moves fewer flows than this
    /// change by more than chance explains.
    pub fn least(
        &self,
        effect: &Effect,
        samples: u64,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Option<(Way, Effect)> {
        least::least(self, effect, samples, progress)
    }
}

/// The part of a rule that decides its hashes.
fn hash_part(rule: &Info) -> Info {
    let mut part = Info {
        key: rule.key,
        gtpu_port: rule.gtpu_port,
        vxlan_port: rule.vxlan_port,
        geneve_port: rule.geneve_port,
        inner: rule.inner,
        ..Info::from(rule.masked.v0)
    };
    let v0 = &mut part.masked.v0;
    (v0.hmodulus, v0.hoffset) = (0, 0);
    // Masks and what is set count by their values, which are there without flags, too.
    v0.flags &= v0::flag::CT | v0::flag::METHOD_L3 | flag::KEY | flag::REVERSE_ERRORS;
    if v0.has(flag::KEY) {
        v0.hashrnd = 0;
    }
    part
}

impl Effect {
    /// The share of flows that move, 0 to 1.
    pub fn moved(&self) -> f64 {
        self.moves.moved() as f64 / self.moves.flows().max(1) as f64
    }

    /// The standard error of [`Self::moved`]: that of as many independent flows. 0 if all were looked at.
    pub fn standard_error(&self) -> f64 {
        match self.looked {
            Looked::AllHashes => 0.0,
            _ => {
                let moved = self.moved();
                // Even if none of the samples moves, or all do, others may not.
                let flows = self.moves.flows().max(1) as f64;
                (moved * (1.0 - moved) / flows).sqrt().max(1.0 / flows)
            }
        }
    }

    /// True if more than this share of all flows move. Samples have to exceed it by more than chance explains,
    /// as in [`Self::needless`].
    pub fn is_over(&self, most: f64) -> bool {
        let chance = match self.looked {
            Looked::AllHashes | Looked::Flows => 0.0,
            Looked::Hashes | Looked::RandomFlows => 3.0 * self.standard_error(),
        };
        // A share at the limit is allowed, whatever the last bit of the number says.
        self.moved() > most + chance + 1e-12
    }

    /// The share of flows that move and need not, 0 to 1: 0 if it is no more than chance explains (three
    /// standard errors). [`None`] if it is not known which must.
    pub fn needless(&self) -> Option<f64> {
        let needless = self.moved() - self.must?;
        // Hashes are counted in whole numbers, and shares are not.
        let chance = (3.0 * self.standard_error()).max(1e-9);
        Some(match needless > chance {
            true => needless,
            false => 0.0,
        })
    }
}

/// The bucket's mark of a hash.
fn mark_of_hash(rule: &Info, hash: u32) -> u32 {
    shares::mark(rule, rule.bucket(hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use edit::read;

    fn change(before: &str, after: &str) -> Change {
        let family = Family::Ipv4;
        let rule = |text| read(text, family).unwrap();
        Change {
            family,
            before: rule(before),
            after: rule(after),
        }
    }

    fn measured(before: &str, after: &str) -> Effect {
        change(before, after).measure(50_000, &mut |_, _| {})
    }

    fn assert_near(effect: &Effect, expected: f64) {
        let tolerance = 4.0 * effect.standard_error() + 1e-9;
        let moved = effect.moved();
        assert!((moved - expected).abs() < tolerance, "{moved}, {expected}");
    }

    /// Shares that were derived on paper: with one mark more, half of all hashes get another one.
    #[test]
    fn plain_scaling_is_exact() {
        for (marks, more) in [(4, 5), (70, 71), (5, 4), (1, 2)] {
            let effect = measured(
                &format!("--hmark-mod {marks}"),
                &format!("--hmark-mod {more}"),
            );
            assert_eq!(effect.looked, Looked::AllHashes);
            assert_eq!(effect.moves.flows(), 1 << 32);
            assert_near(&effect, 0.5);
            let must = 1.0 / f64::from(u32::max(marks, more));
            assert!((effect.must.unwrap() - must).abs() < 1e-8);
            assert!((effect.needless().unwrap() - (0.5 - must)).abs() < 1e-8);
        }
    }

    #[test]
    fn what_grows_or_drains_moves_no_more_than_it_must() {
        for (before, after, must) in [
            ("--hmark-mod 4", "--hmark-mod 5 --hmark-from 4", 0.2),
            (
                "--hmark-mod 71 --hmark-from 70",
                "--hmark-mod 70",
                1.0 / 71.0,
            ),
            (
                "--hmark-mod 70",
                "--hmark-mod 70 --hmark-weight 35=0",
                1.0 / 70.0,
            ),
        ] {
            let effect = measured(before, after);
            assert_eq!(
                (effect.looked, effect.moves.flows()),
                (Looked::Hashes, 50_000)
            );
            assert_near(&effect, must);
            assert_eq!(effect.needless(), Some(0.0), "{before}: {after}");
        }
    }

    #[test]
    fn another_hash_moves_all_but_what_stays_by_chance() {
        for after in [
            "--hmark-mod 4 --hmark-rnd 7",
            "--hmark-mod 4 --hmark-key 00112233445566778899aabbccddeeff",
            "--hmark-mod 4 --hmark-tuple src,dst",
        ] {
            let effect = measured("--hmark-mod 4", after);
            assert_eq!(effect.looked, Looked::RandomFlows, "{after}");
            assert_near(&effect, 0.75);
            assert!(effect.needless().unwrap() > 0.7);
        }
    }

    #[test]
    fn the_same_rule_moves_nothing() {
        for rule in [
            "--hmark-mod 7",
            "--hmark-mod 7 --hmark-from 3",
            "--hmark-mod 4294967295",
        ] {
            let effect = measured(rule, rule);
            assert_eq!(effect.moves.moved(), 0, "{rule}");
            assert_eq!(effect.needless().unwrap_or(0.0), 0.0);
        }
    }

    #[test]
    fn offset_and_mask_move_marks_and_no_hashes() {
        let effect = measured("--hmark-mod 4", "--hmark-mod 4 --hmark-offset 2");
        assert_eq!(effect.looked, Looked::AllHashes);
        assert_near(&effect, 1.0);
        assert_eq!(effect.must, Some(0.5));
        let effect = measured(
            "--hmark-mod 4 --hmark-offset 0x100",
            "--hmark-mod 4 --hmark-offset 0x100 --hmark-mask 0xf00",
        );
        assert_near(&effect, 0.75);
    }

    /// All 2^32 hashes one by one are what intervals are.
    #[test]
    #[ignore = "2^32 hashes: for an optimised build"]
    fn intervals_are_all_hashes() {
        let change = change("--hmark-mod 70", "--hmark-mod 71");
        let all = hashes::each_hash(&change, &mut |_, _| {});
        assert_eq!(all, change.measure(1, &mut |_, _| {}).moves);
    }

    #[test]
    fn parts_that_do_not_reach_the_hash_leave_it() {
        assert!(change("--hmark-mod 4 --hmark-offset 1", "--hmark-mod 9").has_one_hash());
        for other in [
            "--hmark-rnd 1",
            "--hmark-tuple src",
            "--hmark-inner gre",
            "--hmark-reverse-errors",
        ] {
            let other = format!("--hmark-mod 4 {other}");
            assert!(!change("--hmark-mod 4", &other).has_one_hash(), "{other}");
        }
    }
}
