// SPDX-License-Identifier: GPL-2.0-only

//! `hmark check` on a live host: nothing is found while it works, and each mistake is named once it is
//! made by the commands that an operator, or other software, would run.

use anyhow::{ensure, Result};
use hmark_cli::findings::{check, Report, CHECKS};
use hmark_cli::host::Host;
use libtest_mimic::Trial;
use testbed::command::run_with;
use testbed::netns::Netns;
use testbed::trial::single;
use testbed::{module, trials};

/// A mistake by its name, and the shell commands that make it.
type Mistake = (&'static str, &'static str);

/// A selector of the pre-load-balancer tutorial: interfaces, addresses, routes and neighbours.
const NETWORK: &str = "\
link add front type dummy
link add north type dummy
link set front up
link set north up
address add 192.0.2.1/24 dev front
address add 10.1.0.1/24 dev north
address add 2001:db8:f::1/64 dev front nodad
address add fd00:1::1/64 dev north nodad
route add default via 192.0.2.254
route add default via 2001:db8:f::254
";

const SYSCTLS: [(&str, &str); 5] = [
    ("ipv4/ip_forward", "1"),
    ("ipv6/conf/all/forwarding", "1"),
    ("ipv4/conf/all/rp_filter", "2"),
    ("ipv4/conf/front/rp_filter", "2"),
    ("ipv4/conf/north/rp_filter", "2"),
];

const RULE4: &str = "iptables -t mangle -A PREROUTING -d 198.51.100.1 -j HMARK \
    --hmark-tuple src,dst,sport,dport,proto --hmark-rnd 0xc175a3b8 --hmark-mod 4 --hmark-offset 100";
const RULE6: &str = "ip6tables -t mangle -A PREROUTING -d 2001:db8:100::1 -j HMARK \
    --hmark-tuple src,dst,sport,dport,proto --hmark-rnd 0xc175a3b8 --hmark-mod 4 --hmark-offset 100";

/// Every mistake that `hmark check` knows of a single host.
const MISTAKES: [Mistake; 38] = [
    ("mark-without-ip-rule", "ip rule del fwmark 102"),
    (
        "ip-rule-mask",
        "ip rule del fwmark 103; ip rule add fwmark 103/0xfc table 103",
    ),
    ("ip-rule-too-late", "ip rule add pref 5 table main"),
    (
        "ip-rule-of-others",
        "ip route add default via 10.1.0.10 table 51820; ip rule add pref 99 not fwmark 51820 table 51820",
    ),
    (
        "ip-rule-refuses",
        "ip rule del fwmark 101; ip rule add fwmark 101 blackhole",
    ),
    ("many-ip-rules", "for mark in $(seq 512 551); do ip rule add fwmark $mark table 100; done"),
    ("table-empty", "ip route flush table 101"),
    (
        "table-without-route",
        "ip route add 10.0.0.0/8 via 10.1.0.11 table 101; ip route del default table 101",
    ),
    ("table-unused", "ip -6 route add default via fd00:1::11 table 999"),
    (
        "table-refuses",
        "ip route flush table 102; ip route add unreachable default table 102",
    ),
    (
        "two-marks-one-table",
        "ip rule del fwmark 101; ip rule add fwmark 101 table 102",
    ),
    (
        "two-marks-one-gateway",
        "ip route replace default via 10.1.0.12 table 101",
    ),
    (
        "route-multipath",
        "ip route replace default table 102 nexthop via 10.1.0.12 nexthop via 10.1.0.10",
    ),
    (
        "gateway-failed",
        "ip neighbour replace 10.1.0.12 dev north nud failed",
    ),
    ("gateway-device-down", "ip link set north carrier off"),
    (
        "gateway-not-on-link",
        "ip route replace default via 10.9.0.12 dev north onlink table 102",
    ),
    ("gateway-own", "ip address add 10.1.0.12/24 dev north"),
    (
        "marks-of-others",
        "iptables -A FORWARD -m mark --mark 0x40/0x40 -j ACCEPT",
    ),
    ("mark-bits-shared", "iptables -t nat -N KUBE-MARK-MASQ"),
    (
        "mark-overwritten",
        "ip6tables -t mangle -A PREROUTING -j MARK --set-mark 7",
    ),
    (
        "mark-overwritten",
        "iptables -t mangle -A PREROUTING -j CONNMARK --restore-mark",
    ),
    (
        "rule-unreached",
        "iptables -t mangle -I PREROUTING -j ACCEPT",
    ),
    (
        "chain-unused",
        "iptables -t mangle -N own; iptables -t mangle -A own -j HMARK --hmark-tuple src,dst --hmark-mod 4 --hmark-offset 100",
    ),
    (
        "after-routing",
        "iptables -t mangle -A FORWARD -j HMARK --hmark-tuple src,dst --hmark-mod 4 --hmark-offset 100",
    ),
    (
        "ct-in-raw",
        "iptables -t raw -A PREROUTING -j HMARK --hmark-tuple ct,src,dst --hmark-mod 4 --hmark-offset 100",
    ),
    (
        "ct-not-tracked",
        "iptables -t mangle -A FORWARD -m conntrack --ctstate INVALID -j DROP; iptables -t mangle -A PREROUTING -i front -j HMARK --hmark-tuple ct,src,dst --hmark-mod 4 --hmark-offset 100; iptables -t raw -A PREROUTING -i front -j CT --notrack",
    ),
    (
        "ct-without-tracking",
        "iptables -t mangle -A PREROUTING -i front -j HMARK --hmark-tuple ct,src,dst --hmark-mod 4 --hmark-offset 100",
    ),
    (
        "source-translated",
        "iptables -t nat -A POSTROUTING -o front -j SNAT --to-source 192.0.2.1",
    ),
    ("fragments", "iptables -A FORWARD -p udp -f -j DROP"),
    (
        "mark-zero",
        "iptables -t mangle -R PREROUTING 1 -j HMARK --hmark-tuple src,dst --hmark-mod 4",
    ),
    (
        "one-sided-tuple",
        "iptables -t mangle -R PREROUTING 1 -j HMARK --hmark-tuple src --hmark-mod 4 --hmark-offset 100",
    ),
    (
        "single-mark",
        "iptables -t mangle -R PREROUTING 1 -j HMARK --hmark-tuple src,dst --hmark-mod 4 --hmark-offset 100 --hmark-weight 1-3=0",
    ),
    (
        "tuple-spreads-nothing",
        "iptables -t mangle -R PREROUTING 1 -j HMARK --hmark-tuple proto --hmark-mod 4 --hmark-offset 100",
    ),
    ("forwarding-off", "sysctl -q -w net.ipv4.ip_forward=0"),
    (
        "rp-filter-strict",
        "sysctl -q -w net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.north.rp_filter=1",
    ),
    (
        "rp-filter-valid-mark",
        "sysctl -q -w net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.front.rp_filter=1; sysctl -q -w net.ipv4.conf.all.src_valid_mark=1",
    ),
    ("twin-missing", "ip6tables -t mangle -F PREROUTING"),
    (
        "twin-different",
        "ip6tables -t mangle -R PREROUTING 1 -d 2001:db8:100::1 -j HMARK --hmark-rnd 7 --hmark-mod 4 --hmark-offset 100 \
         --hmark-tuple src,dst,sport,dport,proto",
    ),
];

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![single(names_each_mistake, knows_each_mistake)]
}

/// Makes a working host for each mistake, looks, makes the mistake, and looks again.
fn names_each_mistake() -> Result<()> {
    module::load_ours()?;
    for (name, commands) in MISTAKES {
        let netns = working_host()?;
        let report = netns.enter(|| Ok(check(&Host::live())))?;
        ensure!(
            report.findings.is_empty() && report.broken.is_empty() && report.missing.is_empty(),
            "on a host that works: {report:#?}"
        );
        netns.enter(|| run_with("sh -e", commands, &[]))?;
        let report = netns.enter(|| Ok(check(&Host::live())))?;
        ensure!(is_named(name, &report), "{name} is not found: {report:#?}");
        println!("{name}: {} findings in all", report.findings.len());
    }
    Ok(())
}

fn working_host() -> Result<Netns> {
    let netns = Netns::add("hmark-findings")?;
    netns.ip(NETWORK)?;
    for (key, value) in SYSCTLS {
        netns.sysctl(key, value)?;
    }
    netns.enter(|| {
        run_with("ip -batch -", &gateways("10.1.0.1"), &[])?;
        run_with("ip -6 -batch -", &gateways("fd00:1::1"), &[])
    })?;
    netns.run(RULE4)?;
    netns.run(RULE6)?;
    Ok(netns)
}

/// A rule, a route and a neighbour for each mark, in the family of the gateways' addresses, which begin
/// like this.
fn gateways(prefix: &str) -> String {
    let lines = (0..4).map(|i| {
        let (mark, gateway) = (100 + i, format!("{prefix}{i}"));
        format!(
            "rule add fwmark {mark} table {mark}\n\
             route add default via {gateway} table {mark}\n\
             neighbour add {gateway} lladdr 02:00:00:00:ff:01 dev north\n"
        )
    });
    lines.collect()
}

/// Whether the mistake is among the findings, with advice.
fn is_named(name: &str, report: &Report) -> bool {
    let mut findings = report.findings.iter();
    findings.any(|finding| finding.id == name && !finding.found.remedy.is_empty())
}

/// A mistake that is added to the tool is also made here.
fn knows_each_mistake() -> Result<()> {
    for check in &CHECKS {
        let is_made = MISTAKES.iter().any(|(name, _)| *name == check.id);
        ensure!(is_made, "no mistake here is called {}", check.id);
    }
    Ok(())
}
