// SPDX-License-Identifier: GPL-2.0-only

//! The rules whose weights change together: those that give the same marks, of both families.

use anyhow::{bail, Result};
use hmark::rule::v1;
use hmark::Family;

use super::Saved;
use crate::change::commands::Place;
use crate::change::edit::Edit;
use crate::change::{shares, Change};
use crate::marks::{range, MOST_MARKS};
use crate::ruleset::Target;

/// The rules that are asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The family, if not both.
    pub family: Option<Family>,
    /// The chain, if not any.
    pub chain: Option<String>,
    /// The number of a rule in the list that an error shows: it, and those with the same marks.
    pub number: Option<usize>,
    /// Lists of weights, as `--hmark-weight` has them.
    pub weights: Vec<String>,
}

/// A rule, and what becomes of it.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Its place.
    pub place: Place,
    /// Its text as it is.
    pub text: String,
    /// The change.
    pub change: Change,
}

impl Chosen {
    /// The place in short: `IPv4 mangle PREROUTING rule 1`.
    pub fn shown(&self) -> String {
        let Place {
            family,
            table,
            chain,
            number,
            ..
        } = &self.place;
        let number = number.unwrap_or(0);
        format!("{family} {table} {chain} rule {number}")
    }
}

/// The rules that change: all with the marks of the one that is asked for.
///
/// # Errors
///
/// In one line: there is no such rule, rules have different marks and none of them is asked for, or a weight
/// is wrong, in the words of iptables.
pub fn choose(saved: &[Saved], asked: &Asked) -> Result<Vec<Chosen>> {
    let mut all = Vec::new();
    for saved in saved {
        let family = saved.rules.family;
        for (table, chain, rule) in saved.rules.rules() {
            let Target::Hmark(info) = &rule.target else {
                continue;
            };
            let is_in_chain = asked.chain.as_ref().is_none_or(|name| *name == chain.name);
            if !is_in_chain || asked.family.is_some_and(|asked| asked != family) {
                continue;
            }
            all.push(Chosen {
                place: Place::of(family, &table.name, &chain.name, rule),
                text: rule.text.clone(),
                change: Change {
                    family,
                    before: **info,
                    after: **info,
                },
            });
        }
    }
    let first = match asked.number {
        Some(number) => number.checked_sub(1).and_then(|at| all.get(at)),
        None => all.first(),
    };
    let Some(first) = first else {
        match all.is_empty() {
            true => bail!("this host has no HMARK rule{}", of_chain(asked)),
            false => bail!("--number: {}", list(&all)),
        }
    };
    let wanted = range(&first.change.before);
    let is_wanted = |chosen: &Chosen| range(&chosen.change.before) == wanted;
    if asked.number.is_none() && !all.iter().all(is_wanted) {
        bail!(
            "the host's rules have different marks: choose by --chain or --number: {}",
            list(&all)
        );
    }
    if let Some(sentence) = uncounted(&first.change.before, &asked.weights) {
        bail!(sentence);
    }
    all.retain(is_wanted);
    let edit = Edit {
        weights: asked.weights.clone(),
        ..Edit::default()
    };
    for chosen in &mut all {
        let change = &mut chosen.change;
        change.after = edit.apply(&change.before, change.family)?;
    }
    Ok(all)
}

/// The weights that are given, `35=0`, each as a number and the rest.
fn numbers(lists: &[String]) -> impl Iterator<Item = (u32, &str)> {
    let items = lists.iter().flat_map(|list| list.split(','));
    items.filter_map(|item| {
        let (number, weight) = item.split_once('=')?;
        let read = match number.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        Some((read.ok()?, weight))
    })
}

/// True if a number is too great to be counted from 0, and so may be the mark that packets have.
pub fn has_marks(lists: &[String]) -> bool {
    let most = u32::try_from(v1::WEIGHTS).unwrap_or(u32::MAX);
    numbers(lists).any(|(number, _)| number >= most)
}

/// The sentence that says what to give in place of a mark that packets have; [`None`] if none is given.
fn uncounted(rule: &v1::Info, lists: &[String]) -> Option<String> {
    let count = rule.masked.v0.hmodulus;
    numbers(lists).find_map(|(number, weight)| {
        let place = (0..count.min(MOST_MARKS))
            .filter(|_| number >= count)
            .find(|place| shares::mark(rule, *place) == number)?;
        Some(format!(
            "{number} is the mark of packets: marks are counted from 0 here, so give {place}={weight}"
        ))
    })
}

fn of_chain(asked: &Asked) -> String {
    match &asked.chain {
        Some(chain) => format!(" in {chain}"),
        None => String::new(),
    }
}

/// The rules, numbered, in one line. Their keys are not shown.
fn list(all: &[Chosen]) -> String {
    let shown = all.iter().enumerate().map(|(index, chosen)| {
        let v0 = &chosen.change.before.masked.v0;
        let marks = format!("--hmark-mod {} --hmark-offset {}", v0.hmodulus, v0.hoffset);
        let number = index.saturating_add(1);
        format!("{number}: {} ({marks})", chosen.shown())
    });
    shown.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "--hmark-mod 4 --hmark-offset 100";

    fn saved(family: Family, rules: &[(&str, &str)]) -> Saved {
        let mut text = "*mangle\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n".to_owned();
        for (chain, options) in rules {
            text += &format!("[1:2] -A {chain} -i lan -j HMARK {options}\n");
        }
        Saved::read((text + "COMMIT\n").into(), family).unwrap()
    }

    fn weights(lists: &[&str]) -> Asked {
        Asked {
            weights: lists.iter().map(|&list| list.to_owned()).collect(),
            ..Asked::default()
        }
    }

    fn places(chosen: &[Chosen]) -> Vec<String> {
        chosen.iter().map(Chosen::shown).collect()
    }

    #[test]
    fn rules_with_the_same_marks_change_together() {
        let hosts = [
            saved(
                Family::Ipv4,
                &[
                    ("PREROUTING", RULE),
                    ("OUTPUT", &format!("{RULE} --hmark-tuple dst")),
                ],
            ),
            // Its weights are those of an attempt that failed half-way.
            saved(
                Family::Ipv6,
                &[(
                    "PREROUTING",
                    &format!("{RULE} --hmark-rnd 7 --hmark-weight 3=0"),
                )],
            ),
        ];
        let chosen = choose(&hosts, &weights(&["3=0", "1=50"])).unwrap();
        assert_eq!(
            places(&chosen),
            [
                "IPv4 mangle PREROUTING rule 1",
                "IPv4 mangle OUTPUT rule 1",
                "IPv6 mangle PREROUTING rule 1"
            ]
        );
        for chosen in &chosen {
            assert_eq!(chosen.change.after.less[..4], [0, 50, 0, 100]);
        }
        assert_eq!(chosen[2].change.before.less[3], 100);
        let six = Asked {
            family: Some(Family::Ipv6),
            ..weights(&["3=100"])
        };
        let chosen = choose(&hosts, &six).unwrap();
        assert_eq!(places(&chosen), ["IPv6 mangle PREROUTING rule 1"]);
        assert_eq!(chosen[0].change.after.less[3], 0);
    }

    #[test]
    fn marks_of_packets_are_told_as_they_are_counted() {
        let hosts = [saved(Family::Ipv4, &[("PREROUTING", RULE)])];
        for (given, right) in [("103=0", "3=0"), ("0=50,0x65=20", "1=20")] {
            let error = choose(&hosts, &weights(&[given])).unwrap_err().to_string();
            assert!(
                error.ends_with(&format!(
                    " is the mark of packets: marks are counted from 0 here, so give {right}"
                )),
                "{error}"
            );
        }
        let error = choose(&hosts, &weights(&["104=0"])).unwrap_err();
        assert!(error.to_string().contains("counted from 0 to 3"), "{error}");
        assert!(has_marks(&["1=0,256=0".to_owned()]) && !has_marks(&["255=0".to_owned()]));
    }

    #[test]
    fn one_of_several_clusters_must_be_chosen() {
        let other = "--hmark-mod 5 --hmark-offset 200";
        let hosts = [saved(
            Family::Ipv4,
            &[("PREROUTING", RULE), ("OUTPUT", other)],
        )];
        let error = choose(&hosts, &weights(&["3=0"])).unwrap_err().to_string();
        assert_eq!(
            error,
            "the host's rules have different marks: choose by --chain or --number: \
             1: IPv4 mangle PREROUTING rule 1 (--hmark-mod 4 --hmark-offset 100); \
             2: IPv4 mangle OUTPUT rule 1 (--hmark-mod 5 --hmark-offset 200)"
        );
        for asked in [
            Asked {
                number: Some(2),
                ..weights(&["4=0"])
            },
            Asked {
                chain: Some("OUTPUT".into()),
                ..weights(&["4=0"])
            },
        ] {
            let chosen = choose(&hosts, &asked).unwrap();
            assert_eq!(places(&chosen), ["IPv4 mangle OUTPUT rule 1"]);
        }
        let refused = |asked: Asked| choose(&hosts, &asked).unwrap_err().to_string();
        assert!(refused(Asked {
            number: Some(3),
            ..weights(&["3=0"])
        })
        .starts_with("--number: 1: "));
        assert_eq!(
            refused(Asked {
                chain: Some("INPUT".into()),
                ..weights(&["3=0"])
            }),
            "this host has no HMARK rule in INPUT"
        );
        let number_one = Asked {
            number: Some(1),
            ..weights(&["4=0"])
        };
        assert_eq!(
            refused(number_one),
            "bad value \"4\" for option \"--hmark-weight\": the marks of --hmark-mod are counted from 0 to 3"
        );
    }
}
