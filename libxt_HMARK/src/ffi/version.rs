// SPDX-License-Identifier: GPL-2.0-only

//! The versions of iptables, as far as they differ in the layout of options.
//!
//! From 1.8.11 on an option has one more member, `base`, under the soname and the interface
//! version of before. A version on the other side of that would read names where there are none.

const BASE_SINCE: [u32; 3] = [1, 8, 11];

/// Whether iptables of this version, such as `1.8.9` or `1.8.11 (nf_tables)`, knows `base`.
pub fn has_base(version: &[u8]) -> bool {
    let mut numbers = version
        .split(|byte| !byte.is_ascii_digit())
        .map(|digits| digits.iter().fold(0, append));
    [(); 3].map(|()| numbers.next().unwrap_or(0)) >= BASE_SINCE
}

fn append(number: u32, digit: &u8) -> u32 {
    number
        .wrapping_mul(10)
        .wrapping_add(u32::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::has_base;

    #[test]
    fn versions_compare_by_number() {
        for (version, has) in [
            ("1.8.9", false),
            ("1.8.10 (nf_tables)", false),
            ("1.8.11", true),
            ("1.8.13 (nf_tables)", true),
            ("1.9", true),
            ("2", true),
            ("", false),
        ] {
            assert_eq!(has_base(version.as_bytes()), has, "{version}");
        }
    }
}
