// SPDX-License-Identifier: GPL-2.0-only

//! Each mark is looked up as `hmark predict` does it: ip rules with masks, and what is advised.

use std::net::IpAddr;

use super::cases::ROUTING;
use super::*;
use crate::flow::{Flow, Layer4, Protocol};
use crate::routing::{lookup, Key, Next, Origin};

/// The first ip rule of selector-a but that of the table local.
const FIRST: &str = "{\"priority\":32762,";

/// selector-a with more ip rules before its own.
fn with_rules(case: &str, rules: &str) -> Host {
    let first = format!("{rules},{FIRST}");
    broken(SELECTOR, case, &[(ROUTING, FIRST, &first)])
}

fn rule(preference: u32, mark: &str, mask: &str, action: &str) -> String {
    format!(
        "{{\"priority\":{preference},\"src\":\"all\",\"fwmark\":\"{mark}\",\"fwmask\":\"{mask}\",{action}}}"
    )
}

/// The findings of a name.
fn of_id(host: &Host, id: &str) -> Vec<Found> {
    let found = check(host).findings.into_iter();
    let of_id = found.filter(|finding| finding.id == id);
    of_id.map(|finding| finding.found).collect()
}

const BLACKHOLE: &str = "\"action\":\"blackhole\"";

#[test]
fn all_marks_that_a_masked_rule_drops_are_named() {
    for (mark, mask, shown) in [
        ("0x64", "0xfd", vec![100, 102]),
        ("0x64", "0xfc", vec![100, 101, 102, 103]),
        ("0x65", "0xfd", vec![101, 103]),
        ("0x40", "0x40", vec![100, 101, 102, 103]),
        ("0x66", "0xffffffff", vec![102]),
        ("0x64", "0xf0", vec![100, 101, 102, 103]),
        ("0x54", "0xf0", vec![]),
    ] {
        let case = format!("drops-{mark}-{mask}");
        let host = with_rules(&case, &rule(90, mark, mask, BLACKHOLE));
        let found = of_id(&host, "ip-rule-refuses");
        let marks: Vec<u32> = found.iter().flat_map(|found| found.marks.clone()).collect();
        assert_eq!(marks, shown, "{case}");
        assert!(found.len() <= 1, "{found:?}");
        // Each mark has its own ip rule behind: it is enough to delete the one that drops them.
        if let [found] = &found[..] {
            assert_eq!(found.commands.len(), 1, "{found:?}");
            let expected = format!("ip rule del pref 90 from all fwmark {mark}");
            assert!(found.commands[0].starts_with(&expected), "{found:?}");
        }
    }
}

#[test]
fn a_mark_that_is_dropped_is_named_although_another_one_is_not() {
    let own = rule(89, "0x64", "0xffffffff", "\"table\":\"100\"");
    let host = with_rules(
        "own",
        &format!("{own},{}", rule(90, "0x64", "0xfd", BLACKHOLE)),
    );
    let found = of_id(&host, "ip-rule-refuses");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].marks, [102]);
    assert_eq!(
        found[0].sentence,
        "packets with mark 102 are dropped (blackhole)"
    );
    assert!(found[0]
        .remedy
        .contains("--hmark-weight 2=0 in mangle PREROUTING rule 1"));
    // Its own rule drops it: without that, it needs another one.
    let host = broken(
        SELECTOR,
        "own-drops",
        &[(
            ROUTING,
            "\"fwmark\":\"0x65\",\"table\":\"101\"",
            &format!("\"fwmark\":\"0x65\",{BLACKHOLE}"),
        )],
    );
    let found = of_id(&host, "ip-rule-refuses");
    assert_eq!(
        found[0].commands,
        [
            "ip rule del pref 32764 from all fwmark 0x65 blackhole",
            "ip rule add pref 32764 fwmark 101 table 101"
        ]
    );
    // A filter of sources is none of the marks'.
    let filter = "{\"priority\":9,\"src\":\"192.168.0.0\",\"srclen\":16,\"action\":\"blackhole\"}";
    assert_eq!(check(&with_rules("filter", filter)).findings, []);
}

/// Over many ip rules with masks, the marks that are named are those whose packets predict says are dropped.
#[test]
fn what_is_named_is_what_predict_says() {
    let flow = |source: &str, destination: &str| {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let layer4 = Layer4::Ports {
            source: 5555,
            destination: 80,
        };
        Flow::new(Protocol::TCP, address(source), address(destination), layer4).unwrap()
    };
    let flow = flow("192.0.2.7", "198.51.100.1");
    let mut dropped = 0;
    for case in 0_u32..60 {
        // A small generator, so that each run is the same.
        let word = |salt: u32| (case * 7 + salt).wrapping_mul(0x9e37_79b1) >> 13;
        let rules: Vec<String> = (0..4)
            .map(|at| {
                let (mark, mask) = (
                    96 + word(at) % 12,
                    [0xff, 0xfd, 0xfc, 0xfe, 0xf0, 0x3][word(at + 9) as usize % 6],
                );
                let action = match word(at + 20) % 3 {
                    0 => BLACKHOLE.to_owned(),
                    table => format!("\"table\":\"{}\"", 100 + table),
                };
                rule(
                    50 + at,
                    &format!("{mark:#x}"),
                    &format!("{mask:#x}"),
                    &action,
                )
            })
            .collect();
        let host = with_rules(&format!("random-{case}"), &rules.join(","));
        let side = host.side(Family::Ipv4);
        let predicted: Vec<u32> = (100..104)
            .filter(|&mark| {
                let key = Key {
                    flow: &flow,
                    mark,
                    origin: Origin::Device(Some("front")),
                };
                let found = lookup(side.rules.get().unwrap(), side.routes.get().unwrap(), &key);
                matches!(found.unwrap().next, Next::Refused(_))
            })
            .collect();
        let found = of_id(&host, "ip-rule-refuses");
        let mut named: Vec<u32> = found.iter().flat_map(|found| found.marks.clone()).collect();
        named.sort_unstable();
        assert_eq!(named, predicted, "{rules:?}");
        dropped += named.len();
    }
    assert!(dropped > 20, "{dropped}");
}

#[test]
fn branches_of_a_tree_are_for_no_mark() {
    // Both marks go on with their own rules.
    let branch = rule(90, "0x66", "0xfe", "\"goto\":32762");
    let report = check(&with_rules("branch", &branch));
    assert_eq!(ids(&report), [""; 0], "{:?}", report.findings);
}

#[test]
fn marks_that_another_rule_takes_are_named_by_it() {
    let others = rule(90, "0x44", "0x4c", "\"table\":\"101\"");
    let found = of_id(&with_rules("others", &others), "ip-rule-of-others");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].marks, [100, 101, 102, 103]);
    let masked = rule(90, "0x66", "0xfe", "\"table\":\"102\"");
    let found = of_id(&with_rules("masked", &masked), "ip-rule-mask");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].marks, [103]);
    // One rule for two marks that have no other is meant.
    let two = [
        (
            ROUTING,
            "\"fwmark\":\"0x66\"",
            "\"fwmark\":\"0x66\",\"fwmask\":\"0xfffffffe\"",
        ),
        (
            ROUTING,
            "{\"priority\":32762,\"src\":\"all\",\"fwmark\":\"0x67\",\"table\":\"103\"},",
            "",
        ),
    ];
    let report = check(&broken(SELECTOR, "two", &two));
    assert_eq!(
        ids(&report),
        ["table-unused", "two-marks-one-table"],
        "{:?}",
        report.findings
    );
    assert!(report.findings[0].found.commands.is_empty());
    // The smaller preference is before the rule that takes all.
    let late = [(ROUTING, "\"priority\":32766", "\"priority\":90")];
    let found = of_id(&broken(SELECTOR, "late", &late), "ip-rule-too-late");
    assert_eq!(
        found[0].commands,
        [
            "ip rule add pref 89 from all fwmark 0x64 lookup 100",
            "ip rule del pref 32765 from all fwmark 0x64 lookup 100"
        ]
    );
}

#[test]
fn a_mark_without_rule_gets_the_table_that_is_left_over() {
    let removed = "{\"priority\":204,\"src\":\"all\",\"fwmark\":\"0xcc\",\"table\":\"202\"},";
    let report = check(&broken(
        "router/router",
        "left-over",
        &[(ROUTING, removed, "")],
    ));
    assert_eq!(ids(&report), ["mark-without-ip-rule"]);
    assert_eq!(
        report.findings[0].found.commands,
        ["ip rule add fwmark 204 table 202"]
    );
}

#[test]
fn gateways_are_named_where_they_are_known() {
    let failed = [(
        "ip-neigh.json",
        "\"10.1.0.12\",\"dev\":\"north\",\"lladdr\":\"02:00:00:00:ff:01\",\"state\":[\"REACHABLE\"]",
        "\"10.1.0.12\",\"dev\":\"north\",\"state\":[\"FAILED\"]",
    )];
    let found = of_id(&broken(SELECTOR, "stand-in", &failed), "gateway-failed");
    assert_eq!(
        found[0].commands,
        ["ip route replace default via 10.1.0.13 table 102"]
    );
    assert!(found[0].remedy.contains("--hmark-weight 2=0"), "{found:?}");
    // Another host of the role knows the gateway.
    let route = "{\"dst\":\"default\",\"gateway\":\"10.1.0.12\",\"dev\":\"north\",\"table\":\"102\",\"flags\":[]},";
    let hosts = [
        broken(SELECTOR, "lacks", &[(ROUTES, route, "")]),
        Host::saved(&folder("pre-load-balancer/selector-b")).unwrap(),
        Host::saved(&folder("pre-load-balancer/selector-s")).unwrap(),
    ];
    let mut reports: Vec<Report> = hosts.iter().map(check).collect();
    let command = |reports: &[Report]| reports[0].findings[0].found.commands[0].clone();
    assert!(command(&reports).contains("via GATEWAY"));
    fill_in(&hosts, &mut reports);
    assert_eq!(
        command(&reports),
        "ip route add default via 10.1.0.12 table 102"
    );
    assert!(reports[0].findings[0]
        .found
        .remedy
        .ends_with("(here the gateway of selector-b)"));
}

#[test]
fn gateways_of_a_plan_are_drained_by_the_tool() {
    let failed = (
        "ip-neigh.json",
        "\"10.1.0.12\",\"dev\":\"north\",\"lladdr\":\"02:00:00:00:ff:01\",\"state\":[\"REACHABLE\"]",
        "\"10.1.0.12\",\"dev\":\"north\",\"state\":[\"FAILED\"]",
    );
    let own = "\"gateway\":\"10.1.0.12\",\"dev\":\"north\",\"table\":\"102\"";
    let planned = format!("{own},\"protocol\":\"72\"");
    let found = of_id(
        &broken(SELECTOR, "planned", &[failed, (ROUTES, own, &planned)]),
        "gateway-failed",
    );
    assert_eq!(found[0].commands, ["hmark weight 2=0"]);
    // Any other nexthop object is replaced itself, for both families.
    let by_object = format!("{own},\"protocol\":\"77\",\"nhid\":102");
    let object = broken(SELECTOR, "object", &[failed, (ROUTES, own, &by_object)]);
    let found = of_id(&object, "gateway-failed");
    assert_eq!(
        found[0].commands,
        ["ip nexthop replace id 102 via 10.1.0.13 dev north proto 77"]
    );
    // With its device, the route by it is gone.
    let route = format!("{{\"dst\":\"default\",{own},\"flags\":[]}},");
    let other = "\"gateway\":\"10.1.0.13\"";
    let by_object = format!("{other},\"nhid\":103");
    let gone = [(ROUTES, &*route, ""), (ROUTES, other, &by_object)];
    let found = of_id(&broken(SELECTOR, "gone", &gone), "table-empty");
    assert_eq!(found[0].commands, ["hmark plan /etc/hmark.toml | sh"]);
    // Without its family, ip would make a route of IPv6.
    let ipv6 = "\"via\":{\"family\":\"inet6\",\"host\":\"fd00:1::13\"}";
    let neighbour = ("ip-neigh.json", "\"10.1.0.13\"", "\"fd00:1::13\"");
    let found = of_id(
        &broken(
            SELECTOR,
            "family",
            &[failed, neighbour, (ROUTES, other, ipv6)],
        ),
        "gateway-failed",
    );
    assert_eq!(
        found[0].commands,
        ["ip -4 route replace default via inet6 fd00:1::13 table 102"]
    );
    // Once it is out, another gateway has its packets.
    let whole = format!("{{\"dst\":\"default\",{own}");
    let half = |net: &str| {
        format!("{{\"dst\":\"{net}\",\"gateway\":\"10.1.0.13\",\"dev\":\"north\",\"table\":\"102\",\"flags\":[]}}")
    };
    let halves = format!("{},{},{whole}", half("0.0.0.0/1"), half("128.0.0.0/1"));
    let out = broken(SELECTOR, "out", &[failed, (ROUTES, &whole, &halves)]);
    assert!(of_id(&out, "gateway-failed").is_empty());
    let half_out = format!("{},{whole}", half("128.0.0.0/1"));
    let half_out = broken(SELECTOR, "half-out", &[failed, (ROUTES, &whole, &half_out)]);
    assert_eq!(of_id(&half_out, "gateway-failed").len(), 1);
}

#[test]
fn gateways_that_nobody_has_asked_for_are_noted() {
    assert!(check(&Host::saved(&folder(SELECTOR)).unwrap())
        .notes
        .is_empty());
    let unasked = [("ip-neigh.json", "\"10.1.0.12\"", "\"10.1.0.99\"")];
    let report = check(&broken(SELECTOR, "unasked", &unasked));
    assert_eq!(report.findings, []);
    assert_eq!(report.notes.len(), 1);
    assert!(
        report.notes[0].ends_with(": 10.1.0.12 (mark 102)"),
        "{:?}",
        report.notes
    );
}

#[test]
fn commands_have_the_rule_s_own_text() {
    let behind = |case: &str, rule: &str| {
        let lines = format!("{rule}\nCOMMIT");
        let host = broken(SELECTOR, case, &[(RULES, "COMMIT", &lines)]);
        of_id(&host, "mark-overwritten").remove(0)
    };
    let found = behind(
        "all",
        "-A PREROUTING -i front -j MARK --set-xmark 0x7/0xffffffff",
    );
    assert_eq!(
        found.commands,
        ["iptables -t mangle -R PREROUTING 2 -i front -m mark --mark 0x0 -j MARK --set-xmark 0x7/0xffffffff"]
    );
    assert!(
        found.sentence.contains("\"-i front -j MARK --set-xmark"),
        "{found:?}"
    );
    // All of its packets have been marked.
    let found = behind(
        "same",
        "-A PREROUTING -d 198.51.100.1/32 -p tcp -j MARK --set-xmark 0x7/0xffffffff",
    );
    assert_eq!(found.commands, ["iptables -t mangle -D PREROUTING 2"]);
    let remedy = "delete it if nothing uses its mark (no ip rule asks for 0x7)";
    assert!(found.remedy.starts_with(remedy), "{found:?}");
    let found = behind(
        "used",
        "-A PREROUTING -d 198.51.100.1/32 -j MARK --set-xmark 0x65/0xffffffff",
    );
    assert!(found.remedy.contains("(\"ip rule 32764: "), "{found:?}");
    // A key is not shown.
    let key = "00112233445566778899aabbccddeeff";
    let rule = format!("-A PREROUTING -j HMARK --hmark-mod 2 --hmark-offset 7 --hmark-key {key}");
    let found = behind("key", &rule);
    assert!(!format!("{found:?}").contains(&key[..8]), "{found:?}");
    assert!(found.commands[0].ends_with("--hmark-key KEY"), "{found:?}");
}
