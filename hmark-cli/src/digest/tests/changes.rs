// SPDX-License-Identifier: GPL-2.0-only

//! Each change that moves a flow gives another digest.

use hmark_text::{Kind, OPTIONS};

use super::*;

/// Each rule, with the one that it becomes by one change.
fn changes() -> Vec<(String, String)> {
    let base = "--hmark-mod 4 --hmark-offset 0x100";
    let mut changes = Vec::new();
    let mut add = |before: &str, after: &str| {
        changes.push((format!("{base} {before}"), format!("{base} {after}")));
    };
    for row in &OPTIONS {
        let name = row.name.to_str().unwrap();
        let values: &[&str] = match (&row.kind, name) {
            (_, "hmark-mod" | "hmark-offset") => continue,
            (Kind::Ones(_), _) => &["0xff00", "0xfff00"],
            (Kind::Weights, _) => &["1=0", "1=50", "2=0", "1-2=0"],
            (Kind::Key, _) => &[
                "00112233445566778899aabbccddeeff",
                "00112233445566778899aabbccddeefe",
            ],
            (Kind::Selectors, _) => &[
                "src",
                "dst",
                "src,dst",
                "ct,src",
                "sport",
                "src,sport,proto",
                "spi",
            ],
            (Kind::Tunnels, _) => &["gre", "gtpu", "vxlan", "vxlan:8472", "geneve", "ipip"],
            (Kind::Switch, _) => &[""],
            (Kind::Prefix(_), _) => &["24", "25", "0"],
            (Kind::Number(_), "hmark-from") => &["3", "2", "1"],
            (Kind::Number(_), _) => &["1", "2", "3"],
        };
        for value in values {
            let option = format!("--{name} {value}");
            add("", &option);
            for other in values.iter().filter(|other| *other != value) {
                add(&option, &format!("--{name} {other}"));
            }
        }
    }
    changes.push((base.into(), "--hmark-mod 5 --hmark-offset 0x100".into()));
    changes.push((base.into(), "--hmark-mod 4 --hmark-offset 0x101".into()));
    changes
}

#[test]
fn each_option_counts() {
    let changes = changes();
    for row in &OPTIONS {
        let name = row.name.to_str().unwrap();
        let is_changed = |(_, after): &(String, String)| after.contains(&format!("--{name} "));
        assert!(changes.iter().any(is_changed), "{name}");
    }
    let of = |options: &str| digest(&with_rules(&format!("-A PREROUTING -j HMARK {options}")));
    for (before, after) in changes {
        assert_ne!(of(&before), of(&after), "{before}: {after}");
    }
}

#[test]
fn each_match_and_each_rule_before_counts() {
    let hmark = "-j HMARK --hmark-mod 4 --hmark-offset 100";
    let base = digest(&with_rules(&format!("-A PREROUTING {hmark}")));
    let mut seen = vec![base];
    for rules in [
        format!("-A PREROUTING -s 10.0.0.0/8 {hmark}"),
        format!("-A PREROUTING ! -s 10.0.0.0/8 {hmark}"),
        format!("-A PREROUTING -d 10.0.0.0/8 {hmark}"),
        format!("-A PREROUTING -i front {hmark}"),
        format!("-A PREROUTING -i north {hmark}"),
        format!("-A PREROUTING ! -i north {hmark}"),
        format!("-A PREROUTING -i + {hmark}"),
        format!("-A PREROUTING -p tcp {hmark}"),
        format!("-A PREROUTING -p tcp -m tcp --dport 80 {hmark}"),
        format!("-A PREROUTING -p tcp -m tcp --sport 80 {hmark}"),
        format!("-A PREROUTING -p tcp -m tcp ! --dport 80 {hmark}"),
        format!("-A PREROUTING -m mark --mark 0 {hmark}"),
        format!("-A PREROUTING -m statistic --mode nth --every 2 --packet 0 {hmark}"),
        format!("-A OUTPUT {hmark}"),
        format!("-A PREROUTING -j own\n-A own {hmark}"),
        format!("-A PREROUTING -s 10.0.0.0/8 -j own\n-A own {hmark}"),
        format!("-A PREROUTING {hmark}\n-A PREROUTING -j MARK --set-xmark 0x1/0xff"),
        format!("-A PREROUTING -j MARK --set-xmark 0x1/0xff\n-A PREROUTING {hmark}"),
        format!("-A PREROUTING -s 10.0.0.1 -j RETURN\n-A PREROUTING {hmark}"),
        format!("-A PREROUTING -s 10.0.0.1 -j DROP\n-A PREROUTING {hmark}"),
        format!("-A PREROUTING {hmark}\n-A PREROUTING -j CONNMARK --restore-mark"),
        format!("-A PREROUTING -j own\n-A PREROUTING {hmark}\n-A own -j ACCEPT"),
        format!("-A PREROUTING -j own\n-A PREROUTING {hmark}\n-A own -s 10.0.0.1 -j ACCEPT"),
    ] {
        let digest = digest(&with_rules(&rules));
        assert!(!seen.contains(&digest), "{rules}");
        seen.push(digest);
    }
}

#[test]
fn each_change_of_routing_counts_and_marks_alone_do_not_see_it() {
    let name = "pre-load-balancer/selector-a";
    let same = digest(&host(name));
    for (file, from, to) in [
        ("ip-rule.json", "\"fwmark\":\"0x65\"", "\"fwmark\":\"0x64\""),
        (
            "ip-rule.json",
            "\"fwmark\":\"0x65\"",
            "\"fwmark\":\"0x65\",\"fwmask\":\"0xff\",\"iif\":\"north\"",
        ),
        (
            "ip-rule.json",
            "\"fwmark\":\"0x65\",\"table\":\"101\"",
            "\"fwmark\":\"0x65\",\"table\":\"102\"",
        ),
        ("ip-rule.json", "\"priority\":32766", "\"priority\":5"),
        (
            "ip6-rule.json",
            "\"fwmark\":\"0x67\"",
            "\"fwmark\":\"0x77\"",
        ),
        ("ip-route.json", "10.1.0.12", "10.1.0.13"),
        (
            "ip-route.json",
            "\"dst\":\"default\",\"gateway\":\"10.1.0.12\"",
            "\"dst\":\"10.0.0.0/8\",\"gateway\":\"10.1.0.12\"",
        ),
        (
            "ip-route.json",
            "\"dst\":\"default\",\"gateway\":\"10.1.0.12\"",
            "\"type\":\"blackhole\",\"dst\":\"default\"",
        ),
        ("ip6-route.json", "fd00:1::12", "fd00:1::13"),
    ] {
        assert_ne!(replaced(name, file, from, to), same, "{file}: {from}");
    }
    let marks = |name: &str| of_text(&text(&host(name), Scope::Marks).unwrap());
    assert_eq!(marks(name), marks("pre-load-balancer/selector-b"));
    assert!(!text(&host(name), Scope::Marks).unwrap().contains("10.1.0"));
}
