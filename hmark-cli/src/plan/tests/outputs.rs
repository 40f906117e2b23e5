// SPDX-License-Identifier: GPL-2.0-only

//! What is printed: chains, the script, and files.

use std::io::Write;
use std::process::{Command, Stdio};

use hmark::Family;

use super::super::{files, networkd, shell, Plan};
use super::{file, plan};
use crate::ruleset::RuleSet;

/// The rules of a family, with the options of HMARK cut short.
fn rules(plan: &Plan, family: Family) -> Vec<String> {
    let chains = &plan.side(family).unwrap().chains.0;
    let lines = chains.iter().flat_map(|chain| chain.lines());
    lines
        .map(|line| line.split(" --hmark-").next().unwrap().to_owned())
        .collect()
}

const BORDER: &str = "
device = \"outer\"
offset = 101
to = [\"10.3.0.0/24\", \"fd00:3::/64\"]
gateways = [
  { name = \"gateway-a\", address4 = \"10.2.0.11\", address6 = \"fd00:2::11\" },
  { name = \"gateway-b\", address4 = \"10.2.0.12\", address6 = \"fd00:2::12\", weight = 0 },
  { name = \"gateway-c\", address4 = \"10.2.0.13\", address6 = \"fd00:2::13\" },
]
[[match]]
in-interface = \"internet\"
destination = [\"198.51.100.1\", \"2001:db8:100::1\"]
ct = true
[[match]]
chain = \"OUTPUT\"
destination = [\"10.3.0.0/24\", \"fd00:3::/64\"]
protocol = \"icmp\"
";

#[test]
fn the_border_of_the_second_tutorial() {
    let plan = plan(BORDER);
    assert_eq!(
        rules(&plan, Family::Ipv4),
        [
            "-A HMARK-plan -d 198.51.100.1/32 -i internet -j HMARK --hmark-tuple ct"
                .replace(" --hmark-tuple ct", ""),
            "-A HMARK-plan-out -d 10.3.0.0/24 -p icmp -j HMARK".to_string(),
        ]
    );
    assert_eq!(
        rules(&plan, Family::Ipv6),
        [
            "-A HMARK-plan -d 2001:db8:100::1/128 -i internet -j HMARK",
            "-A HMARK-plan -d 2001:db8:100::1/128 -i internet -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j HMARK",
            "-A HMARK-plan -d 2001:db8:100::1/128 -i internet -p ipv6-icmp -m icmp6 --icmpv6-type 129 -j HMARK",
            "-A HMARK-plan-out -d fd00:3::/64 -p ipv6-icmp -j HMARK",
        ]
    );
    let all = |family| {
        let text = plan.side(family).unwrap().chains.saved();
        let rules = RuleSet::read(text.as_bytes(), family).unwrap();
        let all: Vec<_> = rules
            .rules()
            .filter_map(|(_, _, rule)| rule.target.as_hmark().copied())
            .collect();
        all
    };
    use hmark::rule::v0::flag;
    let [general, request, reply, error] = all(Family::Ipv6)[..] else {
        panic!("four rules");
    };
    let has = |rule: &hmark::rule::v1::Info, bits| rule.masked.v0.flags & bits != 0;
    assert!(has(&general, flag::CT) && has(&general, flag::SPORT_MASK));
    assert_eq!(request, reply);
    assert!(has(&request, flag::CT) && !has(&request, flag::SPORT_MASK | flag::DPORT_MASK));
    assert!(!has(&error, flag::CT));
    assert_eq!((error.less[1], error.less[0]), (100, 0));
    let routes: Vec<_> = plan
        .side(Family::Ipv4)
        .unwrap()
        .routes
        .iter()
        .map(|own| own.text())
        .collect();
    assert_eq!(routes[0], "10.3.0.0/24 nhid 7200 table 7200");
}

#[test]
fn connections_are_kept_on_their_line() {
    let plan = plan(
        "mask = 0x3f00
        offset = 0x100
        sticky = true
        gateways = [
          { name = \"line-a\", address4 = \"192.0.2.1\", device = \"line-a\" },
          { name = \"line-b\", address4 = \"198.51.100.1\", device = \"line-b\", weight = 33 },
        ]
        [[match]]
        in-interface = \"lan\"
        [[match]]
        chain = \"OUTPUT\"
        out-interface = \"line+\"",
    );
    let outside = "-m connmark --mark 0x0/0x3f00 -j CONNMARK --set-xmark";
    assert_eq!(
        rules(&plan, Family::Ipv4),
        [
            format!("-A HMARK-plan -i line-a {outside} 0x100/0x3f00"),
            format!("-A HMARK-plan -i line-b {outside} 0x200/0x3f00"),
            "-A HMARK-plan -i lan -j CONNMARK --restore-mark --nfmask 0x3f00 --ctmask 0x3f00"
                .to_string(),
            "-A HMARK-plan -i lan -m mark --mark 0x0/0x3f00 -j HMARK".to_string(),
            "-A HMARK-plan -i lan -j CONNMARK --save-mark --nfmask 0x3f00 --ctmask 0x3f00"
                .to_string(),
            "-A HMARK-plan-out -o line+ -j CONNMARK --restore-mark --nfmask 0x3f00 --ctmask 0x3f00"
                .to_string(),
            "-A HMARK-plan-out -o line+ -m mark --mark 0x0/0x3f00 -j HMARK".to_string(),
            "-A HMARK-plan-out -o line+ -j CONNMARK --save-mark --nfmask 0x3f00 --ctmask 0x3f00"
                .to_string(),
        ]
    );
    assert!(plan.side(Family::Ipv6).is_none());
    let script = shell::apply(&plan, "router.toml");
    assert!(script.contains("# sticky: "), "{script}");
}

#[test]
fn the_way_back_is_by_source() {
    let text = file(4, "").replace("destination", "source");
    let text = text
        + "in-interface = \"north\"\n[[match]]\nsource = \"! 198.51.100.1\"\nprotocol = \"icmp\"\n";
    let plan = plan(&text);
    assert_eq!(
        rules(&plan, Family::Ipv4),
        [
            "-A HMARK-plan -s 198.51.100.1/32 -i north -j HMARK",
            "-A HMARK-plan ! -s 198.51.100.1/32 -p icmp -j HMARK",
        ]
    );
    // Packets leave by the device that they came in by.
    let redirects = [
        "net.ipv4.conf.all.send_redirects",
        "net.ipv4.conf.north.send_redirects",
    ];
    for name in redirects {
        assert!(
            plan.sysctls.contains(&(name.to_string(), "0".to_string())),
            "{:?}",
            plan.sysctls
        );
    }
}

#[test]
fn a_rule_without_a_new_option_is_one_that_the_stock_library_takes() {
    let text = plan(&file(4, ""))
        .side(Family::Ipv4)
        .unwrap()
        .chains
        .restore();
    assert!(
        text.contains("--hmark-rnd 0xc175a3b8") && text.contains("--hmark-sport-mask 0xffff"),
        "{text}"
    );
    for new in [
        "--hmark-mask",
        "--hmark-weight",
        "--hmark-from",
        "--hmark-key",
    ] {
        assert!(!text.contains(new), "{text}");
    }
}

/// A shell that only reads.
fn is_script(script: &str) {
    let mut shell = Command::new("sh")
        .arg("-n")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    shell
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert!(shell.wait().unwrap().success());
}

#[test]
fn scripts_are_scripts() {
    for count in [1, 4, 70, 256] {
        let plan = plan(&file(count, ""));
        let script = shell::apply(&plan, "a\nrm -rf x.toml");
        is_script(&script);
        assert!(script.contains("by hmark plan a?rm -rf x.toml"));
        let remove = shell::remove(&plan, "a.toml");
        is_script(&remove);
        assert!(!remove.contains(" fwmark 0x"));
    }
    let script = shell::apply(&plan(&file(70, "")), "a.toml");
    assert!(script.contains(
        "# Of the routing rules here a marked packet meets at most 9, and any other 2.\n"
    ));
    assert!(
        script.contains("\n# 325 (0x145)       gateway-69            100  7269\n"),
        "{script}"
    );
}

#[test]
fn files_have_all_of_the_plan() {
    let plan = plan(&file(2, ""));
    let files = files::files(&plan);
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "sysctl.conf",
        "nexthops.batch",
        "ip4.batch",
        "iptables.rules",
        "ip6.batch",
        "ip6tables.rules",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        files[2].1,
        "# ip -4 -batch ip4.batch\n\
         route add default nhid 7200 table 7200 proto 72\n\
         route add default nhid 7201 table 7201 proto 72\n\
         rule add pref 7200 from all fwmark 0x100 lookup 7200 proto 72\n\
         rule add pref 7201 from all fwmark 0x101 lookup 7201 proto 72\n"
    );
    assert!(files[5]
        .1
        .ends_with("-A PREROUTING -j HMARK-plan\nCOMMIT\n"));
}

#[test]
fn networkd_has_a_guard_without_goto() {
    let plan = plan(&file(70, ""));
    let files = networkd::files(&plan);
    let (name, text) = &files[0];
    assert_eq!(name, "north.network.d/50-hmark-plan.conf");
    let count = |section: &str| text.matches(&format!("\n[{section}]\n")).count();
    assert_eq!(
        (count("NextHop"), count("Route"), count("RoutingPolicyRule")),
        (70, 140, 71)
    );
    let guard = "\n[RoutingPolicyRule]\nPriority=7200\nFamily=both\nFirewallMark=256/4294967168\nInvertRule=yes\n\
                 Table=main\n\n[RoutingPolicyRule]\nPriority=7201\nFamily=both\nFirewallMark=256/4294967295\n\
                 Table=7200\n";
    assert!(text.contains(guard), "{text}");
    let route =
        "\n[NextHop]\nId=7200\nGateway=fd00:1::a\n\n[Route]\nDestination=0.0.0.0/0\nNextHop=7200\n\
                 Table=7200\nProtocol=72\n\n[Route]\nDestination=::/0\n";
    assert!(text.contains(route), "{text}");
    let rest: Vec<_> = files[1..].iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(rest, ["sysctl.conf", "iptables.rules", "ip6tables.rules"]);
}
