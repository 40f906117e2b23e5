// SPDX-License-Identifier: GPL-2.0-only

//! Marks that somebody else on the host uses, too.

use super::site::{folded, place};
use super::{commands, Found, Site};
use crate::marks::bits;
use crate::ruleset::{Match, Target};

/// Rules that ask for bits of the mark, and take marks of HMARK that have them.
pub fn matched(site: &Site<'_>, all: &mut Vec<Found>) {
    for hmark in site.before_routing() {
        let own_bits = bits(hmark.info);
        for (table, chain, rule) in site.rules.rules() {
            // Rules that only count are no users.
            if matches!(rule.target, Target::None | Target::Continue) {
                continue;
            }
            for condition in &rule.matches {
                let Match::Mark { value, mask, .. } = condition else {
                    continue;
                };
                // Who asks for a mark in full means it.
                if *value == 0 || mask & own_bits == own_bits {
                    continue;
                }
                let taken: Vec<u32> = hmark
                    .marks
                    .iter()
                    .copied()
                    .filter(|mark| mark & mask == *value)
                    .collect();
                if taken.is_empty() {
                    continue;
                }
                all.push(Found {
                    place: Some(place(table, chain, rule)),
                    marks: taken.clone(),
                    sentence: format!(
                        "the rule asks for {value:#x}/{mask:#x}, which the mark {} of HMARK has, too: it takes \
                         packets that are not meant",
                        folded(&taken)
                    ),
                    remedy: "give HMARK bits of its own: --hmark-mask, and --hmark-offset within it".to_owned(),
                    commands: Vec::new(),
                });
            }
        }
    }
}

/// Software that uses bits of the mark, and the signs of it.
struct User {
    name: &'static str,
    /// The bits that it uses unless it is told others.
    bits: u32,
    /// The beginning of the names of its chains.
    chains: &'static [&'static str],
    /// The value and mask of its routing rule.
    routing: Option<(u32, u32)>,
}

/// Users of bits of the mark, by the defaults of their documentation.
const USERS: [User; 5] = [
    User {
        name: "Kubernetes (kube-proxy)",
        bits: 0xc000,
        chains: &["KUBE-"],
        routing: None,
    },
    User {
        name: "Calico",
        bits: 0xffff_0000,
        chains: &["cali-"],
        routing: None,
    },
    User {
        name: "Cilium",
        bits: 0xffff_ffff,
        chains: &["CILIUM_"],
        routing: None,
    },
    User {
        name: "Tailscale",
        bits: 0x00ff_0000,
        chains: &["ts-"],
        routing: Some((0x8_0000, 0xff_0000)),
    },
    User {
        name: "WireGuard (wg-quick)",
        bits: 0xffff_ffff,
        chains: &[],
        routing: Some((0xca6c, 0xffff_ffff)),
    },
];

/// Other software whose bits HMARK sets.
pub fn known_users(site: &Site<'_>, all: &mut Vec<Found>) {
    for user in &USERS {
        let has_chain = site
            .rules
            .tables
            .iter()
            .flat_map(|table| &table.chains)
            .any(|chain| {
                user.chains
                    .iter()
                    .any(|start| chain.name.starts_with(start))
            });
        let rules = site.routing.into_iter().flat_map(|routing| &routing.rules);
        let has_rule = rules
            .into_iter()
            .any(|rule| rule.mark.is_some() && rule.mark == user.routing);
        if !has_chain && !has_rule {
            continue;
        }
        for hmark in site.before_routing() {
            let shared = bits(hmark.info) & user.bits;
            // A rule for packets without a mark leaves those of others alone.
            let only_unmarked = hmark.rule.matches.iter().any(|condition| {
                matches!(condition, Match::Mark { value: 0, mask, not: false } if mask & shared == shared)
            });
            if shared == 0 || only_unmarked {
                continue;
            }
            all.push(Found {
                place: Some(hmark.place()),
                marks: Vec::new(),
                sentence: format!(
                    "{} uses the bits {:#x} of the mark, and HMARK sets {:#x} of them",
                    user.name, user.bits, shared
                ),
                remedy: match user.bits {
                    u32::MAX => "let HMARK only have packets without a mark",
                    _ => {
                        "give HMARK bits of its own (--hmark-mask), and its ip rules the same mask"
                    }
                }
                .to_owned(),
                commands: vec![match user.bits {
                    u32::MAX => hmark.replaced(
                        site,
                        &commands::with_match(&commands::text(hmark.rule), "-m mark --mark 0x0"),
                    ),
                    _ => {
                        let text = commands::text(hmark.rule);
                        let text = commands::with_option(&text, "--hmark-offset", "0x100");
                        hmark.replaced(
                            site,
                            &commands::with_option(&text, "--hmark-mask", "0x3f00"),
                        )
                    }
                }],
            });
        }
    }
}
