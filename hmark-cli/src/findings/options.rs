// SPDX-License-Identifier: GPL-2.0-only

//! Options of HMARK rules that seldom do what was meant.

use hmark::rule::{v0, v1};

use super::{commands, Found, Site};
use crate::flow::Protocol;
use crate::ruleset::Match;

/// The mark 0.
pub fn zero(site: &Site<'_>, all: &mut Vec<Found>) {
    for hmark in site
        .before_routing()
        .filter(|hmark| hmark.marks.contains(&0))
    {
        all.push(Found {
            place: Some(hmark.place()),
            marks: vec![0],
            sentence:
                "the first mark is 0: no ip rule can tell its packets from those without a mark"
                    .to_owned(),
            remedy:
                "begin with another mark, and change the ip rules likewise; this moves all flows"
                    .to_owned(),
            commands: vec![hmark.replaced(
                site,
                &commands::with_option(&commands::text(hmark.rule), "--hmark-offset", "100"),
            )],
        });
    }
}

/// Tuples that treat source and destination unlike, without `--hmark-reverse-errors`.
pub fn one_sided(site: &Site<'_>, all: &mut Vec<Found>) {
    let icmp = Protocol::icmp(site.family);
    // Errors may have a rule of their own.
    let is_for_icmp = |condition: &Match| matches!(condition, Match::Protocol { protocol, not: false } if *protocol == icmp);
    let has_own_rule = site
        .hmark
        .iter()
        .any(|hmark| hmark.rule.matches.iter().any(is_for_icmp));
    let is_for_others = |condition: &Match| match condition {
        Match::Protocol { protocol, not } => (*protocol == icmp) == *not,
        _ => false,
    };
    for hmark in &site.hmark {
        let selection = &hmark.info.masked.v0;
        let [source, destination] = [
            u32::from_be(selection.port_mask) >> 16,
            u32::from_be(selection.port_mask) & 0xffff,
        ];
        let is_one_sided = selection.src_mask != selection.dst_mask || source != destination;
        let has_errors = !hmark.rule.matches.iter().any(is_for_others);
        let is_fine = hmark.info.has(v1::flag::REVERSE_ERRORS | v0::flag::CT);
        if !is_one_sided || is_fine || has_own_rule || !has_errors {
            continue;
        }
        all.push(Found {
            place: Some(hmark.place()),
            marks: Vec::new(),
            sentence: "the rule treats source and destination unlike, and an ICMP error is hashed as the packet that \
                       it quotes, which went the other way: errors reach the wrong gateway, and path MTU discovery \
                       fails"
                .to_owned(),
            remedy: "add --hmark-reverse-errors to this rule and to that of the way back".to_owned(),
            commands: vec![hmark.replaced(
                site,
                &format!("{} --hmark-reverse-errors", commands::text(hmark.rule)),
            )],
        });
    }
}

/// One mark for all packets.
pub fn single(site: &Site<'_>, all: &mut Vec<Found>) {
    for hmark in site.hmark.iter().filter(|hmark| hmark.marks.len() == 1) {
        let sentence = match hmark.info.has(v1::flag::WEIGHT) {
            true => "the weights leave one mark: it gets all packets",
            false => "the rule has one mark: MARK does the same",
        };
        all.push(Found {
            place: Some(hmark.place()),
            marks: Vec::new(),
            sentence: sentence.to_owned(),
            remedy: "give more marks a weight, or raise --hmark-mod".to_owned(),
            commands: Vec::new(),
        });
    }
}

/// A tuple of which nothing differs.
pub fn spreads_nothing(site: &Site<'_>, all: &mut Vec<Found>) {
    for hmark in &site.hmark {
        let selection = &hmark.info.masked.v0;
        let has_parts = selection.src_mask != [0; 4]
            || selection.dst_mask != [0; 4]
            || selection.port_mask != 0;
        let by_protocol = hmark.info.has(v1::flag::KEY) && selection.proto_mask != 0;
        if has_parts || by_protocol {
            continue;
        }
        all.push(Found {
            place: Some(hmark.place()),
            marks: Vec::new(),
            sentence: "without addresses, ports or an SPI, practically all packets get one mark"
                .to_owned(),
            remedy: "add src,dst,sport,dport to --hmark-tuple".to_owned(),
            commands: Vec::new(),
        });
    }
}
