// SPDX-License-Identifier: GPL-2.0-only

//! The rules and translations of `tests/iptables`, which are in the formats of iptables' own tests.

use crate::family::{Commands, Family};
use crate::side::Side;

/// Rules of both families, of IPv4 and of IPv6, for our library.
const OURS: [&str; 3] = [
    include_str!("../../../iptables/libxt_HMARK.t"),
    include_str!("../../../iptables/libipt_HMARK.t"),
    include_str!("../../../iptables/libip6t_HMARK.t"),
];

/// Rules of both families with options that only our library and module have.
const REVISION_1: &str = include_str!("../../../iptables/libxt_HMARK_v1.t");

/// The same as [`OURS`] for the stock library, where it differs.
const STOCK: [&str; 3] = [
    include_str!("../../../iptables/stock/libxt_HMARK.t"),
    include_str!("../../../iptables/stock/libipt_HMARK.t"),
    include_str!("../../../iptables/stock/libip6t_HMARK.t"),
];

const TRANSLATIONS: &str = include_str!("../../../iptables/libxt_HMARK.txlate");

/// The beginning of every rule.
const TARGET: &str = "-j HMARK";

/// A rule to add to the PREROUTING chain of the mangle table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The text after the chain.
    pub added: &'static str,
    /// The text that is saved, likewise, if the rule is accepted.
    pub saved: Option<&'static str>,
}

/// A command of iptables-translate or ip6tables-translate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    /// The command.
    pub command: &'static str,
    /// Its output, in one line.
    pub printed: &'static str,
}

impl Translation {
    /// The command for nft that is printed, if nft has an equivalent.
    pub fn nft(&self) -> Option<&'static str> {
        self.printed.strip_prefix("nft '")?.strip_suffix('\'')
    }
}

/// The rules of a family for our library, or those that are otherwise for the stock one.
pub fn rules(library: Side, family: Family) -> Vec<Rule> {
    let [both, ipv4, ipv6] = match library {
        Side::Ours => OURS,
        Side::Stock => STOCK,
    };
    let own = match family {
        Family::Ipv4 => ipv4,
        Family::Ipv6 => ipv6,
    };
    let lines = lines(both).chain(lines(own));
    lines.filter_map(rule).collect()
}

/// The rules with options of revision 1, for our library and either family.
pub fn revision_1() -> Vec<Rule> {
    lines(REVISION_1).filter_map(rule).collect()
}

/// The options of all rules of revision 0, of either family, each once.
pub fn options() -> Vec<&'static str> {
    let mut options = Vec::new();
    for family in Family::ALL {
        for rule in rules(Side::Ours, family) {
            let option = rule.added.trim_start_matches(TARGET).trim_start();
            if !options.contains(&option) {
                options.push(option);
            }
        }
    }
    options
}

/// The translations of a family.
pub fn translations(family: Family) -> Vec<Translation> {
    let program = format!("{}-translate ", family.iptables());
    let mut lines = lines(TRANSLATIONS);
    let mut translations = Vec::new();
    while let Some(command) = lines.next() {
        let printed = lines.next().unwrap_or_default();
        if command.starts_with(&program) {
            translations.push(Translation { command, printed });
        }
    }
    translations
}

/// The lines of a file that are neither empty nor comments.
fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    let lines = file.lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Reads a line, unless it names the chain or the table.
fn rule(line: &'static str) -> Option<Rule> {
    let mut fields = line.split(';');
    let (added, saved, result) = (fields.next()?, fields.next()?, fields.next()?);
    let saved = match saved {
        "=" => added,
        saved => saved,
    };
    let saved = (result == "OK").then_some(saved);
    Some(Rule { added, saved })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hmark_text::{read, save, Line};

    #[test]
    fn every_line_is_read() {
        for file in OURS.into_iter().chain(STOCK).chain([REVISION_1]) {
            let heads: Vec<_> = lines(file).take(2).collect();
            assert_eq!(heads, [":PREROUTING", "*mangle"]);
            for line in lines(file).skip(2) {
                let fields: Vec<_> = line.split(';').collect();
                let [added, saved, result] = fields[..] else {
                    panic!("{line}");
                };
                assert!(added.starts_with(TARGET), "{line}");
                let is_saved = saved == "=" || saved.starts_with(TARGET);
                assert!(
                    (result == "OK" && is_saved) || (result == "FAIL" && saved.is_empty()),
                    "{line}"
                );
            }
        }
        let count = Family::ALL.map(|family| translations(family).len());
        assert_eq!(2 * count.iter().sum::<usize>(), lines(TRANSLATIONS).count());
    }

    #[test]
    fn each_line_says_what_ours_makes_of_its_rule() {
        for family in Family::ALL {
            for Rule { added, saved } in rules(Side::Ours, family) {
                let made = read(&added[TARGET.len()..], family).map(|(rule, _)| {
                    let mut line = Line::new();
                    save(&rule, family, &mut line);
                    format!("{TARGET}{line}")
                });
                let made = made.map_err(|error| error.to_string());
                assert_eq!(made.as_deref().ok(), saved, "{family}: {added}: {made:?}");
            }
        }
    }

    #[test]
    fn fields_have_their_meaning() {
        let added = "-j HMARK --hmark-mod 4";
        let read = |line| rule(line).unwrap();
        let saved = Some("-j HMARK");
        assert_eq!(
            read("-j HMARK --hmark-mod 4;-j HMARK;OK"),
            Rule { added, saved }
        );
        let saved = Some(added);
        assert_eq!(read("-j HMARK --hmark-mod 4;=;OK"), Rule { added, saved });
        let saved = None;
        assert_eq!(read("-j HMARK --hmark-mod 4;;FAIL"), Rule { added, saved });
        assert_eq!(rule("*mangle"), None);
    }

    #[test]
    fn the_stock_library_makes_something_else() {
        for family in Family::ALL {
            let ours = rules(Side::Ours, family);
            for stock in rules(Side::Stock, family) {
                let ours = ours.iter().find(|rule| rule.added == stock.added);
                let ours = ours.unwrap_or_else(|| panic!("ours has no line for {stock:?}"));
                let is_unread = stock.added.contains("-prefix -1 ");
                assert!(ours.saved != stock.saved || is_unread, "{ours:?}");
            }
        }
    }

    #[test]
    fn translations_are_commands_or_comments() {
        for family in Family::ALL {
            let translations = translations(family);
            let declined = translations.iter().filter(|one| one.nft().is_none());
            assert!(declined.clone().count() < translations.len());
            for one in declined {
                assert!(one.printed.starts_with("nft # -t mangle "), "{one:?}");
            }
        }
    }
}
