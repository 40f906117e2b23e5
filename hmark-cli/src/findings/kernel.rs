// SPDX-License-Identifier: GPL-2.0-only

//! Kernel settings, and the kernel's targets.

use hmark::Family;

use super::hops::{hops, MarkHop};
use super::lookups;
use super::{Finding, Found, Site};
use crate::host::Host;
use crate::routing::Next;

/// Forwarding that is off.
pub fn forwarding(site: &Site<'_>, all: &mut Vec<Found>) {
    let Some(sysctls) = site.host.sysctls.get() else {
        return;
    };
    let name = match site.family {
        Family::Ipv4 => "net.ipv4.ip_forward",
        Family::Ipv6 => "net.ipv6.conf.all.forwarding",
    };
    let Some(hmark) = site.before_routing().find(|hmark| hmark.is_for_forwarded()) else {
        return;
    };
    if sysctls.number(name) != Some(0) {
        return;
    }
    all.push(Found {
        place: Some(hmark.place()),
        marks: Vec::new(),
        sentence: format!("{name} is 0: the host forwards no packets, whatever mark they have"),
        remedy: "set it to 1, and keep it in /etc/sysctl.d".to_owned(),
        commands: vec![format!("sysctl -w {name}=1")],
    });
}

/// The devices whose `rp_filter` is strict, and of those the ones that also have `src_valid_mark`.
fn strict_devices(host: &Host) -> (Vec<String>, Vec<String>) {
    let (Some(sysctls), Some(links)) = (host.sysctls.get(), host.links.get()) else {
        return Default::default();
    };
    // Of the values for all devices and for one, the greater counts for rp_filter, and any that is set for
    // src_valid_mark. A dot in a device's name is a slash in that of its setting.
    let value = |device: &str, setting: &str| {
        let of = |device: &str| {
            sysctls
                .number(&format!("net.ipv4.conf.{device}.{setting}"))
                .unwrap_or(0)
        };
        of("all").max(of(&device.replace('.', "/")))
    };
    let devices = links
        .0
        .iter()
        .map(|link| link.name.clone())
        .filter(|name| name != "lo");
    let strict: Vec<String> = devices
        .filter(|device| value(device, "rp_filter") == 1)
        .collect();
    let by_mark = strict
        .iter()
        .filter(|device| value(device, "src_valid_mark") == 1);
    (strict.clone(), by_mark.cloned().collect())
}

/// Strict `rp_filter`, which looks for the route to a packet's source without its mark.
pub fn strict(site: &Site<'_>, all: &mut Vec<Found>) {
    let is_for_forwarded = site.before_routing().any(|hmark| hmark.is_for_forwarded());
    if site.family != Family::Ipv4 || !is_for_forwarded {
        return;
    }
    let (strict, by_mark) = strict_devices(site.host);
    // Packets come from where marks lead, and by those devices.
    let mut names: Vec<&str> = Vec::new();
    for MarkHop { hop, route, .. } in hops(site) {
        let Some(device) = hop.device.as_deref() else {
            continue;
        };
        let is_strict = strict.iter().any(|name| name == device);
        let is_named = names.contains(&device) || by_mark.iter().any(|name| name == device);
        if !is_strict || is_named {
            continue;
        }
        let is_lost = match lookups::without_mark(site, &route.destination) {
            Some(Next::Hop(back)) => back.device.as_deref() != Some(device),
            Some(Next::NoRoute | Next::Refused(_)) => true,
            _ => false,
        };
        if is_lost {
            names.push(device);
        }
    }
    if names.is_empty() {
        return;
    }
    all.push(Found {
        place: None,
        marks: Vec::new(),
        sentence: format!(
            "rp_filter is strict on {}: packets that come from there are dropped, as the route to their source \
             without a mark leads by another device, or nowhere",
            names.join(", ")
        ),
        remedy: "set it to 2 (of the values for all and for the device, the greater counts)".to_owned(),
        commands: vec!["sysctl -w net.ipv4.conf.all.rp_filter=2".to_owned()],
    });
}

/// Strict `rp_filter` that looks for the route to a packet's source by its mark.
pub fn valid_mark(site: &Site<'_>, all: &mut Vec<Found>) {
    let is_for_forwarded = site.before_routing().any(|hmark| hmark.is_for_forwarded());
    let rules = site.routing.into_iter().flat_map(|routing| &routing.rules);
    // The main table's routes but the default come before the marks: they lead back.
    let leads_back = rules
        .into_iter()
        .any(|rule| rule.suppress_prefix.is_some() && rule.mark.is_none());
    if site.family != Family::Ipv4 || !is_for_forwarded || leads_back {
        return;
    }
    let (_, mut by_mark) = strict_devices(site.host);
    let hops = hops(site);
    // Marks lead back by a device that is that of all gateways; ports of bridges have no routes.
    by_mark.retain(|device| {
        let leads_away = hops
            .iter()
            .any(|one| one.hop.device.as_ref() != Some(device));
        let mut routes = site.routes.into_iter().flat_map(|routes| routes.of("main"));
        let has_route = routes.any(|route| {
            let mut devices = route.hops.iter().filter_map(|hop| hop.device.as_ref());
            devices.any(|other| other == device)
        });
        (leads_away || hops.is_empty()) && has_route
    });
    if by_mark.is_empty() {
        return;
    }
    let of_marks = site.before_routing().flat_map(|hmark| {
        hmark
            .marks
            .iter()
            .filter_map(|mark| site.own_rule(*mark, hmark))
    });
    let first = of_marks.map(|rule| rule.preference).min().unwrap_or(101);
    all.push(Found {
        place: None,
        marks: Vec::new(),
        sentence: format!(
            "src_valid_mark is set and rp_filter is strict on {}: the route to a packet's source is looked for by its \
             mark, which leads away from there, and so packets with a mark are dropped",
            by_mark.join(", ")
        ),
        remedy: "let all routes of the main table but the default come before the marks, or set rp_filter to 2"
            .to_owned(),
        commands: vec![
            format!(
                "ip rule add pref {} lookup main suppress_prefixlength 0",
                first.saturating_sub(1).max(1)
            ),
            "sysctl -w net.ipv4.conf.all.rp_filter=2".to_owned(),
        ],
    });
}

/// What is wrong with the targets of the running kernel, by the text of `/proc/net/ip_tables_targets` or
/// `ip6_tables_targets`, which has a line for each revision of a target. The text has only targets that are
/// loaded, and rules that need HMARK load it.
pub fn revisions(site: &Site<'_>, targets: &str) -> Option<Found> {
    let loaded = targets
        .lines()
        .filter(|line| line.trim() == "HMARK")
        .count();
    let needing = site
        .hmark
        .iter()
        .find(|hmark| hmark_text::needs(hmark.info, 0).is_some());
    let (hmark, lacks) = match (needing, loaded) {
        (Some(hmark), 0 | 1) => (hmark, "has not revision 1 of HMARK, which this rule needs"),
        (None, 0) => (site.hmark.first()?, "has no HMARK"),
        _ => return None,
    };
    Some(Found {
        place: Some(hmark.place()),
        marks: Vec::new(),
        sentence: format!("the kernel {lacks}: the rule is there on paper, or of another kernel"),
        remedy: "install the module xt_HMARK of this project for the running kernel, and load it"
            .to_owned(),
        commands: vec!["modprobe xt_HMARK".to_owned()],
    })
}

/// Says of advice that needs revision 1 of HMARK that this host lacks it.
pub fn without_revision_1(findings: &mut [Finding], what: &str) {
    for finding in findings {
        let found = &mut finding.found;
        let texts = || std::iter::once(&found.remedy).chain(&found.commands);
        let options = ["weight", "from", "mask", "reverse-errors", "key"];
        let needs = |text: &String| {
            let has = |option: &&str| text.contains(&format!("--hmark-{option}"));
            options.iter().any(has)
        };
        if texts().any(needs) {
            found.remedy +=
                &format!("; here {what} has revision 0 of HMARK alone, without such options");
        }
    }
}
