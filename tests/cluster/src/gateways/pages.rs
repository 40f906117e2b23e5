// SPDX-License-Identifier: GPL-2.0-only

//! The other pages for operators, whose commands are for the same cluster, and for the router.

use anyhow::Result;
use libtest_mimic::Trial;
use testbed::path;
use testbed::trial::test;

use super::site::site;
use crate::router;
use crate::tutorial::Tutorial;

const PAGES: [(&str, &str, &str); 2] = [
    ("choosing", "docs/choosing.md", PING),
    ("troubleshooting", "docs/troubleshooting.md", TRACING),
];

/// Defines `ping`, as the lab has only that of busybox.
const PING: &str = r#"ping() { busybox ping "$@"; }"#;

/// Makes the page's commands that trace a packet wait as long as it takes on a slow machine, or as
/// short on a fast one: first until `nft` listens (to the group of traces, in hexadecimal), and
/// then until it has written down where the packet went last.
const TRACING: &str = r#"
    timeout() {
        shift
        exec timeout 3600 "$@"
    }
    sleep() {
        for look in $(seq 3000); do
            if [ -e /run/listens ]; then
                ! grep -q 'FORWARD.*policy' /run/trace || return 0
            elif grep -q ' 00000100 ' /proc/net/netlink; then
                touch /run/listens
                return 0
            fi
            command sleep 0.1
        done
    }"#;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let trial = |(name, page, settings)| {
        test(&format!("{}_{name}", path!(play)), move || {
            play(page, settings)
        })
    };
    PAGES.map(trial).into()
}

/// Silences the server's answers to datagrams of the pages, and to those in a tunnel: the ICMP error
/// about one datagram would be reported to the next one from the same port, and blades have few ports.
const SILENCE: &str = "iptables -F INPUT; iptables -A INPUT -p udp --dport 9 -j DROP
    iptables -A INPUT -p gre -j DROP";

/// Plays a page from its first command to its last.
fn play(page: &str, settings: &str) -> Result<()> {
    let site = site()?;
    site.server.run(SILENCE)?;
    let hosts = [&*site.cluster.hosts, &*router::site()?.hosts].concat();
    Tutorial::read(page, settings)?.play_rest(&hosts)
}
