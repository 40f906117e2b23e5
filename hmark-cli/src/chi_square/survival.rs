// SPDX-License-Identifier: GPL-2.0-only

//! The chance that a sum of squares is at least so large: the upper tail of the chi-square distribution.
//!
//! No crate is taken for it: `statrs` links `approx`, whose licence, Apache-2.0 alone, does not go with
//! GPL-2.0-only in one program.

/// The most steps: as many as a million degrees of freedom take, and more.
const MOST_STEPS: u32 = 100_000;

/// The relative error at which a sum or fraction ends.
const ENOUGH: f64 = 1e-15;

/// A number that stands for 0 where it divides.
const TINY: f64 = 1e-300;

/// The chance that a chi-square variable with so many degrees of freedom, at least 1, is at least `statistic`.
///
/// It is the regularized upper incomplete gamma function of half of both: <https://dlmf.nist.gov/8.2.E4>.
pub(super) fn survival(statistic: f64, degrees: usize) -> f64 {
    let (a, x) = (degrees as f64 / 2.0, statistic / 2.0);
    if x.is_nan() || x <= 0.0 {
        return 1.0;
    }
    if x.is_infinite() {
        return 0.0;
    }
    let factor = (a * x.ln() - x - ln_gamma_of_half(degrees)).exp();
    let chance = match x < a + 1.0 {
        true => 1.0 - factor * series(a, x),
        false => factor * fraction(a, x),
    };
    chance.clamp(0.0, 1.0)
}

/// The series of the lower tail, without its factor: <https://dlmf.nist.gov/8.11.E4>.
fn series(a: f64, x: f64) -> f64 {
    let (mut n, mut term) = (a, 1.0 / a);
    let mut sum = term;
    for _ in 0..MOST_STEPS {
        n += 1.0;
        term *= x / n;
        sum += term;
        if term < sum * ENOUGH {
            break;
        }
    }
    sum
}

/// The continued fraction of the upper tail, likewise, by Lentz's method: <https://dlmf.nist.gov/8.9.E2>.
fn fraction(a: f64, x: f64) -> f64 {
    let not_zero = |number: f64| match number.abs() < TINY {
        true => TINY,
        false => number,
    };
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / TINY, 1.0 / not_zero(b));
    let mut product = d;
    for step in 1..MOST_STEPS {
        let step = f64::from(step);
        let numerator = -step * (step - a);
        b += 2.0;
        d = 1.0 / not_zero(numerator * d + b);
        c = not_zero(b + numerator / c);
        product *= c * d;
        if (c * d - 1.0).abs() < ENOUGH {
            break;
        }
    }
    product
}

/// The logarithm of the gamma function of half a whole number: from that of 1 or of one half on, each step is a
/// factor.
fn ln_gamma_of_half(number: usize) -> f64 {
    let (first, start) = match number % 2 {
        0 => (1.0, 0.0),
        _ => (0.5, std::f64::consts::PI.sqrt().ln()),
    };
    let steps = number.saturating_sub(1) / 2;
    (0..steps).fold(start, |sum, step| sum + (first + step as f64).ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(found: f64, expected: f64, name: &str) {
        let error = (found - expected).abs();
        assert!(
            error < 1e-9 + expected * 1e-6,
            "{name}: {found}, {expected}"
        );
    }

    /// With few degrees, the tail has a closed form.
    #[test]
    fn tails_are_those_of_closed_forms() {
        for x in [1e-6, 0.1, 1.0, 3.0, 5.99, 20.0, 200.0, 1400.0] {
            let y: f64 = x / 2.0;
            assert_near(survival(x, 2), (-y).exp(), "2 degrees");
            assert_near(survival(x, 4), (-y).exp() * (1.0 + y), "4 degrees");
        }
        // By erfc() of another program.
        assert_near(survival(3.841, 1), 0.050_013_683_764, "1 degree");
        assert_near(survival(6.251, 3), 0.100_017_021_569, "3 degrees");
    }

    /// With an even number, it is a sum of Poisson's probabilities, here by another program.
    #[test]
    fn tails_of_many_degrees_are_sums_of_poissons() {
        for (degrees, statistic, expected) in [
            (70, 69.0, 0.5113572548506151),
            (70, 112.317, 0.0009999857743799322),
            (1000, 1000.0, 0.4940528538291478),
            (1000, 1143.917, 0.0010000063783416938),
            (100000, 100500.0, 0.13185481160043555),
        ] {
            assert_near(survival(statistic, degrees), expected, &degrees.to_string());
        }
        assert_near(survival(1e6 - 2.0 / 3.0, 1_000_000), 0.5, "the median");
    }

    #[test]
    fn ends_are_ends() {
        assert_eq!((survival(0.0, 3), survival(f64::NAN, 3)), (1.0, 1.0));
        assert_eq!((survival(f64::INFINITY, 3), survival(1e9, 3)), (0.0, 0.0));
    }
}
