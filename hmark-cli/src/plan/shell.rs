// SPDX-License-Identifier: GPL-2.0-only

//! A plan as a script for `sh`: all of the plan in its first lines, to look at, and then what makes a host
//! have it, `apply.sh`. It needs `ip`, iptables and the programs of every system, and no `hmark`.

use std::fmt::Write;

use hmark::Family;

use super::routes::SECOND;
use super::{Plan, Rule};

/// What is done, the same for every plan.
const APPLY: &str = include_str!("apply.sh");

/// The script that makes a host have the plan. Running it again changes nothing.
pub fn apply(plan: &Plan, file: &str) -> String {
    let mut script = String::from("#!/bin/sh\n");
    let site = &plan.site;
    let mut line = |text: String| {
        script.push_str(&text);
        script.push('\n');
    };
    line(format!(
        "# {} gateways by hmark plan {}.",
        site.gateways.len(),
        plain(file)
    ));
    for comment in comments(plan) {
        line(format!("# {comment}"));
    }
    line("#".to_string());
    line("# mark              gateway            weight  table".to_string());
    for ((gateway, mark), table) in site.gateways.iter().zip(site.marks.all()).zip(site.table..) {
        // ip prints marks in hexadecimal, and hmark watch in decimal digits.
        let mark = format!("{mark} ({mark:#x})");
        let (name, weight) = (&gateway.name, gateway.weight);
        line(format!("# {mark:<16}  {name:<18} {weight:>6}  {table}"));
    }
    line(String::new());
    script.push_str(&data(plan, true));
    script.push('\n');
    script.push_str(APPLY);
    script
}

/// The script that takes all of the plan from a host, but kernel settings.
pub fn remove(plan: &Plan, file: &str) -> String {
    let mut script = String::from("#!/bin/sh\n");
    let _ = writeln!(
        script,
        "# Takes back what the script of hmark plan {} did. Kernel settings, such as\n\
         # net.ipv4.ip_forward, stay as they are.\n",
        plain(file)
    );
    script.push_str(&data(plan, false));
    script.push('\n');
    script.push_str(APPLY);
    script
}

/// What a reader of the script should know.
pub fn comments(plan: &Plan) -> Vec<String> {
    let site = &plan.site;
    let mut all = Vec::new();
    let mut say = |text: String| all.extend(text.lines().map(str::to_owned));
    say(format!(
        "All that it adds has the routing protocol {} or is in chains named HMARK-{}; nothing else\n\
         is touched. Run it again after a change, after a reboot, or when a device was down.",
        site.protocol, site.name
    ));
    let (most, others) = (plan.most_rules_met(), plan.rules_met_by_others());
    say(format!(
        "Of the routing rules here a marked packet meets at most {most}, and any other {others}."
    ));
    let protocol = site.protocol;
    let replace =
        |id: &str| format!("  ip nexthop replace id {id} via OTHER dev DEVICE proto {protocol}");
    say(match (site.shared, site.families.len()) {
        (true, _) => format!(
            "A gateway's routes of both families lead to one nexthop, its IPv6 address. This moves all of\n\
             them to another gateway at once; TABLE is from the list below:\n{}",
            replace("TABLE")
        ),
        (false, 2) => format!(
            "A gateway's routes lead to a nexthop of each family: TABLE from the list below for IPv4, and\n\
             TABLE + {SECOND} for IPv6. This moves those of one family to another gateway at once:\n{}",
            replace("NUMBER")
        ),
        (false, _) => format!(
            "A gateway's routes lead to one nexthop. This moves them to another gateway at once; TABLE is\n\
             from the list below:\n{}",
            replace("TABLE")
        ),
    });
    if site.sticky {
        say("sticky: connections keep the mark that they began with, by connection tracking (CONNMARK). This\n\
             costs an entry of about 320 bytes for each connection and a look-up for each packet\n\
             (net.netfilter.nf_conntrack_max limits them). Both directions of a connection must pass this\n\
             host, and no other in turn: an entry is not known elsewhere, and TCP that is seen in one\n\
             direction alone is not tracked. A gateway that died keeps its connections, too: move them by\n\
             ip nexthop replace, or forget them by conntrack -D --mark MARK."
            .to_string());
    }
    all
}

/// A file's name as a comment may have it.
fn plain(file: &str) -> String {
    let plain = |char: char| match char.is_control() {
        true => '?',
        false => char,
    };
    file.chars().map(plain).take(200).collect()
}

/// The variables that the script is about; if it takes back, they are empty but for names.
fn data(plan: &Plan, is_wanted: bool) -> String {
    let site = &plan.site;
    let mut text = String::from("set -eu\n");
    let rules = &plan.rules;
    let preference = |rule: Option<&Rule>| rule.map_or(0, |rule| rule.preference);
    let count = u32::try_from(site.gateways.len()).unwrap_or(u32::MAX);
    let last_table = site.table.saturating_add(count.saturating_sub(1));
    let mut devices: Vec<_> = plan
        .nexthops
        .iter()
        .map(|own| own.device.as_str())
        .collect();
    devices.sort_unstable();
    devices.dedup();
    let (first_rule, last_rule, first_table, last_table) = match is_wanted {
        true => (
            preference(rules.first()),
            preference(rules.last()),
            site.table,
            last_table,
        ),
        // Nothing can be taken.
        false => (1, 0, 1, 0),
    };
    let mut set = |name: &str, value: &str| {
        let _ = writeln!(text, "{name}='{value}'");
    };
    set("NAME", &site.name);
    set("CHAIN", &format!("HMARK-{}", site.name));
    let families = site.families.iter().map(|family| match family {
        Family::Ipv4 => "4",
        Family::Ipv6 => "6",
    });
    set("FAMILIES", &families.collect::<Vec<_>>().join(" "));
    set("PROTOCOL", &site.protocol.to_string());
    set("FIRST_RULE", &first_rule.to_string());
    set("LAST_RULE", &last_rule.to_string());
    set("FIRST_TABLE", &first_table.to_string());
    set("LAST_TABLE", &last_table.to_string());
    let lines = |lines: Vec<String>| match is_wanted {
        true => lines.join("\n"),
        false => String::new(),
    };
    set(
        "DEVICES",
        if is_wanted {
            devices.join(" ")
        } else {
            String::new()
        }
        .as_str(),
    );
    let settings = plan
        .sysctls
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    set("SYSCTLS", &lines(settings.collect()));
    set(
        "NEXTHOPS",
        &lines(plan.nexthops.iter().map(|own| own.text()).collect()),
    );
    for (family, digit) in [(Family::Ipv4, 4), (Family::Ipv6, 6)] {
        let side = plan.side(family);
        let routes = side.into_iter().flat_map(|side| &side.routes);
        set(
            &format!("ROUTES{digit}"),
            &lines(routes.map(|route| route.text()).collect()),
        );
    }
    let all: Vec<_> = rules
        .iter()
        .map(|rule| format!("{}:\t{}", rule.preference, rule.text()))
        .collect();
    let (four, six) = (plan.side(Family::Ipv4), plan.side(Family::Ipv6));
    match (four, six) {
        (Some(_), Some(_)) => {
            set("RULES4", &lines(all));
            text.push_str("RULES6=$RULES4\n");
        }
        (Some(_), None) => {
            set("RULES4", &lines(all));
            set("RULES6", "");
        }
        (None, _) => {
            set("RULES4", "");
            set("RULES6", &lines(all));
        }
    }
    for (digit, side) in [(4, four), (6, six)] {
        let chains: Vec<_> = side.into_iter().flat_map(|side| &side.chains.0).collect();
        let rules = chains.iter().flat_map(|chain| chain.lines());
        let jumps = chains
            .iter()
            .map(|chain| format!("-A {} -j {}", chain.hook, chain.name));
        let all = lines(rules.chain(jumps).collect());
        let _ = writeln!(text, "CHAINS{digit}='{all}'");
    }
    text
}
