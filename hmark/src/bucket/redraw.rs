// SPDX-License-Identifier: GPL-2.0-only

//! Redraw: growth and weights, without moving a flow that need not move.
//!
//! Each flow has points in time, which its hash alone decides, and each point is one of a mark. The
//! marks that the cluster began with have one point a round, the first of them where [`scale`] puts
//! the flow. Before it lie the points of the marks added since: of these, only the earliest of the
//! first so many marks are looked at, which is what jump consistent hashing (Lamping and Veach, 2014)
//! draws. A point is accepted with the chance that the weight of its mark says, and the earliest
//! accepted point gets the flow.
//!
//! Neither the number of marks nor a weight moves a point. So a mark that is added or gets more
//! weight takes flows and no other mark does, one that loses weight gives flows away and no other
//! does, and all shares are as the weights.

use super::scale;

/// The most points of marks added later that lie before one of the first marks.
///
/// Their number is distributed about as Poisson's with a mean of ln(marks / from): 31 are enough.
const MOST_RECORDS: usize = 31;

/// The most points of the first marks, one a round, that are refused before [`rendezvous`] chooses the
/// mark. They do not depend on the marks added later, nor does it, then, which flows it chooses for.
const MOST_ROUNDS: u32 = 64;

/// The most points of marks added later that are refused before it does.
const MOST_ADDED: u32 = 256;

// Each draw of a point's seed adds another multiple of the golden ratio (times 2^32) to it.
const JUMP: u32 = 0x9e37_79b9;
const ACCEPT: u32 = 0x3c6e_f372;
const RESTART: u32 = 0xdaa6_6d2b;
const ROUND: u32 = 0x78dd_e6e4;
const RENDEZVOUS: u32 = 0x1715_609d;

/// The bucket of a hash: 0 to `marks` - 1.
///
/// The cluster began with `from` marks, 1 to `marks`. `less` is 100 minus the weight of each mark, 0
/// to 100, and not all of `marks` have the weight 0. With more marks than 256, it is all zero.
#[inline(always)]
pub fn bucket(hash: u32, from: u32, marks: u32, less: &[u8; 256]) -> u32 {
    let first = Point {
        mark: scale::bucket(hash, from),
        seed: hash,
    };
    // Nearly all flows stay where they are.
    let grows = from < marks && is_record(from, hash, marks);
    match grows || first.less(less) != 0 {
        false => first.mark,
        true => race(hash, from, marks, less),
    }
}

/// A mark's point.
#[derive(Clone, Copy)]
struct Point {
    mark: u32,
    /// Decides whether the point is accepted, and what comes before it.
    seed: u32,
}

impl Point {
    /// 100 minus the weight of the point's mark.
    #[inline(always)]
    fn less(&self, less: &[u8; 256]) -> u8 {
        // Each number of 8 bits has a place.
        less.get(usize::from(self.mark as u8)).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn is_accepted(&self, less: &[u8; 256]) -> bool {
        match self.less(less) {
            0 => true,
            100 => false,
            less => scale::bucket(draw(self.seed, ACCEPT), 100) >= u32::from(less),
        }
    }
}

/// Murmur3's finalizer: a bijection of 32 bits, each of which depends on all.
#[inline(always)]
fn mix(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

#[inline(always)]
fn draw(seed: u32, purpose: u32) -> u32 {
    mix(seed.wrapping_add(purpose))
}

/// Whether [`record`] finds a point.
#[inline(always)]
fn is_record(first: u32, seed: u32, marks: u32) -> bool {
    let draw = u64::from(draw(seed, JUMP));
    draw.wrapping_mul(u64::from(marks)) > u64::from(first) << 32
}

/// The earliest point of the marks from `first` on, of which there are `marks` in all, before a point
/// of the marks below `first`.
///
/// That none comes before it has the chance `first` / `marks`.
#[inline(always)]
fn record(first: u32, seed: u32, marks: u32) -> Option<Point> {
    is_record(first, seed, marks).then(|| {
        let seed = draw(seed, JUMP);
        Point {
            mark: quotient(first, seed),
            seed,
        }
    })
}

/// `high` * 2^32 / `divisor`, which is more than `high`; 0 if it is not.
#[cfg(not(target_pointer_width = "32"))]
#[inline(always)]
fn quotient(high: u32, divisor: u32) -> u32 {
    match (u64::from(high) << 32).checked_div(u64::from(divisor)) {
        Some(quotient) => quotient as u32,
        None => 0,
    }
}

/// `high` * 2^32 / `divisor`, which is more than `high`.
///
/// 32-bit kernels have no division of 64 bits.
#[cfg(any(test, target_pointer_width = "32"))]
fn quotient_by_bits(high: u32, divisor: u32) -> u32 {
    let (mut rest, mut quotient) = (u64::from(high), 0u32);
    for _ in 0..32 {
        rest <<= 1;
        let bit = rest >= u64::from(divisor);
        if bit {
            rest = rest.wrapping_sub(u64::from(divisor));
        }
        quotient = (quotient << 1) | u32::from(bit);
    }
    quotient
}

#[cfg(target_pointer_width = "32")]
use quotient_by_bits as quotient;

/// The mark of the earliest accepted point.
#[cold]
#[inline(never)]
fn race(hash: u32, from: u32, marks: u32, less: &[u8; 256]) -> u32 {
    let mut added = 0u32;
    let mut round = 0u32;
    let mut seed = hash;
    for _ in 0..MOST_ROUNDS {
        let base = Point {
            mark: scale::bucket(seed, from),
            seed,
        };
        let earliest = match from < marks {
            true => earliest_in_round(base, from, marks, less, &mut added),
            false => base.is_accepted(less).then_some(base),
        };
        if let Some(point) = earliest {
            return point.mark;
        }
        if added >= MOST_ADDED {
            break;
        }
        round = round.wrapping_add(ROUND);
        seed = draw(hash, round);
    }
    rendezvous(hash, marks, less)
}

/// The earliest accepted point among that of a first mark, the `base`, and those of marks added later
/// that lie before it; `added` counts those of the latter that are refused.
///
/// [`None`] if none is accepted, or [`MOST_ADDED`] are refused.
#[inline(never)]
fn earliest_in_round(
    base: Point,
    from: u32,
    marks: u32,
    less: &[u8; 256],
    added: &mut u32,
) -> Option<Point> {
    let mut chain = Chain::new(base);
    let (mut first, mut seed) = (from, base.seed);
    while let Some(earliest) = chain.climb(first, seed, marks) {
        if earliest.is_accepted(less) {
            return Some(earliest);
        }
        if chain.len == 0 {
            break;
        }
        *added = added.wrapping_add(1);
        if *added >= MOST_ADDED {
            break;
        }
        // Other points of the marks from this one on may lie before the next of the chain.
        first = earliest.mark;
        seed = draw(earliest.seed, RESTART);
    }
    None
}

/// Points, each earlier than the one before it, of which the first is one of a first mark.
struct Chain {
    points: [Point; 1 + MOST_RECORDS],
    len: usize,
}

impl Chain {
    #[inline(always)]
    fn new(base: Point) -> Self {
        Self {
            points: [base; 1 + MOST_RECORDS],
            len: 1,
        }
    }

    /// Adds the points of the marks from `first` on that come before those of the chain, and takes
    /// the earliest point of all. The chain must not be empty.
    #[inline(always)]
    fn climb(&mut self, mut first: u32, mut seed: u32, marks: u32) -> Option<Point> {
        while let Some(place) = self.points.get_mut(self.len) {
            let Some(point) = record(first, seed, marks) else {
                break;
            };
            *place = point;
            self.len = self.len.wrapping_add(1);
            // A point's mark is below `marks`.
            first = point.mark.wrapping_add(1);
            seed = point.seed;
        }
        self.len = self.len.wrapping_sub(1);
        self.points.get(self.len).copied()
    }
}

/// The mark that wins by weighted rendezvous hashing (Thaler and Ravishankar, 1998; weights as by
/// Schindelhauer and Schomaker, 2005): the one with the least exponential variate by its weight.
///
/// This is for flows none of whose points was accepted, since nearly all marks are out.
#[cold]
#[inline(never)]
fn rendezvous(hash: u32, marks: u32, less: &[u8; 256]) -> u32 {
    let hash = draw(hash, RENDEZVOUS);
    // Mark, variate and weight.
    let mut best = (0, u64::MAX, 1);
    let mut seed = hash;
    for (mark, &less) in (0..marks).zip(less) {
        let weight = 100u64.saturating_sub(u64::from(less));
        if weight != 0 {
            let variate = u64::from(exponential(mix(seed)));
            let (_, least, its_weight) = best;
            if variate.saturating_mul(its_weight) < least.saturating_mul(weight) {
                best = (mark, variate, weight);
            }
        }
        seed = seed.wrapping_add(JUMP);
    }
    let (mark, ..) = best;
    mark
}

/// Fraction bits of [`exponential`].
const FRACTION_BITS: u32 = 24;

/// -log2(`draw` / 2^32), in units of 2^-24, by repeated squaring: an exponential variate.
#[inline(always)]
fn exponential(draw: u32) -> u32 {
    let draw = draw.max(1);
    let zeros = draw.leading_zeros();
    // From 1 to 2, with 31 bits after the point.
    let mut power = u64::from(draw.wrapping_shl(zeros));
    let mut log = 31u32.wrapping_sub(zeros);
    for _ in 0..FRACTION_BITS {
        power = power.wrapping_mul(power) >> 31;
        let bit = (power >> 32) as u32;
        power >>= bit;
        log = (log << 1) | bit;
    }
    (32u32 << FRACTION_BITS).wrapping_sub(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EQUAL: [u8; 256] = [0; 256];

    fn hashes() -> impl Iterator<Item = u32> {
        (0..200_000u32).map(|number| mix(number.wrapping_mul(0x0100_0193)))
    }

    #[test]
    fn without_growth_and_weights_it_is_scaling() {
        for marks in [1, 4, 70, 1000, u32::MAX] {
            for hash in hashes().take(1000).chain([0, 1, u32::MAX]) {
                assert_eq!(
                    bucket(hash, marks, marks, &EQUAL),
                    scale::bucket(hash, marks)
                );
            }
        }
    }

    #[test]
    fn both_divisions_agree() {
        let divisors = [2, 3, 70, 0x8000_0000, 0xffff_fffe, u32::MAX];
        for divisor in hashes().take(1000).chain(divisors) {
            for high in [0, 1, 64, divisor / 2, divisor.saturating_sub(1)] {
                if high < divisor {
                    let both = (quotient(high, divisor), quotient_by_bits(high, divisor));
                    assert_eq!(both.0, both.1, "{high} << 32 / {divisor}");
                }
            }
        }
    }

    #[test]
    fn growth_moves_flows_to_new_marks_alone() {
        for (from, before, after) in [(4, 4, 5), (64, 64, 71), (64, 70, 71), (1, 100, 5000)] {
            for hash in hashes() {
                let (old, new) = (
                    bucket(hash, from, before, &EQUAL),
                    bucket(hash, from, after, &EQUAL),
                );
                assert!(old < before && new < after);
                assert!(new == old || new >= before, "{hash:#x}: {old} to {new}");
            }
        }
    }

    #[test]
    fn a_mark_that_is_added_without_weight_moves_nothing() {
        let mut less = EQUAL;
        less[70] = 100;
        for hash in hashes() {
            let old = bucket(hash, 64, 70, &EQUAL);
            assert_eq!(bucket(hash, 64, 71, &less), old, "{hash:#x}");
        }
    }

    #[test]
    fn flows_move_only_from_a_mark_that_loses_weight() {
        for mark in [0, 35, 66, 70] {
            let mut before = EQUAL;
            before[12] = 50;
            before[65] = 75;
            let mut after = before;
            for less in [1, 50, 100] {
                after[mark] = less;
                for hash in hashes() {
                    let old = bucket(hash, 64, 71, &before);
                    let new = bucket(hash, 64, 71, &after);
                    assert!(
                        new == old || old as usize == mark,
                        "{hash:#x}: {old} to {new}"
                    );
                    assert!(less < 100 || new as usize != mark);
                }
                before = after;
            }
        }
    }

    #[test]
    fn the_last_mark_with_a_weight_gets_all() {
        for from in [1, 64, 70] {
            let mut less = [100; 256];
            less[69] = 99;
            less[70..].fill(0);
            for hash in hashes().take(2000) {
                assert_eq!(bucket(hash, from, 70, &less), 69);
            }
        }
    }

    #[test]
    fn rendezvous_is_by_weight() {
        // Nearly all flows are refused in all rounds.
        let mut less = [100; 256];
        (less[3], less[200]) = (99, 97);
        let mut counts = [0u32; 256];
        for hash in hashes() {
            counts[bucket(hash, 256, 256, &less) as usize] += 1;
        }
        assert_eq!(counts[3] + counts[200], 200_000);
        // 50,000 expected, with a standard deviation of 194.
        assert!((49_000..51_000).contains(&counts[3]), "{}", counts[3]);
    }

    /// Of marks with equal variates, which fuzzing does not meet, the first wins.
    #[test]
    fn the_first_of_equal_marks_wins() {
        let seed = draw(28_089, RENDEZVOUS);
        let variate = |mark: u32| exponential(mix(seed.wrapping_add(JUMP.wrapping_mul(mark))));
        assert_eq!(variate(45), variate(249));
        assert_eq!(rendezvous(28_089, 256, &EQUAL), 45);
    }

    /// A point at the very edge, which fuzzing does not meet, is no record.
    #[test]
    fn the_edge_is_no_record() {
        let seed = 0xe08f_19a7;
        assert_eq!(draw(seed, JUMP), 0x8000_0000);
        assert!(!is_record(1, seed, 2));
        assert!(is_record(1, seed, 3));
    }

    #[test]
    fn variates_are_exact_for_powers_of_two() {
        for zeros in 1..32 {
            assert_eq!(exponential(1 << (32 - zeros)), zeros << 24);
        }
        assert_eq!(exponential(0), 32 << 24);
        assert_eq!(exponential(u32::MAX), 1);
    }
}
