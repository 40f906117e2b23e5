// SPDX-License-Identifier: GPL-2.0-only

//! Lookups in rules and routes as `ip` prints them.

use hmark::Family;

use super::*;

const LOCAL: &str = r#"{"type":"local","dst":"10.0.0.1","dev":"eth0","table":"local","scope":"host","flags":[]},
    {"type":"broadcast","dst":"10.0.0.255","dev":"eth0","table":"local","flags":[]}"#;

/// The way of a packet with a mark, from 10.9.0.1 port 1000 to port 80.
fn way(rules: &str, routes: &str, to: &str, mark: u32) -> String {
    let rules = format!(r#"[{{"priority":0,"src":"all","table":"local"}},{rules}]"#);
    let rules = RoutingRules::read(rules.as_bytes(), Family::Ipv4).unwrap();
    let routes = Routes::read(format!("[{LOCAL},{routes}]").as_bytes(), Family::Ipv4).unwrap();
    let flow = format!("tcp 10.9.0.1:1000 {to}:80").parse().unwrap();
    let origin = Origin::Device(Some("eth0"));
    match lookup(
        &rules,
        &routes,
        &Key {
            flow: &flow,
            mark,
            origin,
        },
    ) {
        Ok(found) => match found.next {
            Next::Hop(hop) => hop.to_string(),
            other => format!("{other:?}"),
        },
        Err(reason) => reason.to_string(),
    }
}

#[test]
fn the_longest_prefix_and_the_lowest_metric_win() {
    let main = r#"{"priority":32766,"src":"all","table":"main"}"#;
    let routes = r#"{"dst":"default","gateway":"10.0.0.2","dev":"eth0","metric":100,"flags":[]},
        {"dst":"default","gateway":"10.0.0.3","dev":"eth0","metric":50,"flags":[]},
        {"dst":"198.51.0.0/16","gateway":"10.0.0.4","dev":"eth0","flags":["linkdown"]},
        {"dst":"198.51.100.0/24","gateway":"10.0.0.5","dev":"eth0","flags":["dead","linkdown"]},
        {"dst":"192.0.2.0/24","dev":"eth1","scope":"link","flags":[]},
        {"type":"blackhole","dst":"203.0.113.0/24","flags":[]},
        {"dst":"10.1.0.0/16","via":{"family":"inet6","host":"fe80::1"},"dev":"eth0","nhid":5,"flags":[]},
        {"dst":"10.2.0.0/16","nhid":6,"flags":[]},
        {"dst":"10.3.0.0/16","flags":[],"nexthops":[{"gateway":"10.0.0.6","dev":"eth0","weight":1,"flags":[]},
            {"gateway":"10.0.0.7","dev":"eth1","weight":1,"flags":[]}]},
        {"dst":"10.4.0.0/16","flags":[],"nexthops":[{"gateway":"10.0.0.6","dev":"eth0","flags":["dead"]},
            {"gateway":"10.0.0.7","dev":"eth1","flags":[]}]},
        {"dst":"10.5.0.0/16","dev":"eth0","tos":"0x10","flags":[]},
        {"dst":"2001:db8::/32","dev":"eth0","metric":1024,"flags":[],"pref":"medium"},
        {"dst":"default","dev":"eth9","metric":1,"flags":[],"pref":"medium"}"#;
    for (to, expected) in [
        ("8.8.8.8", "via 10.0.0.3 dev eth0"),
        ("198.51.100.1", "via 10.0.0.4 dev eth0"),
        ("192.0.2.7", "dev eth1"),
        ("203.0.113.1", "Refused(\"blackhole\")"),
        ("10.0.0.1", "Local"),
        ("10.0.0.255", "Broadcast"),
        ("10.1.2.3", "via fe80::1 dev eth0"),
        (
            "10.2.2.3",
            "nexthop 6 is not in the text: table main: 10.2.0.0/16",
        ),
        ("10.4.0.1", "via 10.0.0.7 dev eth1"),
        (
            "10.5.0.1",
            "\"tos 0x10\" of a route is not understood: table main: 10.5.0.0/16 tos 0x10 dev eth0",
        ),
        ("224.0.0.1", "multicast is routed by other rules"),
    ] {
        assert_eq!(way(main, routes, to, 0), expected, "{to}");
    }
    let several = way(main, routes, "10.3.0.1", 0);
    let names = "one of several hops is taken, via 10.0.0.6 dev eth0 or via 10.0.0.7 dev eth1";
    assert!(several.starts_with(names), "{several}");
}

#[test]
fn rules_by_preference() {
    let routes = r#"{"dst":"default","gateway":"10.0.0.2","dev":"eth0","flags":[]},
        {"dst":"198.51.100.0/24","gateway":"10.0.0.3","dev":"eth0","flags":[]},
        {"dst":"default","gateway":"10.0.0.4","dev":"eth0","table":"100","flags":[]},
        {"type":"throw","dst":"192.0.2.0/24","table":"100","flags":[]}"#;
    let main = r#"{"priority":32766,"src":"all","table":"main"}"#;
    let marked = r#""table":"100""#;
    for (rule, to, mark, expected) in [
        (
            format!(r#""fwmark":"0x64",{marked}"#),
            "8.8.8.8",
            0x64,
            "via 10.0.0.4 dev eth0",
        ),
        (
            format!(r#""fwmark":"0x64",{marked}"#),
            "8.8.8.8",
            0x164,
            "via 10.0.0.2 dev eth0",
        ),
        (
            format!(r#""fwmark":"0x64","fwmask":"0xff",{marked}"#),
            "8.8.8.8",
            0x164,
            "via 10.0.0.4 dev eth0",
        ),
        (
            format!(r#""not":null,"fwmark":"0x64",{marked}"#),
            "8.8.8.8",
            0x64,
            "via 10.0.0.2 dev eth0",
        ),
        (
            format!(r#""not":null,"fwmark":"0x64",{marked}"#),
            "8.8.8.8",
            0,
            "via 10.0.0.4 dev eth0",
        ),
        (
            format!(r#""fwmark":"0x64",{marked}"#),
            "192.0.2.1",
            0x64,
            "via 10.0.0.2 dev eth0",
        ),
        (
            format!(r#""fwmark":"0x64",{marked}"#),
            "10.0.0.1",
            0x64,
            "Local",
        ),
        (
            format!(r#""src":"10.9.0.0","srclen":16,{marked}"#),
            "8.8.8.8",
            0,
            "via 10.0.0.4 dev eth0",
        ),
        (
            format!(r#""src":"10.9.0.2",{marked}"#),
            "8.8.8.8",
            0,
            "via 10.0.0.2 dev eth0",
        ),
        (
            format!(r#""iif":"eth0","ipproto":"tcp","dport":80,{marked}"#),
            "8.8.8.8",
            0,
            "via 10.0.0.4 dev eth0",
        ),
        (
            format!(r#""ipproto":"tcp","sport_start":1,"sport_end":999,{marked}"#),
            "8.8.8.8",
            0,
            "via 10.0.0.2 dev eth0",
        ),
        (
            format!(r#""oif":"eth0",{marked}"#),
            "8.8.8.8",
            0,
            "via 10.0.0.2 dev eth0",
        ),
        (
            r#""table":"main","suppress_prefixlen":0"#.into(),
            "198.51.100.1",
            0,
            "via 10.0.0.3 dev eth0",
        ),
        (
            r#""action":"prohibit""#.into(),
            "8.8.8.8",
            0,
            "Refused(\"prohibit\")",
        ),
        (
            r#""nop":null"#.into(),
            "8.8.8.8",
            0,
            "via 10.0.0.2 dev eth0",
        ),
        (r#""goto":40000"#.into(), "8.8.8.8", 0, "NoRoute"),
        (
            r#""goto":50000,"unresolved":null"#.into(),
            "8.8.8.8",
            0,
            "via 10.0.0.2 dev eth0",
        ),
        (
            format!(r#""tos":"0x10","fwmark":1,{marked}"#),
            "8.8.8.8",
            0,
            "via 10.0.0.2 dev eth0",
        ),
        (
            format!(r#""tos":"0x10",{marked}"#),
            "8.8.8.8",
            0,
            "\"tos 0x10\" is not understood: ip rule 5: from all tos 0x10 lookup 100",
        ),
        (
            r#""l3mdev":null"#.into(),
            "8.8.8.8",
            0,
            "the action \"l3mdev\" is not understood: ip rule 5: from all l3mdev",
        ),
    ] {
        let rules = format!(r#"{{"priority":5,{rule}}},{main},{{"priority":40000,"nop":null}}"#);
        assert_eq!(way(&rules, routes, to, mark), expected, "{rule} {to}");
    }
    // A default route that is suppressed leaves the packet to the next rule.
    let suppressed = r#"{"priority":5,"table":"main","suppress_prefixlen":0}"#;
    assert_eq!(way(suppressed, routes, "8.8.8.8", 0), "NoRoute");
}

#[test]
fn routes_with_a_mistake() {
    for (json, part) in [
        ("default via 10.0.0.1", "line 1"),
        (r#"[{"dst":"10.0.0.0/33"}]"#, "no IPv4 network"),
        (r#"[{"dst":"x"}]"#, "no IPv4 network"),
        (r#"[{"dst":"default","gateway":"x"}]"#, "invalid IP address"),
    ] {
        let error = format!(
            "{:#}",
            Routes::read(json.as_bytes(), Family::Ipv4).unwrap_err()
        );
        assert!(error.contains(part), "{json}: {error}");
    }
    let deep = "[".repeat(100_000);
    assert!(Routes::read(deep.as_bytes(), Family::Ipv4).is_err());
    assert!(RoutingRules::read(deep.as_bytes(), Family::Ipv4).is_err());
}
