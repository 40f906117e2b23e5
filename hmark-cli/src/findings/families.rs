// SPDX-License-Identifier: GPL-2.0-only

//! IPv4 and IPv6 against each other.

use std::collections::BTreeSet;

use hmark::rule::v1::{flag, Info};
use hmark::Family;

use super::{Found, Site};
use crate::change::edit;
use crate::routing::{Kind, Routes};

/// The other family of a host.
fn other<'h>(site: &Site<'h>) -> Option<Site<'h>> {
    let family = match site.family {
        Family::Ipv4 => Family::Ipv6,
        Family::Ipv6 => Family::Ipv4,
    };
    Site::new(site.host, family)
}

/// Whether a family goes anywhere: it has routes other than those of each link.
fn is_used(routes: Option<&Routes>) -> bool {
    routes
        .into_iter()
        .flat_map(Routes::all)
        .any(|(table, route)| {
            let text = route.destination.to_string();
            let is_of_link = text.starts_with("fe80:")
                || text.starts_with("ff00:")
                || text.starts_with("169.254.");
            table != "local" && route.kind == Kind::Unicast && !is_of_link
        })
}

/// HMARK rules in one family alone.
pub fn missing(site: &Site<'_>, all: &mut Vec<Found>) {
    let Some(other) = other(site) else {
        return;
    };
    let Some(twin) = other.before_routing().next() else {
        return;
    };
    if site.before_routing().next().is_some() || !is_used(site.routes) {
        return;
    }
    all.push(Found {
        place: None,
        marks: Vec::new(),
        sentence: format!(
            "there is no HMARK rule for {}, but one for {} ({}): these packets are not spread",
            site.family,
            other.family,
            twin.place()
        ),
        remedy: format!(
            "add the same rule with {}, and ip rules and tables for its marks; MATCHES are those of the other rule \
             with {} addresses",
            site.iptables(),
            site.family
        ),
        commands: vec![format!(
            "{} -t {} -A {} {}-j HMARK {}",
            site.iptables(),
            twin.table.name,
            twin.chain.name,
            match twin.rule.matches.is_empty() {
                true => "",
                false => "MATCHES ",
            },
            twin_options(twin.info, site.family)
        )],
    });
}

/// The options of a rule for the other family, whose prefixes are as long as all of an address if those of
/// this one are. A key is not shown.
fn twin_options(info: &Info, family: Family) -> String {
    let (own, other) = match family {
        Family::Ipv4 => (Family::Ipv6, Family::Ipv4),
        Family::Ipv6 => (Family::Ipv4, Family::Ipv6),
    };
    let text = edit::save(info, own);
    let full = own.address_bits().to_string();
    let mut last = "";
    let words = text.split(' ').map(|word| {
        let is_full = word == full;
        let shown = match last {
            "--hmark-key" => "KEY".to_owned(),
            "--hmark-src-prefix" | "--hmark-dst-prefix" => match is_full {
                true => other.address_bits().to_string(),
                false => "PREFIX".to_owned(),
            },
            _ => word.to_owned(),
        };
        last = word;
        shown
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The options of a rule that are the same in both families. A key is not shown.
fn shared_options(info: &Info, family: Family) -> String {
    let text = edit::save(info, family);
    let mut words = text.split(' ').peekable();
    let mut shared = Vec::new();
    while let Some(word) = words.next() {
        let value = words.next_if(|next| !next.starts_with("--"));
        match word {
            "--hmark-src-prefix" | "--hmark-dst-prefix" => continue,
            "--hmark-sport-mask" | "--hmark-dport-mask" | "--hmark-proto-mask"
            | "--hmark-tuple" => continue,
            "--hmark-spi-mask" | "--hmark-spi" | "--hmark-sport" | "--hmark-dport" => continue,
            "--hmark-key" => shared.push("--hmark-key ...".to_owned()),
            _ => shared.push(match value {
                Some(value) => format!("{word} {value}"),
                None => word.to_owned(),
            }),
        }
    }
    shared.join(" ")
}

/// The options of all rules before routing that are the same in both families; keys count by their digits.
fn signatures(site: &Site<'_>) -> BTreeSet<(String, [u8; 16])> {
    let rules = site
        .before_routing()
        .filter(|hmark| hmark.is_for_forwarded());
    let signature = |info: &Info| {
        let key = match info.has(flag::KEY) {
            true => info.key,
            false => [0; 16],
        };
        (shared_options(info, site.family), key)
    };
    rules.map(|hmark| signature(hmark.info)).collect()
}

/// Other options in the two families.
pub fn different(site: &Site<'_>, all: &mut Vec<Found>) {
    // One finding is enough for both.
    if site.family != Family::Ipv6 {
        return;
    }
    let Some(other) = other(site) else {
        return;
    };
    let (six, four) = (signatures(site), signatures(&other));
    if six.is_empty() || four.is_empty() || six == four {
        return;
    }
    let shown = |own: &BTreeSet<(String, [u8; 16])>, others: &BTreeSet<(String, [u8; 16])>| {
        let only: Vec<&str> = own
            .difference(others)
            .map(|(text, _)| text.as_str())
            .collect();
        match only.is_empty() {
            true => "no others".to_owned(),
            false => only.join("; "),
        }
    };
    let place = site.before_routing().next().map(|hmark| hmark.place());
    all.push(Found {
        place,
        marks: Vec::new(),
        sentence: format!(
            "the rules of the two families differ: IPv4 has {}, and IPv6 has {}",
            shown(&four, &six),
            shown(&six, &four)
        ),
        remedy: "give both families the same marks, seed, weights and options".to_owned(),
        commands: vec![format!("{}-save -t mangle", site.iptables())],
    });
}
