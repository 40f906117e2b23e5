// SPDX-License-Identifier: GPL-2.0-only

//! Checks that flows are spread as by a uniform hash: Pearson's chi-square test.

use std::fmt;

use anyhow::{ensure, Result};
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Significance level: a uniform hash fails the test once in a thousand times. The flows are the
/// same in every run, so a run does not fail by chance.
const LEVEL: f64 = 0.001;

/// The deviation of counts from a uniform distribution.
#[derive(Clone, Copy, Debug)]
pub struct ChiSquare {
    statistic: f64,
    degrees: usize,
    probability: f64,
}

impl ChiSquare {
    /// The deviation of the flows that each gateway got.
    pub fn of(counts: &[usize]) -> Self {
        let expected = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
        let square = |count: &usize| (*count as f64 - expected).powi(2) / expected;
        let statistic = counts.iter().map(square).sum();
        let degrees = counts.len() - 1;
        let distribution = ChiSquared::new(degrees as f64).expect("there are several gateways");
        Self {
            statistic,
            degrees,
            probability: distribution.sf(statistic),
        }
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

    fn passes(&self) -> bool {
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
mod test {
    use super::*;

    #[test]
    fn even_counts_pass_and_skewed_ones_fail() {
        assert!(ChiSquare::of(&[100, 100, 100, 100]).passes());
        assert!(ChiSquare::of(&[90, 112, 104, 94]).passes());
        assert!(!ChiSquare::of(&[60, 140, 100, 100]).passes());
        assert!(!ChiSquare::of(&[400, 0, 0, 0]).passes());
    }
}
