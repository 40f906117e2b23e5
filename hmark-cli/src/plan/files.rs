// SPDX-License-Identifier: GPL-2.0-only

//! A plan as files for a host that has nothing of it yet, as at boot: for iptables-restore, `ip -batch` and
//! `sysctl -p`.

use std::fmt::Write;

use hmark::Family;

use super::Plan;

/// A file's name, and its text.
pub type Written = (String, String);

/// The files.
pub fn files(plan: &Plan) -> Vec<Written> {
    let mut files = vec![("sysctl.conf".to_string(), sysctls(plan))];
    files.push(("nexthops.batch".to_string(), nexthops(plan)));
    for side in &plan.sides {
        let (digit, name) = match side.family {
            Family::Ipv4 => (4, "iptables"),
            Family::Ipv6 => (6, "ip6tables"),
        };
        let mut batch = format!("# ip -{digit} -batch ip{digit}.batch\n");
        for route in &side.routes {
            let protocol = plan.site.protocol;
            let _ = writeln!(batch, "route add {} proto {protocol}", route.text());
        }
        for rule in &plan.rules {
            let (preference, text) = (rule.preference, rule.text());
            let protocol = plan.site.protocol;
            let _ = writeln!(batch, "rule add pref {preference} {text} proto {protocol}");
        }
        files.push((format!("ip{digit}.batch"), batch));
        let head =
            format!("# {name}-restore --noflush {name}.rules, after both batches, and once\n");
        files.push((format!("{name}.rules"), head + &side.chains.restore()));
    }
    files
}

/// The rules of iptables and the settings, which networkd does not have.
pub fn rest(plan: &Plan) -> Vec<Written> {
    let mut files = files(plan);
    files.retain(|(name, _)| !name.ends_with(".batch"));
    files
}

fn nexthops(plan: &Plan) -> String {
    let mut batch = String::from("# ip -batch nexthops.batch, before the others\n");
    for nexthop in &plan.nexthops {
        let protocol = plan.site.protocol;
        let _ = writeln!(batch, "nexthop add {} proto {protocol}", nexthop.text());
    }
    batch
}

fn sysctls(plan: &Plan) -> String {
    let mut text = String::from("# /etc/sysctl.d/, or sysctl -p sysctl.conf\n");
    for (name, value) in &plan.sysctls {
        let _ = writeln!(text, "{name} = {value}");
    }
    text
}
