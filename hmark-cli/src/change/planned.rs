// SPDX-License-Identifier: GPL-2.0-only

//! Changes of rules that `hmark plan` has made: they belong into its file, since its script takes back what
//! is changed beside it.

use hmark::rule::v1::{flag, Info, FULL_WEIGHT};

use super::commands::Place;
use super::Change;
use crate::host::Host;

/// The most weights that are named.
const MOST_WEIGHTS: usize = 8;

/// True if a rule is in a chain of `hmark plan`: the chain has such a name, and the host has routing rules of a
/// protocol of their own. Where these are not known, the name will do.
pub fn is_planned(host: &Host, place: &Place) -> bool {
    let has_name = place.table == "mangle" && place.chain.starts_with("HMARK-");
    let rules = host.side(place.family).rules.get();
    let is_own = rules.is_none_or(|all| all.rules.iter().any(|rule| rule.owner.is_some()));
    has_name && is_own
}

/// The edits of a plan's file that make a change, one a line.
pub fn edits(change: &Change) -> Vec<String> {
    let (before, after) = (&change.before, &change.after);
    let (old, new) = (&before.masked.v0, &after.masked.v0);
    let mut edits = Vec::new();
    let (more, fewer) = (
        new.hmodulus.saturating_sub(old.hmodulus),
        old.hmodulus.saturating_sub(new.hmodulus),
    );
    match (more, fewer) {
        (0, 0) => {}
        (1, _) => edits.push("gateways: one more, at the end of the list".to_owned()),
        (0, 1) => edits.push("gateways: take the last one away".to_owned()),
        (0, fewer) => edits.push(format!("gateways: take the last {fewer} away")),
        (more, _) => edits.push(format!("gateways: {more} more, at the end of the list")),
    }
    if new.hoffset != old.hoffset {
        edits.push(format!("offset = {:#x}", new.hoffset));
    }
    if after.masked.mark_mask != before.masked.mark_mask {
        edits.push(match after.masked.mark_mask {
            0 => "mask: without it".to_owned(),
            mask => format!("mask = {mask:#x}"),
        });
    }
    let from = |rule: &Info| rule.has(flag::FROM).then_some(rule.from);
    if from(after) != from(before) {
        edits.push(match from(after) {
            Some(from) => format!("from = {from}"),
            None => "from: without it".to_owned(),
        });
    }
    edits.extend(weights(before, after));
    if !change.has_one_hash() {
        edits.push(match (after.has(flag::KEY), old.hashrnd != new.hashrnd) {
            // A key is not shown.
            (true, _) => "[hash]: key and what else is hashed, as in the new rule".to_owned(),
            (false, true) => format!("[hash]: seed = {:#x}", new.hashrnd),
            (false, false) => "[hash]: what is hashed, as in the new rule".to_owned(),
        });
    }
    edits
}

/// The weights that differ, of gateways that stay or come.
fn weights(before: &Info, after: &Info) -> Vec<String> {
    let marks = usize::try_from(after.masked.v0.hmodulus).unwrap_or(usize::MAX);
    let both = before.less.iter().zip(&after.less).take(marks);
    let differing = both.enumerate().filter(|(_, (old, new))| old != new);
    let mut all: Vec<_> = differing
        .map(|(number, (_, less))| {
            let weight = FULL_WEIGHT.saturating_sub(*less);
            format!("gateway {number}, counted from 0: weight = {weight}")
        })
        .collect();
    let more = all.len().saturating_sub(MOST_WEIGHTS);
    if more > 0 {
        all.truncate(MOST_WEIGHTS);
        all.push(format!("and {more} more weights, as in the new rule"));
    }
    all
}

#[cfg(test)]
mod tests {
    use hmark::Family;

    use super::super::edit::read;
    use super::*;

    #[test]
    fn each_change_has_its_edit() {
        for (before, after, expected) in [
            (
                "--hmark-mod 4 --hmark-offset 256",
                "--hmark-mod 5 --hmark-offset 256 --hmark-from 4",
                &["gateways: one more, at the end of the list", "from = 4"][..],
            ),
            (
                "--hmark-mod 4",
                "--hmark-mod 7 --hmark-offset 0x200 --hmark-mask 0xff00",
                &[
                    "gateways: 3 more, at the end of the list",
                    "offset = 0x200",
                    "mask = 0xff00",
                ],
            ),
            (
                "--hmark-mod 4 --hmark-weight 1=0",
                "--hmark-mod 4 --hmark-weight 2-3=50",
                &[
                    "gateway 1, counted from 0: weight = 100",
                    "gateway 2, counted from 0: weight = 50",
                    "gateway 3, counted from 0: weight = 50",
                ],
            ),
            (
                "--hmark-mod 30",
                "--hmark-mod 30 --hmark-weight 0-9=10",
                &["and 2 more weights, as in the new rule"],
            ),
            (
                "--hmark-mod 4",
                "--hmark-mod 3 --hmark-rnd 7",
                &["gateways: take the last one away", "[hash]: seed = 0x7"],
            ),
            (
                "--hmark-mod 4",
                "--hmark-mod 4 --hmark-tuple src",
                &["[hash]: what is hashed, as in the new rule"],
            ),
        ] {
            let [before, after] = [before, after].map(|text| read(text, Family::Ipv4).unwrap());
            let change = Change {
                family: Family::Ipv4,
                before,
                after,
            };
            let edits = edits(&change);
            assert!(edits.len() <= MOST_WEIGHTS + 1);
            let last = &edits[edits.len() - expected.len()..];
            assert_eq!(last, expected, "{edits:?}");
        }
    }
}
