// SPDX-License-Identifier: GPL-2.0-only

//! The way to the wanted shares that moves least.

use hmark::rule::v1::{flag, Info, FULL_WEIGHT, WEIGHTS};

use super::{edit, Change, Effect};

/// Another way to the wanted shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The number of marks that there were at first is kept.
    Grow,
    /// No mark goes: those that would have the weight 0.
    Drain,
    /// The hash is kept.
    KeepHash,
}

impl Way {
    const ALL: [Self; 3] = [Self::Grow, Self::Drain, Self::KeepHash];

    /// The rule that a change leads to on this way.
    ///
    /// [`None`] if this is no way for this change.
    pub fn rule(self, change: &Change) -> Option<Info> {
        match self {
            Self::Grow => grown(change),
            Self::Drain => drained(change),
            Self::KeepHash => with_old_hash(change),
        }
    }
}

/// The way to the same shares that moves least, if it moves fewer flows than the change does by more than
/// chance explains.
pub fn least(
    change: &Change,
    effect: &Effect,
    samples: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Option<(Way, Effect)> {
    let mut least: Option<(Way, Effect)> = None;
    for way in Way::ALL {
        let Some(after) = way.rule(change) else {
            continue;
        };
        let other = Change { after, ..*change }.measure(samples, progress);
        let best = least.as_ref().map_or(effect, |(_, effect)| effect);
        let chance = 3.0 * (best.standard_error() + other.standard_error());
        if other.moved() + chance < best.moved() {
            least = Some((way, other));
        }
    }
    least
}

/// The wanted rule, but with the number of marks that there were at first.
fn grown(change: &Change) -> Option<Info> {
    let (before, mut after) = (&change.before, change.after);
    let marks = before.masked.v0.hmodulus;
    let from = match before.has(flag::FROM) {
        true => before.from,
        false => marks,
    };
    let is_growth = after.masked.v0.hmodulus != marks && from <= after.masked.v0.hmodulus;
    if !is_growth || (after.has(flag::FROM) && after.from == from) {
        return None;
    }
    after.from = from;
    after.masked.v0.flags |= flag::FROM;
    finished(after, change)
}

/// The wanted rule, but with the marks and the first number of them that there were, of which those that
/// are to go have the weight 0.
fn drained(change: &Change) -> Option<Info> {
    let (before, mut after) = (&change.before, change.after);
    let (marks, left) = (before.masked.v0.hmodulus, after.masked.v0.hmodulus);
    if left >= marks || usize::try_from(marks).map_or(true, |marks| marks > WEIGHTS) {
        return None;
    }
    after.masked.v0.hmodulus = marks;
    after.from = before.from;
    after.masked.v0.flags &= !flag::FROM;
    after.masked.v0.flags |= (before.masked.v0.flags & flag::FROM) | flag::WEIGHT;
    let gone = usize::try_from(left).ok()?..usize::try_from(marks).ok()?;
    after.less.get_mut(gone)?.fill(FULL_WEIGHT);
    finished(after, change)
}

/// The wanted marks and shares, but hashed as before. It is only an answer if the operator did not ask
/// for another hash alone.
fn with_old_hash(change: &Change) -> Option<Info> {
    let (before, after) = (&change.before, &change.after);
    let parts = |rule: &Info| {
        let v0 = &rule.masked.v0;
        (
            v0.hmodulus,
            v0.hoffset,
            rule.masked.mark_mask,
            rule.from,
            rule.less,
        )
    };
    if change.has_one_hash() || parts(before) == parts(after) {
        return None;
    }
    let mut rule = *before;
    let own = flag::MASK | flag::FROM | flag::WEIGHT;
    let v0 = &mut rule.masked.v0;
    (v0.hmodulus, v0.hoffset) = (after.masked.v0.hmodulus, after.masked.v0.hoffset);
    v0.flags = (v0.flags & !own) | (after.masked.v0.flags & own);
    rule.masked.mark_mask = after.masked.mark_mask;
    (rule.from, rule.less) = (after.from, after.less);
    finished(rule, change)
}

/// A rule that iptables takes.
fn finished(mut rule: Info, change: &Change) -> Option<Info> {
    edit::complete(&mut rule, change.family).ok().map(|_| rule)
}

#[cfg(test)]
mod tests {
    use hmark::Family;

    use super::*;
    use crate::change::edit::{read, save};

    /// The least way, as saved from `--hmark-rnd` on, and the share that it moves.
    fn least_of(before: &str, after: &str) -> Option<(String, f64)> {
        let family = Family::Ipv4;
        let rule = |text| read(text, family).unwrap();
        let change = Change {
            family,
            before: rule(before),
            after: rule(after),
        };
        let none = &mut |_, _| {};
        let effect = change.measure(100_000, none);
        let (way, effect) = change.least(&effect, 100_000, none)?;
        assert_eq!(effect.needless(), Some(0.0), "{before}: {after}");
        let text = save(&way.rule(&change).unwrap(), family);
        let marks = text.split_once("--hmark-mod").unwrap().1.trim();
        Some((marks.to_owned(), effect.moved()))
    }

    #[test]
    fn growth_keeps_the_first_number_of_marks() {
        let (text, moved) = least_of("--hmark-mod 70", "--hmark-mod 71").unwrap();
        assert_eq!(text, "71 --hmark-from 70");
        assert!((moved - 1.0 / 71.0).abs() < 0.002);
        // From 70 to 71, and now to 72: not from 71.
        let grown = "--hmark-mod 71 --hmark-from 70";
        let (text, _) = least_of(grown, "--hmark-mod 72 --hmark-from 71").unwrap();
        assert_eq!(text, "72 --hmark-from 70");
        assert_eq!(least_of(grown, "--hmark-mod 72 --hmark-from 70"), None);
        // Back to what was grown from.
        let (text, _) = least_of("--hmark-mod 72 --hmark-from 70", "--hmark-mod 71").unwrap();
        assert_eq!(text, "71 --hmark-from 70");
    }

    #[test]
    fn fewer_marks_are_weights_of_0() {
        let (text, moved) = least_of("--hmark-mod 70", "--hmark-mod 68").unwrap();
        assert_eq!(text, "70 --hmark-weight 68-69=0");
        assert!((moved - 2.0 / 70.0).abs() < 0.002);
        let (text, _) = least_of(
            "--hmark-mod 70 --hmark-offset 100 --hmark-weight 3=50",
            "--hmark-mod 69 --hmark-offset 100 --hmark-weight 3=50",
        )
        .unwrap();
        assert_eq!(text, "70 --hmark-offset 100 --hmark-weight 3=50,69=0");
        // More marks than may have weights.
        assert_eq!(least_of("--hmark-mod 300", "--hmark-mod 299"), None);
    }

    #[test]
    fn nothing_moves_less_than_another_seed_or_what_moves_least() {
        for (before, after) in [
            ("--hmark-mod 70", "--hmark-mod 70 --hmark-rnd 7"),
            ("--hmark-mod 70", "--hmark-mod 70 --hmark-weight 35=0"),
            (
                "--hmark-mod 70 --hmark-offset 100",
                "--hmark-mod 70 --hmark-offset 200",
            ),
            ("--hmark-mod 70", "--hmark-mod 70"),
        ] {
            assert_eq!(least_of(before, after), None, "{before}: {after}");
        }
    }

    #[test]
    fn more_marks_need_no_other_hash() {
        let (text, moved) = least_of(
            "--hmark-mod 4",
            "--hmark-mod 5 --hmark-from 4 --hmark-rnd 7",
        )
        .unwrap();
        assert_eq!(text, "5 --hmark-from 4");
        assert!((moved - 0.2).abs() < 0.01);
    }
}
