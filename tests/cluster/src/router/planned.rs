// SPDX-License-Identifier: GPL-2.0-only

//! A router whose marks the page's plan sets up passes the tests of the one that is set up by hand.

use std::sync::Arc;

use anyhow::{ensure, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::trial::on_uml;
use testbed::trials;

use super::lines;
use super::site::site;
use crate::host::{one, Host};
use crate::planned::planned;
use crate::stage::Stage;
use crate::tutorial::Tutorial;

/// The page, and those of its sections that show no numbers of single marks.
const PAGE: &str = "docs/router.md";
const SECTIONS: [&str; 2] = ["Connections from outside", "A line with a smaller MTU"];

/// Takes away the rule that the page needs for marks of packets that come back, which the plan leaves
/// without one; and connections, whose marks are those of the page.
const WITHOUT: &str = "
    for family in -4 -6; do ip $family rule del pref 100; done
    conntrack -F 2> /dev/null
    ";

/// The same as before.
const AGAIN: &str = "
    for family in -4 -6; do
        ip $family rule add pref 100 lookup main suppress_prefixlength 0
    done
    conntrack -F 2> /dev/null
    ";

/// Takes away a chain of the sections, which the host may not have had.
const NO_FORWARD: &str = "
    for tables in iptables ip6tables; do
        $tables -t mangle -F FORWARD
        $tables -t mangle -X FORWARD
    done
    ";

/// Opens connections, and counts them by the address that the web server sees: on the client one from each
/// of its addresses, on the router itself one from each port.
const CLIENT: &str = "
    for i in $(seq 101 130); do
        curl -s -m 60 --interface 10.4.0.$i --local-port 2001 http://203.0.113.80/
        curl -s -m 60 --interface fd00:4::$i --local-port 2001 'http://[2001:db8:f::80]/'
    done | sort | uniq -c
    ";
const ROUTER: &str = "
    for port in $(seq 2001 2030); do
        curl -s -m 60 --local-port $port http://203.0.113.80/
        curl -s -m 60 --local-port $port 'http://[2001:db8:f::80]/'
    done | sort | uniq -c
    ";

/// Connections of each family that each of them opens.
const CONNECTIONS: usize = 30;

/// Moves line A's marks to line B, as the plan's own comments say of nexthops of each family, and back.
const FAILED: &str = "
    ip nexthop replace id 7200 via 198.51.100.1 dev line-b proto 72
    ip nexthop replace id 8200 via 2001:db8:b::1 dev line-b proto 72
    ";
const REPAIRED: &str = "
    ip nexthop replace id 7200 via 192.0.2.1 dev line-a proto 72
    ip nexthop replace id 8200 via 2001:db8:a::1 dev line-a proto 72
    ";

/// The addresses of the lines, IPv4 and IPv6.
const LINE_A: [&str; 2] = ["192.0.2.2", "2001:db8:a::2"];
const LINE_B: [&str; 2] = ["198.51.100.2", "2001:db8:b::2"];

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![on_uml(delivers)]
}

fn delivers() -> Result<()> {
    let site = site()?;
    let router = one(&site.hosts, "router")?;
    let file = site.tutorial.file_of(&router)?.to_owned();
    router.run(WITHOUT)?;
    let delivered = planned(&[(Arc::clone(&router), file)], || pass(site, &router));
    router.run(AGAIN)?;
    delivered
}

/// The tests of the router by hand.
fn pass(site: &Stage, router: &Host) -> Result<()> {
    for family in Family::ALL {
        lines::check(site, family)?;
    }
    let client = one(&site.hosts, "client")?;
    for (host, script) in [(&*client, CLIENT), (router, ROUTER)] {
        let counts = counts(host, script)?;
        let of = |line: [&str; 2]| line.map(|address| count(&counts, address));
        let (a, b) = (of(LINE_A), of(LINE_B));
        for (a, b) in a.into_iter().zip(b) {
            ensure!(
                a + b == CONNECTIONS && a > b && b > 0,
                "{}: {a} by line A, {b} by line B: {counts:?}",
                host.name()
            );
        }
    }
    // The page's own test plays its sections once more, for the router by hand.
    let page = Tutorial::read(PAGE, "")?;
    for section in SECTIONS {
        page.play(section, &site.hosts)?;
    }
    router.run(NO_FORWARD)?;
    router.run(FAILED)?;
    router.run("conntrack -F 2> /dev/null")?;
    let failed = counts(&client, CLIENT)?;
    router.run(REPAIRED)?;
    ensure!(
        LINE_B
            .iter()
            .all(|address| count(&failed, address) == CONNECTIONS),
        "line A has failed, and connections take {failed:?}"
    );
    note!("a router set up by hmark plan passes the tests of the one set up by hand");
    Ok(())
}

/// The lines of `uniq -c`: numbers and addresses.
fn counts(host: &Host, script: &str) -> Result<Vec<(usize, String)>> {
    let printed = host.run(script)?;
    let lines = printed.lines().map(|line| {
        let line = line.trim();
        let (count, address) = line.split_once(' ').unwrap_or((line, ""));
        Ok((count.parse()?, address.to_owned()))
    });
    lines.collect()
}

fn count(counts: &[(usize, String)], address: &str) -> usize {
    let found = counts.iter().find(|(_, seen)| seen == address);
    found.map_or(0, |(count, _)| *count)
}
