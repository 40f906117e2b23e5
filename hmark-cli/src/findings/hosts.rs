// SPDX-License-Identifier: GPL-2.0-only

//! Several hosts of a cluster against each other.

use std::collections::{BTreeMap, BTreeSet};

use hmark::rule::v1::flag;
use hmark::Family;

use super::{Finding, Found, Severity, Site};
use crate::digest::{self, Scope};
use crate::host::Host;
use crate::sha256;

/// The mistakes that only several hosts show: other seeds or keys, and other digests.
pub fn compare(hosts: &[Host]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let names = |hosts: &[usize], all: &[Host]| {
        let names = hosts
            .iter()
            .filter_map(|host| all.get(*host))
            .map(|host| host.name.clone());
        names.collect::<Vec<_>>().join(", ")
    };
    let mut add = |id,
                   severity,
                   groups: BTreeMap<String, Vec<usize>>,
                   sentence: &str,
                   remedy: &str,
                   command: &str| {
        if groups.len() < 2 {
            return;
        }
        let shown = groups
            .iter()
            .map(|(what, of)| format!("{what} on {}", names(of, hosts)));
        findings.push(Finding {
            id,
            severity,
            host: names(&(0..hosts.len()).collect::<Vec<_>>(), hosts),
            family: None,
            found: Found {
                place: None,
                marks: Vec::new(),
                sentence: format!("{sentence}: {}", shown.collect::<Vec<_>>().join("; ")),
                remedy: remedy.to_owned(),
                commands: vec![command.to_owned()],
            },
        });
    };
    let by = |key: &dyn Fn(&Host) -> Option<String>| {
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, host) in hosts.iter().enumerate() {
            if let Some(key) = key(host) {
                groups.entry(key).or_default().push(index);
            }
        }
        groups
    };
    add(
        "seeds-differ",
        Severity::Error,
        by(&seeds),
        "the hosts have different seeds or keys, so that they give one flow different marks",
        "give all hosts the same --hmark-rnd or --hmark-key, at the same time: this moves flows",
        "iptables-save -t mangle | grep HMARK",
    );
    add(
        "digests-differ",
        Severity::Warning,
        by(&|host| {
            digest::text(host, Scope::Routes)
                .ok()
                .map(|text| digest::of_text(&text))
        }),
        "the hosts send flows different ways",
        "compare their texts: hosts of one role should have the same one",
        "diff <(hmark digest --explain DIR) <(hmark digest --explain OTHER)",
    );
    findings
}

/// The seeds of a host's HMARK rules, and digests of their keys; [`None`] if it has no rule.
fn seeds(host: &Host) -> Option<String> {
    let mut seeds = BTreeSet::new();
    for family in Family::ALL {
        let Some(site) = Site::new(host, family) else {
            continue;
        };
        for hmark in &site.hmark {
            seeds.insert(match hmark.info.has(flag::KEY) {
                true => {
                    let key = format!("{:032x}", u128::from_be_bytes(hmark.info.key));
                    format!("key sha256:{:08x}", sha256::first_word(key.as_bytes()))
                }
                false => format!("seed {:#010x}", hmark.info.masked.v0.hashrnd),
            });
        }
    }
    (!seeds.is_empty()).then(|| seeds.into_iter().collect::<Vec<_>>().join(" and "))
}
