// SPDX-License-Identifier: GPL-2.0-only

//! Several hosts of a cluster against each other.
//!
//! Hosts whose HMARK rules have the same text are of one role, and should send each flow the same way: their
//! digests are compared. Hosts of different roles may share marks, as the two ends of a cluster do: these
//! must give each flow the same mark, and so their rules must have the same seed or key, and weights.

use std::net::IpAddr;

use hmark::rule::v1::{flag, Info};
use hmark::Family;

use super::hops::is_on_link;
use super::site::folded;
use super::tables::gateways;
use super::{Finding, Found, HmarkRule, Report, Severity, Site};
use crate::change::edit;
use crate::digest::{self, Scope};
use crate::host::Host;
use crate::sha256;

/// What differs, with the hosts or rules that have it, in the order of hosts.
type Groups<T> = Vec<(String, Vec<T>)>;

fn add<T>(groups: &mut Groups<T>, what: String, one: T) {
    match groups.iter_mut().find(|(other, _)| *other == what) {
        Some((_, all)) => all.push(one),
        None => groups.push((what, vec![one])),
    }
}

/// The hosts of each role, in their order: those whose HMARK rules, of both families, have the same text in
/// the same chains. A host without such a rule has no role.
pub fn roles(hosts: &[Host]) -> Vec<Vec<&Host>> {
    let mut roles = Groups::new();
    for host in hosts {
        let mut rules = String::new();
        for family in Family::ALL {
            for hmark in &Site::new(host, family).map_or(Vec::new(), |site| site.hmark) {
                let (table, chain) = (&hmark.table.name, &hmark.chain.name);
                rules += &format!("{family} {table} {chain} {}\n", hmark.rule.text);
            }
        }
        if !rules.is_empty() {
            add(&mut roles, rules, host);
        }
    }
    roles.into_iter().map(|(_, hosts)| hosts).collect()
}

/// The mistakes that only several hosts show: other seeds, keys or weights, and other digests.
pub fn compare(hosts: &[Host]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for family in Family::ALL {
        compare_seeds(hosts, family, &mut findings);
    }
    for role in roles(hosts) {
        compare_digests(&role, &mut findings);
    }
    findings
}

/// Compares the rules of a family that give the same marks.
fn compare_seeds(hosts: &[Host], family: Family, findings: &mut Vec<Finding>) {
    let sites: Vec<Site<'_>> = hosts
        .iter()
        .filter_map(|host| Site::new(host, family))
        .collect();
    let mut by_marks = Groups::new();
    for site in &sites {
        for hmark in &site.hmark {
            let selection = &hmark.info.masked;
            let marks = format!(
                "{} {} {}",
                selection.v0.hmodulus, selection.v0.hoffset, selection.mark_mask
            );
            add(&mut by_marks, marks, (site, hmark));
        }
    }
    for (_, rules) in by_marks {
        let mut by_options = Groups::new();
        for (site, hmark) in &rules {
            add(
                &mut by_options,
                options(hmark.info, family),
                (*site, *hmark),
            );
        }
        let hosts_of = |rules: &[(&Site<'_>, &HmarkRule<'_>)]| {
            let mut hosts: Vec<*const Host> = Vec::new();
            for (site, _) in rules {
                if !hosts.contains(&std::ptr::from_ref(site.host)) {
                    hosts.push(site.host);
                }
            }
            hosts
        };
        // A host may have several seeds for its marks, as long as the others have them, too.
        let all = hosts_of(&rules);
        if by_options.iter().all(|(_, rules)| hosts_of(rules) == all) {
            continue;
        }
        let Some((_, first)) = rules.first() else {
            continue;
        };
        let shown = by_options.iter().map(|(options, rules)| {
            let mut of_hosts = Groups::new();
            for (site, hmark) in rules {
                add(&mut of_hosts, site.host.name.clone(), hmark.place());
            }
            let of_hosts = of_hosts
                .iter()
                .map(|(host, places)| format!("{host} ({})", places.join(", ")));
            format!("{options} on {}", of_hosts.collect::<Vec<_>>().join(", "))
        });
        let mut names: Vec<&str> = Vec::new();
        for (site, _) in &rules {
            if names.last() != Some(&site.host.name.as_str()) {
                names.push(&site.host.name);
            }
        }
        let marks = match first.marks.is_empty() {
            true => format!("{} marks", first.info.masked.v0.hmodulus),
            false => format!("mark {}", folded(&first.marks)),
        };
        findings.push(Finding {
            id: "seeds-differ",
            severity: Severity::Error,
            host: names.join(", "),
            family: Some(family),
            found: Found {
                sentence: format!(
                    "rules for {marks} differ, so that the hosts give one flow different marks: {}",
                    shown.collect::<Vec<_>>().join("; ")
                ),
                remedy: "give all of these rules the same --hmark-rnd or --hmark-key, and the same weights, at the \
                         same time: this moves flows"
                    .to_owned(),
                commands: vec![match family {
                    Family::Ipv4 => "iptables-save -t mangle | grep HMARK".to_owned(),
                    Family::Ipv6 => "ip6tables-save -t mangle | grep HMARK".to_owned(),
                }],
                ..Found::default()
            },
        });
    }
}

/// The options of a rule that decide which mark a hash gives, but for the marks themselves. A key is shown
/// by its digest.
fn options(info: &Info, family: Family) -> String {
    let mut shown = vec![match info.has(flag::KEY) {
        true => {
            let key = format!("{:032x}", u128::from_be_bytes(info.key));
            format!("key sha256:{:08x}", sha256::first_word(key.as_bytes()))
        }
        false => format!("seed {:#010x}", info.masked.v0.hashrnd),
    }];
    let text = edit::save(info, family);
    let mut words = text.split(' ');
    while let Some(word) = words.next() {
        if matches!(word, "--hmark-weight" | "--hmark-from") {
            shown.push(format!("{word} {}", words.next().unwrap_or_default()));
        }
    }
    shown.join(" ")
}

/// Compares the hosts of a role.
fn compare_digests(role: &[&Host], findings: &mut Vec<Finding>) {
    let mut digests = Groups::new();
    for host in role {
        if let Ok(text) = digest::text(host, Scope::Routes) {
            add(&mut digests, digest::of_text(&text), *host);
        }
    }
    if digests.len() < 2 {
        return;
    }
    // The first of equals.
    let most = digests.iter().map(|(_, hosts)| hosts.len()).max();
    let common = digests
        .iter()
        .position(|(_, hosts)| Some(hosts.len()) == most);
    let names = |hosts: &[&Host]| {
        let names = hosts.iter().map(|host| host.name.clone());
        names.collect::<Vec<_>>().join(", ")
    };
    let shown: Vec<String> = digests
        .iter()
        .map(|(digest, hosts)| format!("{digest} on {}", names(hosts)))
        .collect();
    let folder = |host: &&Host| match &host.folder {
        Some(folder) => folder.display().to_string(),
        None => "DIR".to_owned(),
    };
    let first = common.and_then(|common| digests.get(common)?.1.first());
    let others = digests
        .iter()
        .enumerate()
        .filter(|(place, _)| Some(*place) != common)
        .map(|(_, (_, hosts))| hosts.as_slice());
    let others: Vec<&[&Host]> = others.collect();
    let commands = others.iter().filter_map(|hosts| {
        Some(format!(
            "diff <(hmark digest --explain {}) <(hmark digest --explain {})",
            folder(first?),
            folder(hosts.first()?)
        ))
    });
    findings.push(Finding {
        id: "digests-differ",
        severity: Severity::Warning,
        host: names(&others.concat()),
        family: None,
        found: Found {
            sentence: format!(
                "hosts with the same HMARK rules send flows different ways: {}",
                shown.join("; ")
            ),
            remedy:
                "compare their texts, which have other rules before HMARK, ip rules and routes, too"
                    .to_owned(),
            commands: commands.collect(),
            ..Found::default()
        },
    });
}

/// Names gateways in commands that lack one, if another host of the role has one for the same marks, which
/// this host has a link to.
pub fn fill_in(hosts: &[Host], reports: &mut [Report]) {
    for role in roles(hosts) {
        for (host, report) in hosts.iter().zip(reports.iter_mut()) {
            if !role.iter().any(|other| std::ptr::eq(*other, host)) {
                continue;
            }
            for finding in &mut report.findings {
                let lacks = |command: &String| command.contains("GATEWAY");
                let (true, Some(family)) =
                    (finding.found.commands.iter().any(lacks), finding.family)
                else {
                    continue;
                };
                let others = role.iter().filter(|other| !std::ptr::eq(**other, host));
                let known = others.filter_map(|other| {
                    Some((other, of_marks(other, family, &finding.found.marks)?))
                });
                let mut known = known.filter(|(_, gateway)| is_reached(host, family, *gateway));
                let Some((other, gateway)) = known.next() else {
                    continue;
                };
                // Hosts that disagree say nothing.
                if known.any(|(_, another)| another != gateway) {
                    continue;
                }
                for command in &mut finding.found.commands {
                    *command = command.replace("GATEWAY", &gateway.to_string());
                }
                finding.found.remedy += &format!(" (here the gateway of {})", other.name);
            }
        }
    }
}

/// The one gateway of marks on a host.
fn of_marks(host: &Host, family: Family, marks: &[u32]) -> Option<IpAddr> {
    let site = Site::new(host, family)?;
    let tables = site.tables();
    let of_these = tables.iter().filter(|(mark, _)| marks.contains(mark));
    let mut all: Vec<IpAddr> = of_these
        .flat_map(|(_, table)| gateways(&site, table))
        .collect();
    all.dedup();
    match all[..] {
        [gateway] => Some(gateway),
        _ => None,
    }
}

/// Whether a host has a link to a gateway, and is not the gateway itself.
fn is_reached(host: &Host, family: Family, gateway: IpAddr) -> bool {
    Site::new(host, family).is_some_and(|site| {
        let routes = site.routes;
        let is_near = routes.is_some_and(|routes| is_on_link(routes, "main", gateway, None));
        is_near && !site.is_own(gateway)
    })
}
