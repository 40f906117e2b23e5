// SPDX-License-Identifier: GPL-2.0-only

//! The marks that the HMARK rules of a host give, and the share of packets that each is to have.

use std::collections::BTreeMap;

use anyhow::{bail, Result};
use hmark::rule::v1::Info;
use hmark::Family;

use crate::cannot_tell::CannotTell;
use crate::change::shares;
use crate::findings::Site;
use crate::host::{Host, Part};
use crate::marks::{bits, range, MOST_MARKS};

/// The marks of rules that give the same ones: those of one cluster, in one family.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The family.
    pub family: Family,
    /// The bits of a packet's mark that its rules set.
    pub bits: u32,
    /// Each mark, and its share of the group's flows, 0 to 1; [`None`] if that cannot be told, since rules
    /// differ in it, or other rules give the same marks.
    pub shares: BTreeMap<u32, Option<f64>>,
}

/// The groups of a host's rules that packets meet before they are routed, IPv4 first.
///
/// # Errors
///
/// In one line: the rules of no family can be read, as without root, no rule marks packets before they are
/// routed, or [`CannotTell`] of a rule with too many marks.
pub fn groups(host: &Host) -> Result<Vec<Group>> {
    let mut groups = Vec::new();
    let families = Family::ALL.map(|family| &host.side(family).ruleset);
    if families
        .iter()
        .all(|rules| !matches!(rules, Part::Known(_)))
    {
        host.ipv4.ruleset.known()?;
    }
    for family in Family::ALL {
        if let Some(site) = Site::new(host, family) {
            groups.extend(of_site(&site)?);
        }
    }
    match groups.is_empty() {
        true => bail!("no HMARK rule marks packets here before they are routed"),
        false => Ok(groups),
    }
}

fn of_site(site: &Site<'_>) -> Result<Vec<Group>> {
    let mut rules: Vec<&Info> = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    for rule in site.before_routing() {
        if rule.info.masked.v0.hmodulus > MOST_MARKS {
            let reason = format!("a rule has more than {MOST_MARKS} marks");
            return Err(CannotTell::because(reason).at(rule.place()).into());
        }
        let shares = shares::shares(rule.info).unwrap_or_default();
        match rules
            .iter()
            .position(|first| range(first) == range(rule.info))
        {
            None => {
                rules.push(rule.info);
                groups.push(Group {
                    family: site.family,
                    bits: bits(rule.info),
                    shares: known(&shares),
                });
            }
            Some(place) => {
                if let Some(group) = groups.get_mut(place) {
                    if group.shares != known(&shares) {
                        group.forget_shares();
                    }
                }
            }
        }
    }
    for place in 1..groups.len() {
        let (before, rest) = groups.split_at_mut(place);
        if let Some(group) = rest.first_mut() {
            for other in before {
                if other.overlaps(group) {
                    other.forget_shares();
                    group.forget_shares();
                }
            }
        }
    }
    Ok(groups)
}

fn known(shares: &BTreeMap<u32, f64>) -> BTreeMap<u32, Option<f64>> {
    let shares = shares.iter();
    shares.map(|(mark, share)| (*mark, Some(*share))).collect()
}

impl Group {
    fn forget_shares(&mut self) {
        self.shares.values_mut().for_each(|share| *share = None);
    }

    /// Whether a packet's mark may be one of both groups.
    fn overlaps(&self, other: &Self) -> bool {
        let bits = self.bits & other.bits;
        let own: std::collections::BTreeSet<u32> =
            self.shares.keys().map(|mark| mark & bits).collect();
        other.shares.keys().any(|mark| own.contains(&(mark & bits)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::*;
    use crate::ruleset::RuleSet;

    /// The border of the second tutorial, as it was saved.
    pub fn border() -> Host {
        let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts");
        Host::saved(&hosts.join("gateways/border")).unwrap()
    }

    /// The same with these IPv4 rules in PREROUTING of mangle.
    pub fn with_rules(rules: &[&str]) -> Host {
        let mut text = "*mangle\n:PREROUTING ACCEPT [0:0]\n".to_owned();
        for rule in rules {
            text += &format!("-A PREROUTING -j HMARK {rule}\n");
        }
        let rules = RuleSet::read((text + "COMMIT\n").as_bytes(), Family::Ipv4).unwrap();
        let mut host = border();
        host.ipv4.ruleset = Part::Known(rules);
        host.ipv6.ruleset = Part::Known(RuleSet::empty(Family::Ipv6));
        host
    }

    #[test]
    fn rules_with_the_same_marks_are_one_group() {
        let groups = groups(&border()).unwrap();
        let of = |group: &Group| {
            (
                group.family,
                group.shares.keys().copied().collect::<Vec<_>>(),
            )
        };
        let marks = vec![101, 102, 103];
        assert_eq!(
            groups.iter().map(of).collect::<Vec<_>>(),
            [(Family::Ipv4, marks.clone()), (Family::Ipv6, marks)]
        );
        let share = groups[0].shares[&102].unwrap();
        assert!((share - 1.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn shares_that_cannot_be_told_are_not_guessed() {
        let of = |rules: &[&str]| groups(&with_rules(rules)).unwrap();
        let weighted = of(&["--hmark-mod 4 --hmark-offset 8 --hmark-weight 1=0"]);
        assert_eq!(weighted[0].shares[&9], Some(0.0));
        let differ = of(&[
            "--hmark-mod 4 --hmark-offset 8",
            "--hmark-mod 4 --hmark-offset 8 --hmark-weight 1=0",
        ]);
        assert_eq!((differ.len(), differ[0].shares[&9]), (1, None));
        let apart = of(&[
            "--hmark-mod 4 --hmark-offset 8",
            "--hmark-mod 4 --hmark-offset 12",
        ]);
        assert!(
            apart.len() == 2
                && apart
                    .iter()
                    .all(|group| group.shares.values().all(Option::is_some))
        );
        let overlap = of(&[
            "--hmark-mod 4 --hmark-offset 8",
            "--hmark-mod 4 --hmark-offset 11",
        ]);
        assert!(overlap
            .iter()
            .all(|group| group.shares.values().all(Option::is_none)));
        let masked = of(&["--hmark-mod 3 --hmark-offset 0x100 --hmark-mask 0xf00"]);
        assert_eq!(masked[0].bits, 0xf00);
        assert!(masked[0].shares.keys().eq(&[0x100, 0x200, 0x300]));
    }

    #[test]
    fn hosts_without_marks_and_with_too_many_are_told_so() {
        let error = groups(&with_rules(&[])).unwrap_err().to_string();
        assert_eq!(
            error,
            "no HMARK rule marks packets here before they are routed"
        );
        let error = groups(&with_rules(&["--hmark-mod 4097"])).unwrap_err();
        assert!(error.is::<CannotTell>(), "{error}");
    }
}
