// SPDX-License-Identifier: GPL-2.0-only

//! Alternating measurements of ours and another, and statistics of them.

/// Paired measurements in one unit. Those with the same index were taken one right after the other.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Ours.
    pub ours: Vec<f64>,
    /// The one that ours is compared with, such as that of Linux or iptables.
    pub other: Vec<f64>,
}

impl Series {
    /// Ratio ours/other of each pair. Slowdowns of the machine that last longer than a pair cancel
    /// out.
    pub fn ratios(&self) -> Vec<f64> {
        let pairs = self.ours.iter().zip(&self.other);
        pairs.map(|(ours, other)| ours / other).collect()
    }
}

/// The value at `share`, from 0 to 1, of the sorted values, interpolated between two of them.
///
/// There must be at least one value.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * (sorted.len() - 1) as f64;
    let (low, high) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    low + (high - low) * place.fract()
}

/// The median.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_sorted_values() {
        let values = [9.0, 1.0, 5.0, 3.0];
        assert_eq!(median(&values), 4.0);
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 1.0), 9.0);
        assert_eq!(median(&values[..3]), 5.0);
        assert_eq!(median(&values[..1]), 9.0);
    }

    #[test]
    fn ratios_are_of_pairs() {
        let series = Series {
            ours: vec![2.0, 30.0],
            other: vec![1.0, 10.0],
        };
        assert_eq!(series.ratios(), [2.0, 3.0]);
    }
}
