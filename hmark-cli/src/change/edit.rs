// SPDX-License-Identifier: GPL-2.0-only

//! An edit of a rule: single options get other values, as an operator would retype them.

use std::collections::BTreeMap;

use anyhow::{anyhow, Result};
use hmark::rule::v0;
use hmark::rule::v1::{self, Info, FULL_WEIGHT};
use hmark::Family;
use hmark_text::{Line, Warning};

/// The options of a rule that change, each with its value as iptables takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// `--hmark-mod`.
    pub marks: Option<String>,
    /// `--hmark-from`.
    pub from: Option<String>,
    /// Weights of single marks, as in `--hmark-weight`; other marks keep theirs, and 100 is a full share.
    pub weights: Vec<String>,
    /// `--hmark-rnd`, in place of a key too.
    pub seed: Option<String>,
    /// `--hmark-key`, in place of a seed too.
    pub key: Option<String>,
}

impl Edit {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The rule after the edit.
    ///
    /// # Errors
    ///
    /// The first value that is wrong, or the contradiction in the edited rule, in the words of iptables.
    pub fn apply(&self, rule: &Info, family: Family) -> Result<Info> {
        let mut edited = *rule;
        let singles = [
            ("hmark-mod", &self.marks),
            ("hmark-from", &self.from),
            ("hmark-rnd", &self.seed),
            ("hmark-key", &self.key),
        ];
        for (name, value) in singles {
            if let Some(value) = value {
                replace(&mut edited, name, value, family)?;
            }
        }
        if self.seed.is_some() && self.key.is_none() {
            edited.masked.v0.flags &= !v1::flag::KEY;
            edited.key = [0; 16];
        }
        if self.key.is_some() && self.seed.is_none() {
            edited.masked.v0.flags &= !v0::flag::RND;
            edited.masked.v0.hashrnd = 0;
        }
        let weights = match self.weights.is_empty() {
            true => Ok(()),
            false => reweigh(&mut edited, &self.weights, family),
        };
        let completed = weights.and_then(|()| complete(&mut edited, family));
        completed.map_err(|error| match self.meant(rule) {
            Some((mark, number)) => {
                anyhow!("{error}; mark {mark} is number {number}: --weight {number}=...")
            }
            None => error,
        })?;
        Ok(edited)
    }

    /// The first mark whose weight changes by its value, in place of its number among the marks, and that
    /// number.
    fn meant(&self, rule: &Info) -> Option<(u32, u32)> {
        let v0 = &rule.masked.v0;
        let items = self.weights.iter().flat_map(|list| list.split(','));
        let firsts = items.filter_map(|item| item.split(['-', '=']).next()?.trim().parse().ok());
        let mut marks = firsts.filter(|mark: &u32| *mark >= v0.hmodulus);
        let mark = marks.next()?;
        // A mask shifts the bits that are set, and so marks and their numbers.
        let number = mark
            .checked_sub(v0.hoffset)
            .filter(|number| *number < v0.hmodulus)?;
        (rule.masked.mark_mask == 0).then_some((mark, number))
    }
}

/// Gives an option another value.
fn replace(rule: &mut Info, name: &str, value: &str, family: Family) -> Result<()> {
    let option = hmark_text::option(name.as_bytes())
        .ok_or_else(|| anyhow!("unknown option \"--{name}\""))?;
    rule.masked.v0.flags &= !option.flag;
    hmark_text::set(rule, option, value.as_bytes(), family).map_err(|error| anyhow!("{error}"))
}

/// Gives the marks in these lists other weights.
fn reweigh(rule: &mut Info, lists: &[String], family: Family) -> Result<()> {
    let mut given = Info::default();
    for list in lists {
        replace(&mut given, "hmark-weight", list, family)?;
    }
    for (less, given) in rule.less.iter_mut().zip(given.less) {
        *less = match given {
            0 => *less,
            // A full weight that is given: complete() drops it, after it has checked that its mark exists.
            given => given,
        };
    }
    rule.masked.v0.flags |= v1::flag::WEIGHT;
    Ok(())
}

/// The weights in lists such as `35=0,40=50`, by mark, counted from 0.
///
/// # Errors
///
/// The first mistake, in the words of iptables.
pub fn weights(lists: &[String], family: Family) -> Result<BTreeMap<u32, u8>> {
    let mut given = Info::default();
    for list in lists {
        replace(&mut given, "hmark-weight", list, family)?;
    }
    let marks = (0..).zip(given.less).filter(|(_, less)| *less != 0);
    // A full weight that is given has a number of its own.
    Ok(marks
        .map(|(mark, less)| (mark, FULL_WEIGHT.checked_sub(less).unwrap_or(FULL_WEIGHT)))
        .collect())
}

/// Checks an edited rule as a whole.
///
/// # Errors
///
/// The contradiction, in the words of iptables.
pub fn complete(rule: &mut Info, family: Family) -> Result<Option<Warning>> {
    hmark_text::complete(rule, family).map_err(|error| anyhow!("{error}"))
}

/// Reads the options of a rule, such as `--hmark-mod 4 --hmark-offset 100`; `-j HMARK` may stand before
/// them.
///
/// # Errors
///
/// The first mistake, in the words of iptables.
pub fn read(text: &str, family: Family) -> Result<Info> {
    let options = text.trim_start();
    let options = match options.strip_prefix("-j") {
        Some(rest) => rest
            .trim_start()
            .strip_prefix("HMARK")
            .ok_or_else(|| anyhow!("the target is not HMARK: {}", short(text)))?,
        None => options,
    };
    let (rule, _) = hmark_text::read(options, family).map_err(|error| anyhow!("{error}"))?;
    Ok(rule)
}

/// The beginning of a text that an error is about.
fn short(text: &str) -> String {
    text.chars()
        .map(|char| match char.is_control() {
            true => '?',
            false => char,
        })
        .take(64)
        .collect()
}

/// The options that make a rule, as iptables-save shows them.
pub fn save(rule: &Info, family: Family) -> String {
    let mut line = Line::new();
    hmark_text::save(rule, family, &mut line);
    line.to_string().trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILY: Family = Family::Ipv4;

    fn rule(text: &str) -> Info {
        read(text, FAMILY).unwrap()
    }

    fn edited(text: &str, edit: &Edit) -> Info {
        edit.apply(&rule(text), FAMILY).unwrap()
    }

    fn refused(text: &str, edit: &Edit) -> String {
        edit.apply(&rule(text), FAMILY).unwrap_err().to_string()
    }

    #[test]
    fn an_edited_rule_is_the_one_that_its_text_makes() {
        let some = |value: &str| Some(value.to_owned());
        for (before, edit, after) in [
            (
                "--hmark-mod 70 --hmark-offset 100",
                Edit {
                    marks: some("71"),
                    ..Edit::default()
                },
                "--hmark-mod 71 --hmark-offset 100",
            ),
            (
                "--hmark-mod 70",
                Edit {
                    marks: some("71"),
                    from: some("70"),
                    ..Edit::default()
                },
                "--hmark-mod 71 --hmark-from 70",
            ),
            (
                "--hmark-mod 70 --hmark-weight 3=50,35=10",
                Edit {
                    weights: vec!["35=0".into(), "4-5=20".into()],
                    ..Edit::default()
                },
                "--hmark-mod 70 --hmark-weight 3=50,35=0,4-5=20",
            ),
            (
                "--hmark-mod 70 --hmark-weight 3=50",
                Edit {
                    weights: vec!["3=100".into()],
                    ..Edit::default()
                },
                "--hmark-mod 70",
            ),
            (
                "--hmark-mod 70 --hmark-key 00112233445566778899aabbccddeeff",
                Edit {
                    seed: some("7"),
                    ..Edit::default()
                },
                "--hmark-mod 70 --hmark-rnd 7",
            ),
            (
                "--hmark-mod 70 --hmark-rnd 7",
                Edit {
                    key: some("00112233445566778899aabbccddeeff"),
                    ..Edit::default()
                },
                "--hmark-mod 70 --hmark-key 00112233445566778899aabbccddeeff",
            ),
        ] {
            assert_eq!(edited(before, &edit), rule(after), "{before}: {edit:?}");
        }
    }

    #[test]
    fn weights_are_listed_by_mark() {
        let lists = ["35=0,40-41=50".to_owned(), "7=100".to_owned()];
        let weights = weights(&lists, FAMILY).unwrap();
        let expected = [(7, 100), (35, 0), (40, 50), (41, 50)];
        assert!(weights.into_iter().eq(expected));
        assert!(super::weights(&["35".to_owned()], FAMILY).is_err());
    }

    #[test]
    fn mistakes_are_told_in_the_words_of_iptables() {
        let some = |value: &str| Some(value.to_owned());
        for (before, edit, error) in [
            (
                "--hmark-mod 70",
                Edit { marks: some("0"), ..Edit::default() },
                "bad value \"0\" for option \"--hmark-mod\": give a number from 1 to 4294967295",
            ),
            (
                "--hmark-mod 70 --hmark-from 70",
                Edit { marks: some("69"), ..Edit::default() },
                "bad value \"70\" for option \"--hmark-from\": give a number from 1 to 69, which is --hmark-mod",
            ),
            (
                "--hmark-mod 70",
                Edit { weights: vec!["70=0".into()], ..Edit::default() },
                "bad value \"70\" for option \"--hmark-weight\": the marks of --hmark-mod are counted from 0 to 69",
            ),
            (
                "--hmark-mod 70",
                Edit { weights: vec!["70=100".into()], ..Edit::default() },
                "bad value \"70\" for option \"--hmark-weight\": the marks of --hmark-mod are counted from 0 to 69",
            ),
            // By its value, and not by its number.
            (
                "--hmark-mod 4 --hmark-offset 100",
                Edit { weights: vec!["1=50,102-103=0".into()], ..Edit::default() },
                "bad value \"102\" for option \"--hmark-weight\": the marks of --hmark-mod are counted from 0 to 3; \
                 mark 102 is number 2: --weight 2=...",
            ),
            (
                "--hmark-mod 4 --hmark-offset 5000",
                Edit { weights: vec!["5003=0".into()], ..Edit::default() },
                "bad value \"5003=0\" for option \"--hmark-weight\": give marks from 0 to 255, whatever the offset; \
                 mark 5003 is number 3: --weight 3=...",
            ),
            (
                "--hmark-mod 2",
                Edit { weights: vec!["0-1=0".into()], ..Edit::default() },
                "--hmark-weight leaves no mark: give one at least a weight over 0",
            ),
            (
                "--hmark-mod 70",
                Edit { key: some("11"), ..Edit::default() },
                "bad value for option \"--hmark-key\": give 32 hexadecimal digits",
            ),
        ] {
            assert_eq!(refused(before, &edit), error, "{before}: {edit:?}");
        }
        assert_eq!(
            read("-j MARK --set-mark 1", FAMILY)
                .unwrap_err()
                .to_string(),
            "the target is not HMARK: -j MARK --set-mark 1"
        );
        assert!(read("-j HMARK --hmark-mod 4", FAMILY).is_ok());
    }
}
