// SPDX-License-Identifier: GPL-2.0-only

//! The marks that a change adds, and the commands that give each a way before it is used: a route, and the
//! routing rule that asks for the mark.

use hmark::rule::v1::Info;
use hmark::Family;

use super::shares::shares;
use super::Change;
use crate::host::Host;
use crate::net::Net;
use crate::routing::{Action, RoutingRule};

/// The most marks and networks for which commands are written.
const MOST_MARKS: usize = 16;
const MOST_NETS: usize = 4;

/// The word that stands for the address of a mark's gateway.
pub const GATEWAY: &str = "GATEWAY";

/// The marks that only the rule after a change gives.
///
/// [`None`] if there are too many to say.
pub fn new_marks(change: &Change) -> Option<Vec<u32>> {
    let (before, after) = (shares(&change.before)?, shares(&change.after)?);
    let after = after.into_iter().filter(|(_, share)| *share > 0.0);
    let new = after.filter(|(mark, _)| !before.contains_key(mark));
    Some(new.map(|(mark, _)| mark).collect())
}

/// The shell's lines that give a family's packets with new marks a way, as those of other marks have one if
/// the host is known. Marks that a routing rule of the host asks for have one already.
pub fn commands(change: &Change, family: Family, host: Option<&Host>) -> Vec<String> {
    let pattern = host.and_then(|host| Pattern::of(host, family, &change.before));
    let pattern = pattern.unwrap_or_else(|| Pattern {
        preference: None,
        nets: vec![Net::every(family)],
    });
    let own = host.and_then(|host| host.side(family).rules.get());
    let is_asked_for = |mark: &u32| {
        let mut rules = own.into_iter().flat_map(|rules| &rules.rules);
        rules.any(|rule| asks_for(rule, *mark))
    };
    let ip = match family {
        Family::Ipv4 => "ip",
        Family::Ipv6 => "ip -6",
    };
    let mask = change.after.masked.mark_mask;
    let marks = new_marks(change).unwrap_or_default();
    let marks = marks.into_iter().filter(|mark| !is_asked_for(mark));
    let mut lines = Vec::new();
    for mark in marks.take(MOST_MARKS) {
        // 0 is no table, and 253 to 255 are default, main and local.
        let table = match mark {
            0 | 253..=255 => "TABLE".to_owned(),
            mark => mark.to_string(),
        };
        for net in &pattern.nets {
            let to = match *net == Net::every(family) {
                true => "default".to_owned(),
                false => net.to_string(),
            };
            lines.push(format!("{ip} route add {to} via {GATEWAY} table {table}"));
        }
        let preference = pattern.preference.map(|number| format!("pref {number} "));
        let fwmark = match mask {
            0 => mark.to_string(),
            mask => format!("{mark:#x}/{mask:#x}"),
        };
        let preference = preference.unwrap_or_default();
        lines.push(format!(
            "{ip} rule add {preference}fwmark {fwmark} table {table}"
        ));
    }
    lines
}

fn asks_for(rule: &RoutingRule, mark: u32) -> bool {
    !rule.not && matches!(rule.mark, Some((own, mask)) if (own ^ mark) & mask == 0)
}

/// The way that a host's other marks have.
struct Pattern {
    /// The preference of the routing rule: with the same one, the new rule comes behind it.
    preference: Option<u32>,
    /// The networks that its table has routes to.
    nets: Vec<Net>,
}

impl Pattern {
    /// That of the greatest mark of a rule for which the host has a routing rule and routes.
    fn of(host: &Host, family: Family, rule: &Info) -> Option<Self> {
        let (rules, routes) = (
            host.side(family).rules.get()?,
            host.side(family).routes.get()?,
        );
        shares(rule)?.into_keys().rev().find_map(|mark| {
            let rule = rules.rules.iter().find(|rule| asks_for(rule, mark))?;
            let Action::Table(table) = &rule.action else {
                return None;
            };
            let mut nets: Vec<Net> = routes
                .of(table)
                .filter(|route| route.hops.iter().any(|hop| hop.gateway.is_some()))
                .map(|route| route.destination)
                .collect();
            nets.sort_by_key(|net| (net.length(), net.number()));
            nets.dedup();
            nets.truncate(MOST_NETS);
            (!nets.is_empty()).then_some(Self {
                preference: Some(rule.preference),
                nets,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::edit::read;
    use super::*;

    fn change(before: &str, after: &str) -> Change {
        let rule = |text| read(text, Family::Ipv4).unwrap();
        Change {
            family: Family::Ipv4,
            before: rule(before),
            after: rule(after),
        }
    }

    #[test]
    fn only_marks_that_were_not_there_need_a_way() {
        let new = |before, after| new_marks(&change(before, after)).unwrap();
        let (three, four) = (
            "--hmark-mod 3 --hmark-offset 101",
            "--hmark-mod 4 --hmark-offset 101",
        );
        assert_eq!(new(three, four), [104]);
        assert!(new(four, three).is_empty());
        let drained = format!("{four} --hmark-weight 3=0");
        assert!(new_marks(&change(three, &drained)).unwrap().is_empty());
        assert_eq!(new(three, "--hmark-mod 3 --hmark-offset 102"), [104]);
    }

    #[test]
    fn a_new_mark_gets_a_way_as_others_have_it() {
        let lines = |family, host: Option<&str>, before: &str, after: &str| {
            let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts");
            let host = host.map(|name| Host::saved(&hosts.join(name)).unwrap());
            commands(&change(before, after), family, host.as_ref())
        };
        let (three, four) = (
            "--hmark-mod 3 --hmark-offset 101",
            "--hmark-mod 4 --hmark-offset 101",
        );
        assert_eq!(
            lines(Family::Ipv4, None, three, four),
            [
                "ip route add default via GATEWAY table 104",
                "ip rule add fwmark 104 table 104"
            ]
        );
        assert_eq!(
            lines(Family::Ipv6, Some("gateways/border"), three, four),
            [
                "ip -6 route add fd00:3::/64 via GATEWAY table 104",
                "ip -6 rule add pref 32763 fwmark 104 table 104"
            ]
        );
        // Behind the rule that sends packets back by the main table, and before the mark's own.
        let lines_of_router = lines(
            Family::Ipv4,
            Some("router/router"),
            "--hmark-mod 4 --hmark-offset 201",
            "--hmark-mod 5 --hmark-offset 201",
        );
        assert_eq!(
            lines_of_router,
            [
                "ip route add default via GATEWAY table 205",
                "ip rule add pref 204 fwmark 205 table 205"
            ]
        );
        // The mark has a rule.
        let two = "--hmark-mod 2 --hmark-offset 101";
        assert!(lines(Family::Ipv4, Some("gateways/border"), two, three).is_empty());
        // Tables that have other names, and bits of a mark.
        assert_eq!(
            lines(
                Family::Ipv4,
                None,
                "--hmark-mod 3 --hmark-offset 252",
                "--hmark-mod 4 --hmark-offset 252"
            )[1],
            "ip rule add fwmark 255 table TABLE"
        );
        let mask = "--hmark-mask 0xf00";
        assert_eq!(
            lines(
                Family::Ipv4,
                None,
                &format!("--hmark-mod 3 {mask}"),
                &format!("--hmark-mod 4 {mask}")
            )[1],
            "ip rule add fwmark 0x300/0xf00 table 768"
        );
    }
}
