// SPDX-License-Identifier: GPL-2.0-only

//! Hosts that route alike have one digest, and each change that moves a flow gives another.

mod changes;

use std::path::Path;
use std::sync::LazyLock;

use super::*;
use crate::routing::{Routes, RoutingRules};
use crate::ruleset::RuleSet;

fn host(name: &str) -> Host {
    let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts");
    Host::saved(&hosts.join(name)).unwrap()
}

fn digest(host: &Host) -> String {
    of_text(&text(host, Scope::Routes).unwrap())
}

/// A host with the rules of a text in IPv4's mangle table.
fn with_rules(rules: &str) -> Host {
    static SELECTOR: LazyLock<Host> = LazyLock::new(|| host("pre-load-balancer/selector-a"));
    let mut host = SELECTOR.clone();
    let text = format!(
        "*mangle\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:own - [0:0]\n{rules}\nCOMMIT\n"
    );
    host.ipv4.ruleset =
        crate::host::Part::Known(RuleSet::read(text.as_bytes(), Family::Ipv4).unwrap());
    host
}

/// The digest of a host whose files are changed by replacing text.
fn replaced(name: &str, file: &str, from: &str, to: &str) -> String {
    let mut host = host(name);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/hosts")
        .join(name);
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    let text = text.replace(from, to);
    let family = match file.contains('6') {
        true => Family::Ipv6,
        false => Family::Ipv4,
    };
    let side = match family {
        Family::Ipv4 => &mut host.ipv4,
        Family::Ipv6 => &mut host.ipv6,
    };
    match file {
        "iptables-save" | "ip6tables-save" => {
            side.ruleset =
                crate::host::Part::Known(RuleSet::read(text.as_bytes(), family).unwrap());
        }
        "ip-rule.json" | "ip6-rule.json" => {
            side.rules =
                crate::host::Part::Known(RoutingRules::read(text.as_bytes(), family).unwrap());
        }
        _ => side.routes = crate::host::Part::Known(Routes::read(text.as_bytes(), family).unwrap()),
    }
    digest(&host)
}

/// The digest of a host with a text replaced in all its files.
fn renamed(name: &str, from: &str, to: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/hosts")
        .join(name);
    let copy = crate::scratch::folder("digest");
    std::fs::create_dir_all(&copy).unwrap();
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        count += text.matches(from).count();
        std::fs::write(copy.join(file.file_name()), text.replace(from, to)).unwrap();
    }
    let host = Host::saved(&copy);
    std::fs::remove_dir_all(&copy).unwrap();
    assert!(count > 5, "{name} has {from} {count} times");
    digest(&host.unwrap())
}

#[test]
fn selectors_of_a_cluster_agree() {
    for cluster in [
        &[
            "pre-load-balancer/selector-a",
            "pre-load-balancer/selector-b",
            "pre-load-balancer/selector-c",
        ][..],
        &["gateways/selector-a", "gateways/selector-b"],
    ] {
        let texts: Vec<_> = cluster
            .iter()
            .map(|name| text(&host(name), Scope::Routes).unwrap())
            .collect();
        for other in &texts {
            assert_eq!(&texts[0], other);
        }
    }
    let others = [
        "pre-load-balancer/selector-a",
        "pre-load-balancer/selector-s",
        "gateways/border",
        "router/router",
    ];
    let mut digests: Vec<_> = others.iter().map(|name| digest(&host(name))).collect();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), others.len());
}

#[test]
fn what_does_not_decide_does_not_count() {
    let hmark =
        "-A PREROUTING -d 198.51.100.1/32 -i front -j HMARK --hmark-mod 4 --hmark-offset 100";
    let same = digest(&with_rules(hmark));
    for rules in [
        format!("[5:6] {hmark}"),
        format!("{hmark}\n-A OUTPUT -j LOG"),
        format!("-A PREROUTING -m mark --mark 0x7\n{hmark}\n-A PREROUTING -j LOG"),
        format!("{hmark}\n-A PREROUTING -j ACCEPT"),
        format!("-A PREROUTING -j own\n-A own -j LOG\n{hmark}"),
        "-A PREROUTING -i front -d 198.51.100.1/32 -m comment --comment \"the cluster\" -j HMARK --hmark-offset 100 --hmark-mod 4".to_owned(),
    ] {
        assert_eq!(digest(&with_rules(&rules)), same, "{rules}");
    }
    // Rules that accept alike may change places.
    let accept = |one: &str, other: &str| {
        digest(&with_rules(&format!(
            "-A PREROUTING -s {one} -j ACCEPT\n-A PREROUTING -s {other} -j ACCEPT\n{hmark}"
        )))
    };
    assert_eq!(
        accept("10.0.0.1", "10.0.0.2"),
        accept("10.0.0.2", "10.0.0.1")
    );
    assert_ne!(
        accept("10.0.0.1", "10.0.0.2"),
        accept("10.0.0.1", "10.0.0.3")
    );
    assert_ne!(accept("10.0.0.1", "10.0.0.2"), same);
}

#[test]
fn names_of_devices_and_tables_and_preferences_do_not_count() {
    let name = "pre-load-balancer/selector-a";
    let same = digest(&host(name));
    assert_eq!(replaced(name, "ip-rule.json", "3276", "1276"), same);
    assert_eq!(
        replaced(name, "iptables-save", "ACCEPT [0:0]", "ACCEPT [77:99]"),
        same
    );
    let file = "ip-route.json";
    assert_eq!(
        replaced(name, file, "\"dev\":\"front\"", "\"dev\":\"eth7\""),
        same
    );
    // Another name for a device that a rule names, and other numbers of tables.
    for (name, from, to) in [
        ("gateways/selector-a", "blades", "eth7.5"),
        ("gateways/border", "internet", "wan0"),
        (name, "\"table\":\"10", "\"table\":\"710"),
    ] {
        assert_eq!(renamed(name, from, to), digest(&host(name)), "{from}");
    }
}

#[test]
fn a_key_counts_and_is_not_shown() {
    let key = "00112233445566778899aabbccddeeff";
    let rule = format!("-A PREROUTING -j HMARK --hmark-mod 4 --hmark-key {key}");
    let text = text(&with_rules(&rule), Scope::Marks).unwrap();
    assert!(
        !text.contains(key) && text.contains("--hmark-key sha256:"),
        "{text}"
    );
}
