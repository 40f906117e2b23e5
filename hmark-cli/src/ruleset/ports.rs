// SPDX-License-Identifier: GPL-2.0-only

//! Ports and ranges of them, as `--dport` and multiport take them.

use std::ops::RangeInclusive;

/// Reads `80`, `80:90`, `:90` or `80:`.
///
/// [`None`] if it is anything else, such as the name of a service, or a range that is empty.
pub(super) fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    let first = match first {
        "" if !text.is_empty() => 0,
        first => first.parse().ok()?,
    };
    let last = match last {
        "" => u16::MAX,
        last => last.parse().ok()?,
    };
    (first <= last).then_some(first..=last)
}

/// Reads a list of ports and ranges, `5,7:9`.
///
/// [`None`] if any of them cannot be read.
pub(super) fn list(text: &str) -> Option<Vec<RangeInclusive<u16>>> {
    text.split(',').map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(range("80"), Some(80..=80));
        assert_eq!(range("80:90"), Some(80..=90));
        assert_eq!(range(":90"), Some(0..=90));
        assert_eq!(range("80:"), Some(80..=65535));
        assert_eq!(range(":"), Some(0..=65535));
        for text in ["", "http", "90:80", "65536", "1:2:3", "-1"] {
            assert_eq!(range(text), None, "{text}");
        }
        assert_eq!(list("5,7:9"), Some(vec![5..=5, 7..=9]));
        assert_eq!(list("5,"), None);
    }
}
