// SPDX-License-Identifier: GPL-2.0-only

//! Planned rules and routes lead each mark to its gateway, and other packets past them, as the routing of a
//! host looks them up.

use std::net::IpAddr;

use hmark::Family;
use serde_json::{json, Value};

use super::super::marks::Marks;
use super::super::{Plan, Rule};
use super::{file, plan};
use crate::routing::{lookup, Action, Key, Next, Origin, Routes, RoutingRules};

/// The rules as `ip -j rule` lists them, among those that each host has.
pub fn rules_json(rules: &[Rule]) -> Value {
    let mut list = vec![json!({"priority": 0, "src": "all", "table": "local"})];
    for rule in rules {
        let mut fields = json!({"priority": rule.preference, "src": "all", "protocol": "72"});
        if rule.not {
            fields["not"] = json!(null);
        }
        if let Some((mark, mask)) = rule.mark {
            fields["fwmark"] = json!(format!("{mark:#x}"));
            fields["fwmask"] = json!(format!("{mask:#x}"));
        }
        match &rule.action {
            Action::Table(table) => fields["table"] = json!(table),
            Action::Goto(preference) => fields["goto"] = json!(preference),
            _ => fields["nop"] = json!(null),
        }
        list.push(fields);
    }
    list.push(json!({"priority": 32766, "src": "all", "table": "main"}));
    json!(list)
}

fn listed(rules: &[Rule], family: Family) -> RoutingRules {
    RoutingRules::read(rules_json(rules).to_string().as_bytes(), family).unwrap()
}

/// The routes as `ip -j route show table all` lists them, with a default route in the main table.
pub fn routes_json(plan: &Plan, family: Family) -> Value {
    let mut list = vec![json!({"dst": "default", "dev": "main"})];
    for route in &plan.side(family).unwrap().routes {
        let nexthop = plan.nexthops.iter().find(|own| own.id == route.nexthop);
        let nexthop = nexthop.unwrap();
        let mut fields = json!({"dst": route.destination(), "dev": nexthop.device,
            "table": route.table.to_string(), "nhid": nexthop.id, "protocol": "72"});
        match (nexthop.via, family) {
            (IpAddr::V6(host), Family::Ipv4) => {
                fields["via"] = json!({"family": "inet6", "host": host});
            }
            (via, _) => fields["gateway"] = json!(via),
        }
        list.push(fields);
    }
    json!(list)
}

fn routes(plan: &Plan, family: Family) -> Routes {
    Routes::read(routes_json(plan, family).to_string().as_bytes(), family).unwrap()
}

/// The device and gateway that a mark leads to, and the number of rules met of the plan.
fn way(rules: &RoutingRules, routes: &Routes, mark: u32) -> (String, usize) {
    let flow = match rules.family {
        Family::Ipv4 => "tcp 10.0.0.1:1 198.51.100.1:80",
        Family::Ipv6 => "tcp [fd00::1]:1 [2001:db8:100::1]:80",
    };
    let key = Key {
        flow: &flow.parse().unwrap(),
        mark,
        origin: Origin::Device(Some("front")),
    };
    let found = lookup(rules, routes, &key).unwrap();
    let Next::Hop(hop) = found.next else {
        panic!("{:?}", found.next);
    };
    let is_main = found.table == Some("main");
    // Those of the tables local and main are not the plan's.
    (hop.to_string(), found.walked - 1 - usize::from(is_main))
}

const SIZES: [usize; 9] = [1, 2, 4, 16, 17, 64, 70, 255, 256];

#[test]
fn each_mark_leads_to_its_gateway_and_no_other_does() {
    for count in SIZES {
        for more in [
            "",
            "mask = 0x1ff00",
            "offset = 0x400",
            "nexthops = \"family\"",
        ] {
            let plan = plan(&file(count, more));
            for family in [Family::Ipv4, Family::Ipv6] {
                let routes = routes(&plan, family);
                for rules in [&plan.rules, &plan.linear] {
                    check(&plan, &listed(rules, family), &routes);
                }
            }
        }
    }
}

fn check(plan: &Plan, rules: &RoutingRules, routes: &Routes) {
    let marks = plan.site.marks;
    for (gateway, mark) in plan.site.gateways.iter().zip(marks.all()) {
        let via = match (rules.family, plan.site.shared) {
            (Family::Ipv4, false) => IpAddr::V4(gateway.address4.unwrap()),
            _ => IpAddr::V6(gateway.address6.unwrap()),
        };
        let expected = format!("via {via} dev north");
        assert_eq!(way(rules, routes, mark).0, expected, "{mark:#x}");
        // Bits outside the mask are somebody else's.
        let others = !marks.bits() & 0x8004_0001;
        assert_eq!(way(rules, routes, mark | others).0, expected, "{mark:#x}");
    }
    let past = |mark: u32| assert_eq!(way(rules, routes, mark).0, "dev main", "{mark:#x}");
    let step = 1 << marks.shift();
    let last = marks.mark(marks.count - 1);
    for mark in [
        0,
        step,
        marks.first.wrapping_sub(step),
        last.wrapping_add(step),
        !marks.bits(),
    ] {
        if !marks.all().any(|own| own == mark & marks.bits()) {
            past(mark);
        }
    }
}

#[test]
fn rules_met_are_few() {
    for (count, most, others) in [
        (4, 4, 4),
        (16, 16, 16),
        (17, 7, 2),
        (70, 9, 2),
        (256, 10, 2),
    ] {
        for more in ["", "mask = 0x1ff00"] {
            let plan = plan(&file(count, more));
            assert_eq!(plan.most_rules_met(), most, "{count}");
            assert_eq!(plan.rules_met_by_others(), others, "{count}");
            let (rules, routes) = (
                listed(&plan.rules, Family::Ipv4),
                routes(&plan, Family::Ipv4),
            );
            let met = plan
                .site
                .marks
                .all()
                .map(|mark| way(&rules, &routes, mark).1);
            assert_eq!(met.max(), Some(most));
            assert_eq!(way(&rules, &routes, 0).1, others);
            // A mark of somebody else, too.
            assert_eq!(way(&rules, &routes, 0x4000_0000).1, others);
        }
    }
}

/// While a script changes rules, some are there and some are not yet.
#[test]
fn a_goto_that_is_missing_leads_nobody_astray() {
    let plan = plan(&file(70, ""));
    let routes = routes(&plan, Family::Ipv4);
    for seed in 1..200_u64 {
        let mut bits = seed;
        let mut toss = || {
            // Knuth's MMIX generator; its upper bits are random enough.
            bits = bits
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            bits >> 63 == 1
        };
        let rules = plan.rules.iter();
        let kept = rules.filter(|rule| matches!(rule.action, Action::Table(_)) || toss());
        let kept: Vec<_> = kept.cloned().collect();
        check(&plan, &listed(&kept, Family::Ipv4), &routes);
    }
}

#[test]
fn a_linear_guard_is_met_first() {
    let plan = plan(&file(256, ""));
    let (rules, routes) = (
        listed(&plan.linear, Family::Ipv6),
        routes(&plan, Family::Ipv6),
    );
    // The guard itself looks into the main table.
    assert_eq!(way(&rules, &routes, 0).1, 0);
    assert_eq!(way(&rules, &routes, 0x1ff).1, 257);
}

#[test]
fn marks_are_those_of_the_rule() {
    for (count, more, first, step) in [
        (4, "", 0x100, 1),
        (4, "offset = 100", 100, 1),
        (4, "mask = 0x3f00", 0x2000, 0x100),
        (4, "mask = 0x3f00\noffset = 0x100", 0x100, 0x100),
    ] {
        let plan = plan(&file(count, more));
        let Marks { first: own, .. } = plan.site.marks;
        assert_eq!(own, first);
        let marks: Vec<_> = plan.site.marks.all().collect();
        assert_eq!(
            marks,
            [first, first + step, first + 2 * step, first + 3 * step]
        );
        for side in &plan.sides {
            let text = side.chains.saved();
            let rules = crate::ruleset::RuleSet::read(text.as_bytes(), side.family).unwrap();
            let all = rules
                .rules()
                .filter_map(|(_, _, rule)| rule.target.as_hmark());
            let all: Vec<_> = all.map(|info| crate::marks::marks(info).unwrap()).collect();
            assert_eq!(all, [marks.clone()]);
        }
    }
}
