// SPDX-License-Identifier: GPL-2.0-only

//! The other pages for operators, whose commands are for the same cluster.

use anyhow::Result;
use libtest_mimic::Trial;
use tests::note;
use tests::path;
use tests::trial::test;

use super::site::site;
use crate::tutorial::Tutorial;

const PAGES: [(&str, &str); 2] = [
    ("choosing", "docs/choosing.md"),
    ("troubleshooting", "docs/troubleshooting.md"),
];

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let trial = |(name, page)| test(&format!("{}_{name}", path!(play)), move || play(page));
    PAGES.map(trial).into()
}

/// Silences the server's answers to datagrams of the pages: the ICMP error about one datagram would
/// be reported to the next one from the same port, and blades have few ports.
const SILENCE: &str = "iptables -F INPUT; iptables -A INPUT -p udp --dport 9 -j DROP";

/// Plays a page from its first command to its last.
fn play(page: &str) -> Result<()> {
    let site = site()?;
    site.server.run(SILENCE)?;
    let page_read = Tutorial::read(page, "")?;
    for section in page_read.unplayed()? {
        page_read.play(&section, site.hosts())?;
    }
    note!("{page}: {} blocks of commands played", page_read.blocks());
    Ok(())
}
