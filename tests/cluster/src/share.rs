// SPDX-License-Identifier: GPL-2.0-only

//! Checks that flows are spread as by a uniform hash: Pearson's chi-square test.

use std::fmt;

use anyhow::{ensure, Result};

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
        Self {
            statistic,
            degrees,
            probability: upper_gamma(degrees as f64 / 2.0, statistic / 2.0),
        }
    }

    /// Checks that a uniform hash deviates that much often enough.
    ///
    /// # Errors
    /// If a uniform hash would rarely spread flows so unevenly.
    pub fn check(counts: &[usize]) -> Result<Self> {
        let chi_square = Self::of(counts);
        ensure!(
            chi_square.passes(),
            "{chi_square}, below the level {LEVEL}: flows by gateway: {counts:?}"
        );
        Ok(chi_square)
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

/// The regularised upper incomplete gamma function Q(a, x), by the series of its complement or by
/// its continued fraction, whichever converges.
fn upper_gamma(a: f64, x: f64) -> f64 {
    const TERMS: usize = 10_000;
    const SMALL: f64 = 1e-15;
    if x <= 0.0 {
        return 1.0;
    }
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let mut term = 1.0 / a;
        let mut sum = term;
        for n in 1..TERMS {
            term *= x / (a + n as f64);
            sum += term;
            if term < sum * SMALL {
                break;
            }
        }
        return 1.0 - scale * sum;
    }
    // From the innermost term outwards: x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / ...
    let mut fraction = 0.0;
    for n in (1..TERMS).rev() {
        let n = n as f64;
        fraction = n * (a - n) / (x + 2.0 * n + 1.0 - a + fraction);
    }
    scale / (x + 1.0 - a + fraction)
}

/// The logarithm of gamma for multiples of one half, which is all that degrees of freedom need.
fn ln_gamma(a: f64) -> f64 {
    let mut a = a;
    let mut sum = 0.0;
    while a > 1.0 {
        a -= 1.0;
        sum += a.ln();
    }
    match a < 0.75 {
        true => sum + std::f64::consts::PI.sqrt().ln(),
        false => sum,
    }
}

#[cfg(test)]
mod test {
    use super::*;

    /// The quantiles from published tables, at 5, 1 and 0.1 per cent.
    #[test]
    fn probabilities_are_those_of_tables() {
        for (degrees, quantiles) in [
            (1.0, [3.841, 6.635, 10.828]),
            (3.0, [7.815, 11.345, 16.266]),
            (10.0, [18.307, 23.209, 29.588]),
            (69.0, [89.391, 99.228, 111.055]),
        ] {
            for (quantile, level) in quantiles.into_iter().zip([0.05, 0.01, 0.001]) {
                let probability: f64 = upper_gamma(degrees / 2.0, quantile / 2.0);
                assert!(
                    (probability / level - 1.0).abs() < 0.005,
                    "{degrees} degrees: {probability} instead of {level}"
                );
            }
        }
    }

    #[test]
    fn even_counts_pass_and_skewed_ones_fail() {
        assert!(ChiSquare::of(&[100, 100, 100, 100]).passes());
        assert!(ChiSquare::of(&[90, 112, 104, 94]).passes());
        assert!(!ChiSquare::of(&[60, 140, 100, 100]).passes());
        assert!(!ChiSquare::of(&[400, 0, 0, 0]).passes());
    }
}
