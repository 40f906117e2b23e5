// SPDX-License-Identifier: GPL-2.0-only

//! The input of iptables-restore that replaces rules in place and keeps their counters, and a check that it
//! did so.

use hmark::Family;

use super::{Chosen, Saved};
use crate::ruleset::Target;

/// The change of one family's rules.
#[derive(Clone, Debug)]
pub struct Rewrite {
    /// The family.
    pub family: Family,
    /// The rules that change, and no others.
    pub rules: Vec<Chosen>,
}

/// A rule as it is written.
#[derive(Clone, Copy)]
enum Version {
    Before,
    After,
}

impl Rewrite {
    /// The changes of each family that has any: rules that are as wanted are left out.
    pub fn of(chosen: &[Chosen]) -> Vec<Self> {
        let of_family = |family| {
            let changed = |chosen: &&Chosen| {
                chosen.place.family == family && chosen.change.before != chosen.change.after
            };
            let rules = chosen.iter().filter(changed).cloned().collect();
            Self { family, rules }
        };
        let mut all: Vec<_> = Family::ALL.into_iter().map(of_family).collect();
        all.retain(|rewrite| !rewrite.rules.is_empty());
        all
    }

    /// The command that takes [`Self::input`]. `--wait` is for the lock of iptables-legacy.
    pub const fn command(family: Family) -> [&'static str; 4] {
        let program = match family {
            Family::Ipv4 => "iptables-restore",
            Family::Ipv6 => "ip6tables-restore",
        };
        [program, "--noflush", "--counters", "--wait=5"]
    }

    /// The lines that change the rules, with the counters that they have by now. One table is changed at
    /// once, and nothing else of it is touched.
    pub fn input(&self, now: &Saved) -> String {
        self.lines(now, Version::After)
    }

    /// The lines that put the rules back.
    pub fn back(&self, now: &Saved) -> String {
        self.lines(now, Version::Before)
    }

    fn lines(&self, now: &Saved, version: Version) -> String {
        let mut tables: Vec<&str> = self.rules.iter().map(|rule| &*rule.place.table).collect();
        tables.sort_unstable();
        tables.dedup();
        let mut lines = Vec::new();
        for table in tables {
            lines.push(format!("*{table}"));
            // Without these lines, iptables-legacy sets the counters of its policies to 0.
            lines.extend(now.policies(table).into_iter().map(str::to_owned));
            for rule in self.rules.iter().filter(|rule| rule.place.table == table) {
                let place = &rule.place;
                let number = place.number.unwrap_or(0);
                let counters = match now.rule(table, &place.chain, number) {
                    Some(rule) => now.counters(rule),
                    None => "",
                };
                let command = match version {
                    Version::After => place.replacement(&rule.change.after),
                    Version::Before => format!("-R {} {number} {}", place.chain, rule.text),
                };
                lines.push(format!("{counters} {command}").trim_start().to_owned());
            }
            lines.push("COMMIT".to_owned());
        }
        lines.join("\n") + "\n"
    }

    /// The first chain that differs from what the change was made for, if any does: somebody else has
    /// changed it.
    pub fn is_outdated(&self, then: &Saved, now: &Saved) -> Option<String> {
        let policy = |saved: &Saved, table: &str, chain: &str| {
            let table = saved.rules.table(table);
            table.and_then(|table| table.chain(chain)?.policy)
        };
        self.chains().into_iter().find_map(|(table, chain)| {
            let is_same = then.chain(table, chain) == now.chain(table, chain)
                && policy(then, table, chain) == policy(now, table, chain);
            (!is_same).then(|| format!("{} {table} {chain}", self.family))
        })
    }

    /// The first chain that is not what the change was to make of it, if any is.
    pub fn is_amiss(&self, then: &Saved, now: &Saved) -> Option<String> {
        self.chains().into_iter().find_map(|(table, chain)| {
            let shown = || Some(format!("{} {table} {chain}", self.family));
            let (Some(before), Some(after)) = (then.chain(table, chain), now.chain(table, chain))
            else {
                return shown();
            };
            if before.len() != after.len() {
                return shown();
            }
            for (index, (before, after)) in before.iter().zip(&after).enumerate() {
                let number = index.saturating_add(1);
                let wanted = self.rules.iter().find(|rule| {
                    let place = &rule.place;
                    (&*place.table, &*place.chain, place.number) == (table, chain, Some(number))
                });
                let is_right = match wanted {
                    None => before == after,
                    Some(wanted) => match now.rule(table, chain, number).map(|rule| &rule.target) {
                        Some(Target::Hmark(info)) => **info == wanted.change.after,
                        _ => false,
                    },
                };
                if !is_right {
                    return shown();
                }
            }
            None
        })
    }

    /// The chains of the rules, each once, by table and name.
    fn chains(&self) -> Vec<(&str, &str)> {
        let places = self.rules.iter().map(|rule| &rule.place);
        let mut chains: Vec<_> = places.map(|place| (&*place.table, &*place.chain)).collect();
        chains.sort_unstable();
        chains.dedup();
        chains
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weight::{choose, Asked};

    fn saved(rules: &[&str]) -> Saved {
        let mut text = "*mangle\n:PREROUTING ACCEPT [0:0]\n".to_owned();
        for (index, rule) in rules.iter().enumerate() {
            text += &format!("[{index}:9] -A PREROUTING {rule}\n");
        }
        Saved::read((text + "COMMIT\n").into(), Family::Ipv4).unwrap()
    }

    const HMARK: &str = "-i lan -m comment --comment \"a -j HMARK b\" -j HMARK --hmark-mod 4";

    fn rewrite(host: &Saved, weight: &str) -> Rewrite {
        let asked = Asked {
            weights: vec![weight.to_owned()],
            ..Asked::default()
        };
        let chosen = choose(std::slice::from_ref(host), &asked).unwrap();
        Rewrite::of(&chosen).remove(0)
    }

    #[test]
    fn a_rule_is_replaced_in_place_with_its_counters_of_now() {
        let then = saved(&["-j LOG", HMARK]);
        let rewrite = rewrite(&then, "3=0");
        let now = Saved::read(
            "*mangle\n:PREROUTING ACCEPT [3:4]\n[5:6] -A PREROUTING -j LOG\n\
             [70:80] -A PREROUTING -j HMARK --hmark-mod 4\nCOMMIT\n"
                .into(),
            Family::Ipv4,
        );
        let input = rewrite.input(&now.unwrap());
        let lines: Vec<&str> = input.lines().collect();
        assert_eq!(
            (lines[0], lines[1], lines[3], lines.len()),
            ("*mangle", ":PREROUTING ACCEPT [3:4]", "COMMIT", 4)
        );
        assert!(
            lines[2].starts_with(
                "[70:80] -R PREROUTING 2 -i lan -m comment --comment \"a -j HMARK b\" -j HMARK --hmark-src-prefix 32 "
            ),
            "{input}"
        );
        assert!(lines[2].ends_with(" --hmark-weight 3=0"), "{input}");
        assert_eq!(
            rewrite.back(&then),
            format!("*mangle\n:PREROUTING ACCEPT [0:0]\n[1:9] -R PREROUTING 2 {HMARK}\nCOMMIT\n")
        );
    }

    #[test]
    fn rules_that_are_as_wanted_are_left_alone() {
        let host = saved(&["-j HMARK --hmark-mod 4 --hmark-weight 3=0"]);
        let asked = Asked {
            weights: vec!["3=0".to_owned()],
            ..Asked::default()
        };
        let chosen = choose(&[host], &asked).unwrap();
        assert!(Rewrite::of(&chosen).is_empty());
    }

    #[test]
    fn changes_of_others_are_noticed() {
        let then = saved(&["-j LOG", HMARK]);
        let rewrite = rewrite(&then, "3=0");
        let place = Some("IPv4 mangle PREROUTING".to_owned());
        for others in [
            &[HMARK][..],
            &["-j LOG", "-j LOG", HMARK],
            &["-j LOG", "-j HMARK --hmark-mod 5"],
            &[HMARK, "-j LOG"],
        ] {
            assert_eq!(rewrite.is_outdated(&then, &saved(others)), place);
            assert_eq!(rewrite.is_amiss(&then, &saved(others)), place);
        }
        assert_eq!(rewrite.is_outdated(&then, &then.clone()), None);
        // Nothing has happened.
        assert_eq!(rewrite.is_amiss(&then, &then), place);
        let done = format!("{HMARK} --hmark-weight 3=0");
        assert_eq!(rewrite.is_amiss(&then, &saved(&["-j LOG", &done])), None);
        assert_eq!(rewrite.is_amiss(&then, &saved(&["-j DROP", &done])), place);
    }
}
