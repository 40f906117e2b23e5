// SPDX-License-Identifier: GPL-2.0-only

//! A host that is as planned does not differ; each single change of it is told.

use std::fs;
use std::path::PathBuf;

use hmark::Family;
use serde_json::{json, Value};

use super::super::difference::{difference, Difference};
use super::super::Plan;
use super::ways::{routes_json, rules_json};
use super::{file, plan};
use crate::host::{File, Host};

/// The files of a host that has a plan.
pub struct Saved {
    folder: PathBuf,
}

impl Saved {
    /// A host as planned.
    pub fn new(plan: &Plan, name: &str) -> Self {
        let folder = crate::scratch::folder(name);
        fs::create_dir_all(&folder).unwrap();
        let saved = Self { folder };
        for family in [Family::Ipv4, Family::Ipv6] {
            let side = plan.side(family);
            let rules: &[_] = if side.is_some() { &plan.rules } else { &[] };
            saved.write(File::RoutingRules(family), &rules_json(rules).to_string());
            let routes = side.map_or(json!([]), |_| routes_json(plan, family));
            saved.write(File::Routes(family), &routes.to_string());
            let text = side.map(|side| side.chains.saved()).unwrap_or_default();
            saved.write(File::Rules(family), &text);
        }
        let nexthops: Vec<Value> = plan
            .nexthops
            .iter()
            .map(|own| json!({"id": own.id, "gateway": own.via, "dev": own.device, "protocol": "72"}))
            .collect();
        saved.write(File::Nexthops, &json!(nexthops).to_string());
        saved.write(File::Neighbours, "[]");
        saved.write(File::Links, "[]");
        let settings = plan
            .sysctls
            .iter()
            .map(|(name, value)| format!("{name} = {value}\n"));
        saved.write(File::Sysctls, &settings.collect::<String>());
        saved
    }

    /// Replaces a file.
    pub fn write(&self, file: File, text: &str) {
        fs::write(self.folder.join(file.name()), text).unwrap();
    }

    /// Replaces a part of a file.
    pub fn edit(&self, file: File, from: &str, to: &str) {
        let path = self.folder.join(file.name());
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// The difference of a plan from the host.
    pub fn compare(&self, plan: &Plan) -> Difference {
        difference(plan, &Host::saved(&self.folder).unwrap()).unwrap()
    }
}

impl Drop for Saved {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The differing lines, each with a sign.
fn lines(found: &Difference) -> Vec<String> {
    let mut all = Vec::new();
    for part in &found.parts {
        all.extend(part.gone.iter().map(|line| format!("{}: -{line}", part.of)));
        all.extend(part.new.iter().map(|line| format!("{}: +{line}", part.of)));
    }
    all
}

#[test]
fn a_host_as_planned_does_not_differ() {
    for (place, text) in [
        file(4, ""),
        file(70, "mask = 0x1ff00"),
        file(4, "nexthops = \"family\"\nsticky = true\nto = [\"10.3.0.0/24\", \"10.4.0.1\", \"fd00:3::/64\"]"),
        file(4, "").replace("\"2001:db8:100::1\"", ""),
        format!("{}ct = true\nin-interface = \"north\"\n", file(4, "")),
    ]
    .iter()
    .enumerate()
    {
        let plan = plan(text);
        let saved = Saved::new(&plan, &format!("same{place}"));
        assert_eq!(saved.compare(&plan), Difference::default(), "{text}");
    }
}

#[test]
fn a_bare_host_has_nothing() {
    let plan = plan(&file(2, ""));
    let bare = Plan {
        rules: Vec::new(),
        nexthops: Vec::new(),
        sides: Vec::new(),
        ..plan.clone()
    };
    let saved = Saved::new(&bare, "bare");
    saved.edit(
        File::Sysctls,
        "net.ipv4.ip_forward = 1",
        "net.ipv4.ip_forward = 0",
    );
    let target = "-j HMARK --hmark-src-prefix 32 --hmark-dst-prefix 32 --hmark-sport-mask 0xffff \
                  --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0xc175a3b8 --hmark-mod 2 \
                  --hmark-offset 256";
    let six = target.replace("prefix 32", "prefix 128");
    let expected = [
        "sysctl: -net.ipv4.ip_forward = 0".to_string(),
        "sysctl: +net.ipv4.ip_forward = 1".to_string(),
        "ip nexthop: +id 7200 via fd00:1::a dev north".to_string(),
        "ip nexthop: +id 7201 via fd00:1::1:a dev north".to_string(),
        "ip -4 rule: +7200: from all fwmark 0x100 lookup 7200".to_string(),
        "ip -4 rule: +7201: from all fwmark 0x101 lookup 7201".to_string(),
        "ip -4 route: +default nhid 7200 table 7200".to_string(),
        "ip -4 route: +default nhid 7201 table 7201".to_string(),
        format!("iptables -t mangle: +-A HMARK-plan -d 198.51.100.1/32 {target}"),
        "iptables -t mangle: +-A PREROUTING -j HMARK-plan".to_string(),
        "ip -6 rule: +7200: from all fwmark 0x100 lookup 7200".to_string(),
        "ip -6 rule: +7201: from all fwmark 0x101 lookup 7201".to_string(),
        "ip -6 route: +default nhid 7200 table 7200".to_string(),
        "ip -6 route: +default nhid 7201 table 7201".to_string(),
        format!("ip6tables -t mangle: +-A HMARK-plan -d 2001:db8:100::1/128 {six}"),
        "ip6tables -t mangle: +-A PREROUTING -j HMARK-plan".to_string(),
    ];
    assert_eq!(lines(&saved.compare(&plan)), expected);
}

#[test]
fn each_change_is_told() {
    let plan = plan(&file(4, ""));
    let (rules, routes) = (File::RoutingRules(Family::Ipv4), File::Routes(Family::Ipv6));
    let tables = File::Rules(Family::Ipv6);
    let jump = "-A PREROUTING -j HMARK-plan\n";
    for (file, from, to, expected) in [
        (
            File::Sysctls,
            "ip_forward = 1",
            "ip_forward = 0",
            vec!["-net.ipv4.ip_forward = 0", "+net.ipv4.ip_forward = 1"],
        ),
        (
            File::Nexthops,
            "fd00:1::a",
            "fd00:1::99",
            vec![
                "-id 7200 via fd00:1::99 dev north",
                "+id 7200 via fd00:1::a dev north",
            ],
        ),
        (
            rules,
            "\"table\":\"7202\"",
            "\"table\":\"7201\"",
            vec![
                "-7202: from all fwmark 0x102 lookup 7201",
                "+7202: from all fwmark 0x102 lookup 7202",
            ],
        ),
        (
            rules,
            "\"priority\":7202",
            "\"priority\":7250",
            vec![
                "-7250: from all fwmark 0x102 lookup 7202",
                "+7202: from all fwmark 0x102 lookup 7202",
            ],
        ),
        (
            routes,
            "\"nhid\":7203",
            "\"nhid\":7200",
            vec![
                "-default nhid 7200 table 7203",
                "+default nhid 7203 table 7203",
            ],
        ),
        (tables, jump, "", vec!["+-A PREROUTING -j HMARK-plan"]),
        (
            tables,
            jump,
            "-A PREROUTING -j HMARK-plan\n-A PREROUTING -j HMARK-plan\n",
            vec!["--A PREROUTING -j HMARK-plan"],
        ),
        (
            tables,
            jump,
            "-A PREROUTING -i lo -j HMARK-plan\n",
            vec!["+-A PREROUTING -j HMARK-plan"],
        ),
        (
            tables,
            jump,
            "-A PREROUTING -j HMARK-plan\n-A HMARK-plan -j RETURN\n",
            vec!["--A HMARK-plan -j RETURN"],
        ),
    ] {
        let saved = Saved::new(&plan, "change");
        saved.edit(file, from, to);
        let found = saved.compare(&plan);
        let lines: Vec<_> = lines(&found)
            .iter()
            .map(|line| line.split_once(": ").unwrap().1.to_owned())
            .collect();
        assert_eq!(lines, expected, "{to}");
        assert!(found.taken.is_empty() && found.missing.is_empty() && found.notes.is_empty());
    }
    let saved = Saved::new(&plan, "seed");
    saved.edit(tables, "--hmark-rnd 0xc175a3b8", "--hmark-rnd 1");
    let found = lines(&saved.compare(&plan));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("--hmark-rnd 1 "), "{found:?}");
}

#[test]
fn what_others_have_is_taken() {
    let plan = plan(&file(4, ""));
    for (file, expected) in [
        (
            File::RoutingRules(Family::Ipv4),
            "the preference 7200 of IPv4 is taken: 7200: from all fwmark 0x100/0xffffffff lookup 7200: delete it, or give \
             preference another number",
        ),
        (
            File::Routes(Family::Ipv6),
            "the table 7200 of IPv6 is taken: default via fd00:1::a dev north: delete it, or give table another number",
        ),
        (
            File::Nexthops,
            "the nexthop 7200 is taken: id 7200 via fd00:1::a dev north: delete it, or give table another number",
        ),
    ] {
        let saved = Saved::new(&plan, "taken");
        saved.edit(file, "\"protocol\":\"72\"", "\"protocol\":\"static\"");
        assert_eq!(saved.compare(&plan).taken, [expected.replace("/0xffffffff", "")]);
    }
}

#[test]
fn what_was_not_saved_cannot_be_told() {
    let plan = plan(&file(4, ""));
    let saved = Saved::new(&plan, "missing");
    fs::remove_file(saved.folder.join(File::Nexthops.name())).unwrap();
    let found = saved.compare(&plan);
    assert_eq!(found.missing.len(), 1);
    assert!(found.parts.is_empty());
    saved.write(File::Nexthops, "{");
    assert!(difference(&plan, &Host::saved(&saved.folder).unwrap()).is_err());
}
