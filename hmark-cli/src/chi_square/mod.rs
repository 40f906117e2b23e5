// SPDX-License-Identifier: GPL-2.0-only

//! Pearson's chi-square test: how likely it is that a uniform hash shares flows so unevenly.

mod survival;

use std::fmt;

use anyhow::{ensure, Result};

/// Significance level: a uniform hash fails the test once in a thousand times. The flows are the
/// same in every run, so a run does not fail by chance.
pub const LEVEL: f64 = 0.001;

/// The deviation of counts from what a uniform hash would give.
#[derive(Clone, Copy, Debug)]
pub struct ChiSquare {
    statistic: f64,
    degrees: usize,
    probability: f64,
}

impl ChiSquare {
    /// The deviation of counts from equal shares.
    pub fn of(counts: &[usize]) -> Self {
        Self::from_shares(counts, &vec![1.0; counts.len()])
    }

    /// The deviation of counts from these shares, which are compared with their sum. The count of a
    /// share of zero must be zero, or the deviation is without end.
    pub fn from_shares(counts: &[usize], shares: &[f64]) -> Self {
        let flows = counts.iter().sum::<usize>() as f64;
        let whole: f64 = shares.iter().sum();
        let square = |(&count, share)| match (count, share / whole * flows) {
            (0, 0.0) => 0.0,
            (count, expected) => (count as f64 - expected).powi(2) / expected,
        };
        let statistic = counts.iter().zip(shares).map(square).sum();
        let classes = shares.iter().filter(|&&share| share > 0.0).count();
        Self::new(statistic, classes.saturating_sub(1))
    }

    fn new(statistic: f64, degrees: usize) -> Self {
        let probability = match degrees {
            // There is one class, which has all flows unless another one has some.
            0 => f64::from(u8::from(statistic == 0.0)),
            degrees => survival::survival(statistic, degrees),
        };
        Self {
            statistic,
            degrees,
            probability,
        }
    }

    /// The deviation of both, which have nothing to do with each other: the sum of two such statistics has
    /// the same distribution with the sum of their degrees.
    pub fn and(&self, other: &Self) -> Self {
        Self::new(
            self.statistic + other.statistic,
            self.degrees.saturating_add(other.degrees),
        )
    }

    /// The sum of squared deviations by what was expected: 0 if there is none, infinity if there is a count
    /// where none can be.
    pub fn statistic(&self) -> f64 {
        self.statistic
    }

    /// The number of degrees of freedom: one less than there are shares over zero.
    pub fn degrees(&self) -> usize {
        self.degrees
    }

    /// The chance that a uniform hash deviates at least that much, 0 to 1.
    pub fn probability(&self) -> f64 {
        self.probability
    }

    /// Checks that a uniform hash deviates that much often enough.
    ///
    /// # Errors
    /// If a uniform hash would rarely spread flows so unevenly.
    pub fn check(counts: &[usize]) -> Result<()> {
        let chi_square = Self::of(counts);
        ensure!(
            chi_square.passes(),
            "{chi_square}, below the level {LEVEL}: flows by gateway: {counts:?}"
        );
        Ok(())
    }

    /// Whether a uniform hash deviates that much often enough, by [`LEVEL`].
    pub fn passes(&self) -> bool {
        self.probability >= LEVEL
    }
}

impl fmt::Display for ChiSquare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            statistic,
            degrees,
            probability,
        } = self;
        write!(
            f,
            "chi-square {statistic:.1}, {degrees} degrees, p = {probability:.3}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_counts_pass_and_skewed_ones_fail() {
        assert!(ChiSquare::of(&[100, 100, 100, 100]).passes());
        assert!(ChiSquare::of(&[90, 112, 104, 94]).passes());
        assert!(!ChiSquare::of(&[60, 140, 100, 100]).passes());
        assert!(!ChiSquare::of(&[400, 0, 0, 0]).passes());
    }

    #[test]
    fn counts_are_compared_with_shares() {
        let halves = [1.0, 1.0, 2.0, 0.0];
        assert!(ChiSquare::from_shares(&[95, 104, 201, 0], &halves).passes());
        assert!(!ChiSquare::from_shares(&[100, 100, 100, 0], &halves).passes());
        // No flow may be where there is no share.
        assert!(!ChiSquare::from_shares(&[100, 100, 200, 1], &halves).passes());
        assert!(ChiSquare::from_shares(&[400, 0], &[1.0, 0.0]).passes());
        assert!(!ChiSquare::from_shares(&[399, 1], &[1.0, 0.0]).passes());
    }

    #[test]
    fn deviations_are_added_with_their_degrees() {
        let (one, other) = (ChiSquare::of(&[90, 110]), ChiSquare::of(&[100, 110, 90]));
        let both = one.and(&other);
        assert_eq!((both.statistic(), both.degrees()), (4.0, 3));
        // Tables of the distribution: 3 degrees exceed 6.251 once in ten times, and 4.0 with 0.261.
        assert!((both.probability() - 0.2615).abs() < 0.0005);
    }
}
