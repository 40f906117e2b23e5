// SPDX-License-Identifier: GPL-2.0-only

//! The commands that change rules: what iptables-restore takes, for all rules of a family at once.

use hmark::rule::v1::Info;
use hmark::Family;

use super::edit;
use crate::ruleset::Rule;

/// A rule's place on a host, or a place that stands for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The family of its tables.
    pub family: Family,
    /// Its table, such as `mangle`.
    pub table: String,
    /// Its chain.
    pub chain: String,
    /// Its number in the chain, counted from 1; [`None`] if the rule is on no host that is known.
    pub number: Option<usize>,
    /// Its matches, as iptables-save writes them.
    pub matches: String,
}

impl Place {
    /// The place of a rule that is on no host that is known.
    pub fn unknown(family: Family) -> Self {
        Self {
            family,
            table: "mangle".to_owned(),
            chain: "CHAIN".to_owned(),
            number: None,
            matches: "MATCHES".to_owned(),
        }
    }

    /// The place of a rule of a host. The target is the last part of a rule that iptables-save wrote.
    pub fn of(family: Family, table: &str, chain: &str, rule: &Rule) -> Self {
        let end = rule.text.rfind("-j HMARK").unwrap_or(0);
        Self {
            family,
            table: table.to_owned(),
            chain: chain.to_owned(),
            number: Some(rule.number),
            matches: rule.text.get(..end).unwrap_or_default().trim().to_owned(),
        }
    }

    /// The line that puts another rule here.
    pub(crate) fn replacement(&self, rule: &Info) -> String {
        let number = match self.number {
            Some(number) => number.to_string(),
            None => "NUMBER".to_owned(),
        };
        let mut words = vec!["-R", &self.chain, &number];
        if !self.matches.is_empty() {
            words.push(&self.matches);
        }
        format!(
            "{} -j HMARK {}",
            words.join(" "),
            edit::save(rule, self.family)
        )
    }
}

/// The shell's lines that replace rules: one command a family and table, each of which changes all its
/// rules at once.
pub fn commands(rules: &[(Place, Info)]) -> Vec<String> {
    let mut lines = Vec::new();
    for family in Family::ALL {
        let of_family = || rules.iter().filter(|(place, _)| place.family == family);
        let mut tables: Vec<&str> = of_family().map(|(place, _)| place.table.as_str()).collect();
        tables.sort_unstable();
        tables.dedup();
        if tables.is_empty() {
            continue;
        }
        let restore = match family {
            Family::Ipv4 => "iptables-restore",
            Family::Ipv6 => "ip6tables-restore",
        };
        // Nothing in a quoted here-document is expanded: a comment of a rule may have anything.
        lines.push(format!("{restore} --noflush <<'END'"));
        for table in tables {
            lines.push(format!("*{table}"));
            let in_table = of_family().filter(|(place, _)| place.table == table);
            lines.extend(in_table.map(|(place, rule)| place.replacement(rule)));
            lines.push("COMMIT".to_owned());
        }
        lines.push("END".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_a_family_change_at_once() {
        let place = |family, number, matches: &str| Place {
            family,
            chain: "PREROUTING".to_owned(),
            number: Some(number),
            matches: matches.to_owned(),
            ..Place::unknown(family)
        };
        let rule = |family| edit::read("--hmark-mod 5 --hmark-from 4 --hmark-tuple ct,src", family);
        let [four, six] = Family::ALL.map(|family| rule(family).unwrap());
        let rules = [
            (place(Family::Ipv4, 1, "-d 198.51.100.1/32"), four),
            (place(Family::Ipv6, 2, ""), six),
            (
                place(Family::Ipv4, 3, "-m comment --comment \"$(reboot)\""),
                four,
            ),
        ];
        let options = "--hmark-rnd 0xc175a3b8 --hmark-mod 5 --hmark-from 4 --hmark-tuple ct";
        assert_eq!(
            commands(&rules),
            [
                "iptables-restore --noflush <<'END'".to_owned(),
                "*mangle".to_owned(),
                format!("-R PREROUTING 1 -d 198.51.100.1/32 -j HMARK --hmark-src-prefix 32 {options}"),
                format!("-R PREROUTING 3 -m comment --comment \"$(reboot)\" -j HMARK --hmark-src-prefix 32 {options}"),
                "COMMIT".to_owned(),
                "END".to_owned(),
                "ip6tables-restore --noflush <<'END'".to_owned(),
                "*mangle".to_owned(),
                format!("-R PREROUTING 2 -j HMARK --hmark-src-prefix 128 {options}"),
                "COMMIT".to_owned(),
                "END".to_owned(),
            ]
        );
    }

    #[test]
    fn a_rule_alone_has_words_in_place_of_what_is_not_known() {
        let rule = edit::read("--hmark-mod 5", Family::Ipv4).unwrap();
        let lines = commands(&[(Place::unknown(Family::Ipv4), rule)]);
        assert!(lines[2].starts_with("-R CHAIN NUMBER MATCHES -j HMARK --hmark-src-prefix 32 "));
    }
}
