// SPDX-License-Identifier: GPL-2.0-only

//! HMARK, connection tracking and address translation.

use hmark::rule::v0::flag;

use super::site::{place, reached, HmarkRule};
use super::{commands, Found, Site};
use crate::ruleset::{Match, Rule, Target};

fn hashes_connection(hmark: &HmarkRule<'_>) -> bool {
    hmark.info.has(flag::CT)
}

/// `ct` in raw.
pub fn in_raw(site: &Site<'_>, all: &mut Vec<Found>) {
    for hmark in site
        .hmark
        .iter()
        .filter(|hmark| hmark.table.name == "raw" && hashes_connection(hmark))
    {
        all.push(Found {
            place: Some(hmark.place()),
            marks: Vec::new(),
            sentence: "in raw, packets have no connection yet: ct sets no mark".to_owned(),
            remedy: "put the rule into mangle".to_owned(),
            commands: vec![
                commands::add(
                    site,
                    "mangle",
                    &hmark.chain.name,
                    None,
                    &commands::text(hmark.rule),
                ),
                commands::delete(site, hmark.table, hmark.chain, hmark.rule),
            ],
        });
    }
}

/// `ct` for packets that raw takes out of connection tracking.
pub fn not_tracked(site: &Site<'_>, all: &mut Vec<Found>) {
    let Some(raw) = site.rules.table("raw") else {
        return;
    };
    for hmark in site
        .hmark
        .iter()
        .filter(|hmark| hmark.table.name != "raw" && hashes_connection(hmark))
    {
        for hook in &hmark.hooks {
            let chains = raw
                .chain(hook)
                .map(|base| reached(raw, base))
                .unwrap_or_default();
            for (chain, rule) in chains
                .iter()
                .flat_map(|chain| chain.rules.iter().map(move |rule| (chain, rule)))
            {
                // Who takes other packets out says so by another network, device or protocol.
                let is_for_all = rule
                    .matches
                    .iter()
                    .all(|condition| hmark.rule.matches.contains(condition));
                if rule.target != Target::Notrack || !is_for_all {
                    continue;
                }
                all.push(Found {
                    place: Some(place(raw, chain, rule)),
                    marks: Vec::new(),
                    sentence: format!(
                        "the rule takes packets out of connection tracking, and the HMARK rule in {} hashes their \
                         connection (ct): they get no mark",
                        hmark.place()
                    ),
                    remedy: "leave these packets tracked, or leave ct out of the tuple".to_owned(),
                    commands: vec![format!("{} -t raw -D {} {}", site.iptables(), chain.name, rule.number)],
                });
            }
        }
    }
}

/// Whether any rule of the family makes the kernel track connections, or may.
fn tracks(site: &Site<'_>) -> bool {
    let may_track = |rule: &Rule| {
        let of_match = |condition: &Match| {
            let names = ["conn", "state", "helper", "cluster"];
            matches!(condition, Match::Unknown(text) if names.iter().any(|name| text.contains(name)))
        };
        rule.matches.iter().any(of_match) || matches!(rule.target, Target::Unknown(_))
    };
    site.rules.tracks_connections() || site.rules.rules().any(|(_, _, rule)| may_track(rule))
}

/// `ct` where nothing tracks connections.
pub fn nothing_tracks(site: &Site<'_>, all: &mut Vec<Found>) {
    if tracks(site) {
        return;
    }
    for hmark in site.hmark.iter().filter(|hmark| hashes_connection(hmark)) {
        all.push(Found {
            place: Some(hmark.place()),
            marks: Vec::new(),
            sentence: "the rule hashes connections (ct), but no rule of iptables makes the kernel track any: \
                       unless nft's own rules do, packets get no mark"
                .to_owned(),
            remedy: "add a rule that needs connection tracking, even one without a target".to_owned(),
            // Any chain will do, and those of hmark plan are written anew by its script.
            commands: vec![format!(
                "{} -t mangle -A PREROUTING -m conntrack --ctstate INVALID",
                site.iptables()
            )],
        });
    }
}

/// Packet tuples on a host that translates sources, so that replies have other ends.
pub fn translated(site: &Site<'_>, all: &mut Vec<Found>) {
    let restores = site
        .rules
        .rules()
        .any(|(_, _, rule)| matches!(rule.target, Target::Connmark(_)));
    let Some(nat) = site.rules.table("nat").filter(|_| !restores) else {
        return;
    };
    let translates = |rule: &&Rule| matches!(&rule.target, Target::Translate(name) if matches!(name.as_str(), "SNAT" | "MASQUERADE" | "NETMAP" | "SAME"));
    let Some(base) = nat.chain("POSTROUTING") else {
        return;
    };
    let chains = reached(nat, base);
    let found = chains
        .iter()
        .find_map(|chain| Some((chain, chain.rules.iter().find(translates)?)));
    let Some((chain, rule)) = found else {
        return;
    };
    for hmark in site
        .before_routing()
        .filter(|hmark| hmark.is_for_forwarded() && !hashes_connection(hmark))
    {
        all.push(Found {
            place: Some(hmark.place()),
            marks: Vec::new(),
            sentence: format!(
                "{} translates the sources of packets, and this rule hashes packets: replies have other ends, and \
                 so another mark",
                place(nat, chain, rule)
            ),
            remedy: "add ct to --hmark-tuple, which hashes both ends' own addresses, on this host".to_owned(),
            commands: vec![hmark.replaced(
                site,
                &format!("{} --hmark-tuple ct", commands::text(hmark.rule)),
            )],
        });
    }
}

/// Tuples with ports on a host whose rules see fragments.
pub fn fragments(site: &Site<'_>, all: &mut Vec<Found>) {
    // Both reassemble packets before mangle sees them.
    let reassembles =
        |condition: &Match| matches!(condition, Match::Unknown(text) if text.contains("socket"));
    let is_seen = |condition: &Match| matches!(condition, Match::LaterFragment { not: false });
    let any = |asks: &dyn Fn(&Match) -> bool| {
        site.rules
            .rules()
            .any(|(_, _, rule)| rule.matches.iter().any(asks))
    };
    // Nobody knows of fragments from rules that do not ask for them.
    if tracks(site) || any(&reassembles) || !any(&is_seen) {
        return;
    }
    for hmark in site
        .before_routing()
        .filter(|hmark| hmark.info.masked.v0.port_mask != 0)
    {
        all.push(Found {
            place: Some(hmark.place()),
            marks: Vec::new(),
            sentence: "a rule asks for fragments (-f), so there are some, and they are hashed without ports: they \
                       take another way than the rest of their connection"
                .to_owned(),
            remedy: "reassemble packets before the rule sees them, or hash src,dst alone".to_owned(),
            commands: vec![format!("{} -t mangle -A PREROUTING -m socket", site.iptables())],
        });
    }
}
