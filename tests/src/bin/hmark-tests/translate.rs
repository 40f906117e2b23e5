// SPDX-License-Identifier: GPL-2.0-only

//! The translation of HMARK rules by iptables-translate, which nft must accept.

use std::fmt::Write;

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use tests::command::{run, run_with};
use tests::family::{Commands, Family};
use tests::netns::Netns;
use tests::note;
use tests::path;

use crate::trial::families;

/// Rules of both families: matches, HMARK options, and the translation. `IP` stands for the family,
/// `PROTO` for the field in which it has a packet's protocol.
const RULES: [[&str; 3]; 17] = [
    // Full 5-tuples.
    [
        "",
        "--hmark-mod 4 --hmark-offs 100",
        "counter meta mark set symhash mod 4 offset 100",
    ],
    [
        "-p tcp",
        "--hmark-mod 1 --hmark-tuple src,dst,sport,dport,proto --hmark-rnd 1",
        "PROTO tcp counter meta mark set symhash mod 1",
    ],
    [
        "-p udp --dport 53",
        "--hmark-mod 70 --hmark-offset 0",
        "udp dport 53 counter meta mark set symhash mod 70",
    ],
    [
        "",
        "--hmark-mod 4294967295 --hmark-offset 1",
        "counter meta mark set symhash mod 4294967295 offset 1",
    ],
    [
        "",
        "--hmark-mod 1 --hmark-offset 4294967295",
        "counter meta mark set symhash mod 1 offset 4294967295",
    ],
    // Other tuples.
    [
        "",
        "--hmark-mod 4 --hmark-tuple src",
        "counter meta mark set jhash IP saddr mod 4 seed 0xc175a3b8",
    ],
    [
        "",
        "--hmark-mod 4 --hmark-offset 7 --hmark-tuple dst --hmark-rnd 0",
        "counter meta mark set jhash IP daddr mod 4 seed 0x0 offset 7",
    ],
    [
        "",
        "--hmark-mod 1 --hmark-tuple proto --hmark-rnd 0xffffffff",
        "counter meta mark set jhash meta l4proto mod 1 seed 0xffffffff",
    ],
    [
        "",
        "--hmark-mod 4294967295 --hmark-offset 1 --hmark-tuple src,dst,proto --hmark-rnd 5",
        "counter meta mark set jhash IP saddr . IP daddr . meta l4proto mod 4294967295 seed 0x5 offset 1",
    ],
    [
        "-p tcp",
        "--hmark-mod 4 --hmark-tuple src,dst,sport --hmark-rnd 5",
        "PROTO tcp counter meta mark set jhash IP saddr . IP daddr . th sport mod 4 seed 0x5",
    ],
    [
        "-p tcp --dport 80",
        "--hmark-mod 4 --hmark-tuple sport,dport,proto --hmark-rnd 5",
        "tcp dport 80 counter meta mark set jhash th sport . th dport . meta l4proto mod 4 seed 0x5",
    ],
    [
        "-p udp",
        "--hmark-mod 4 --hmark-tuple src,dst,sport,dport --hmark-rnd 5",
        "PROTO udp counter meta mark set jhash IP saddr . IP daddr . th sport . th dport mod 4 seed 0x5",
    ],
    [
        "-p sctp",
        "--hmark-mod 4 --hmark-tuple dport --hmark-rnd 5",
        "PROTO sctp counter meta mark set jhash th dport mod 4 seed 0x5",
    ],
    [
        "-p dccp",
        "--hmark-mod 4 --hmark-sport-mask 0xff00 --hmark-dport-mask 1 --hmark-rnd 5",
        "PROTO dccp counter meta mark set jhash th sport & 0xff00 . th dport & 0x0001 mod 4 seed 0x5",
    ],
    [
        "-p udplite",
        "--hmark-mod 4 --hmark-tuple src --hmark-dport-mask 0xfff0 --hmark-rnd 5",
        "PROTO udplite counter meta mark set jhash IP saddr . th dport & 0xfff0 mod 4 seed 0x5",
    ],
    [
        "-p esp",
        "--hmark-mod 4 --hmark-tuple spi --hmark-rnd 5",
        "PROTO esp counter meta mark set jhash esp spi mod 4 seed 0x5",
    ],
    [
        "-p esp",
        "--hmark-mod 4 --hmark-rnd 5",
        "PROTO esp counter meta mark set jhash IP saddr . IP daddr . esp spi . meta l4proto mod 4 seed 0x5",
    ],
];

/// Rules that are only for IPv4.
const IPV4: [[&str; 3]; 3] = [
    [
        "-p ah",
        "--hmark-mod 4 --hmark-tuple src,dst,spi --hmark-rnd 5",
        "ip protocol ah counter meta mark set jhash ip saddr . ip daddr . ah spi mod 4 seed 0x5",
    ],
    [
        "",
        "--hmark-mod 4 --hmark-src-prefix 24 --hmark-dst-prefix 9 --hmark-rnd 5",
        "counter meta mark set jhash ip saddr & 255.255.255.0 . ip daddr & 255.128.0.0 mod 4 seed 0x5",
    ],
    [
        "-p tcp",
        "--hmark-mod 4 --hmark-src-prefix 0 --hmark-tuple dst,sport --hmark-rnd 5",
        "ip protocol tcp counter meta mark set jhash ip daddr . th sport mod 4 seed 0x5",
    ],
];

/// Rules that are only for IPv6.
const IPV6: [[&str; 3]; 3] = [
    [
        "",
        "--hmark-mod 4 --hmark-src-prefix 64 --hmark-dst-prefix 1 --hmark-rnd 5",
        "counter meta mark set jhash ip6 saddr & ffff:ffff:ffff:ffff:: . ip6 daddr & 8000:: mod 4 seed 0x5",
    ],
    [
        "",
        "--hmark-mod 4 --hmark-src-prefix 127 --hmark-rnd 5",
        "counter meta mark set jhash ip6 saddr & ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe mod 4 seed 0x5",
    ],
    [
        "-p tcp",
        "--hmark-mod 4 --hmark-src-prefix 0 --hmark-tuple dst,sport --hmark-rnd 5",
        "meta l4proto tcp counter meta mark set jhash ip6 daddr . th sport mod 4 seed 0x5",
    ],
];

/// Rules that nft has no equivalent of: matches and HMARK options.
const DECLINED: [[&str; 2]; 18] = [
    // Connections.
    ["", "--hmark-mod 4 --hmark-tuple ct,src,dst"],
    [
        "",
        "--hmark-mod 4 --hmark-tuple ct,src,dst,sport,dport,proto",
    ],
    // Set bits.
    [
        "",
        "--hmark-mod 4 --hmark-tuple src,dst,sport,dport,proto --hmark-sport 1",
    ],
    [
        "-p tcp",
        "--hmark-mod 4 --hmark-tuple src,dport --hmark-dport 0x8000",
    ],
    [
        "-p esp",
        "--hmark-mod 4 --hmark-tuple src,dst,spi --hmark-spi 1",
    ],
    // Masked protocols and SPIs.
    [
        "",
        "--hmark-mod 4 --hmark-tuple src,dst --hmark-proto-mask 0x0f",
    ],
    [
        "-p esp",
        "--hmark-mod 4 --hmark-tuple src,dst --hmark-spi-mask 0xffff0000",
    ],
    ["-p esp", "--hmark-mod 4 --hmark-tuple src,dst,sport"],
    // Ports or SPIs for a protocol that may have none.
    ["", "--hmark-mod 4 --hmark-tuple src,dst,sport"],
    ["", "--hmark-mod 4 --hmark-tuple src,dst,sport,dport"],
    [
        "! -p tcp",
        "--hmark-mod 4 --hmark-tuple src,dst,sport,dport",
    ],
    ["-p gre", "--hmark-mod 4 --hmark-tuple src,sport"],
    ["", "--hmark-mod 4 --hmark-tuple src,dst,spi"],
    ["", "--hmark-mod 4 --hmark-tuple src,dst,spi,proto"],
    // Nothing to hash.
    ["", "--hmark-mod 4 --hmark-src-prefix 0"],
    ["", "--hmark-mod 4 --hmark-proto-mask 0xff00"],
    // Marks that wrap.
    ["", "--hmark-mod 4294967295 --hmark-offset 2"],
    [
        "",
        "--hmark-mod 4 --hmark-offset 4294967293 --hmark-tuple src",
    ],
];

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let mut trials = families(path!(translated), translated);
    trials.extend(families(path!(declined), declined));
    trials
}

/// Each rule has its translation, and nft and the kernel accept them all.
fn translated(family: Family) -> Result<()> {
    let (own, [table, proto]) = match family {
        Family::Ipv4 => (IPV4, ["ip", "ip protocol"]),
        Family::Ipv6 => (IPV6, ["ip6", "meta l4proto"]),
    };
    let mut file = format!(
        "add table {table} mangle\n\
         add chain {table} mangle PREROUTING {{ type filter hook prerouting priority mangle; }}\n"
    );
    let rules = RULES.iter().chain(&own);
    for [matches, options, nft] in rules.clone() {
        let nft = nft.replace("PROTO", proto).replace("IP", table);
        let rule = format!("add rule {table} mangle PREROUTING {nft}");
        let printed = translate(family, matches, options)?;
        ensure!(
            printed == format!("nft '{rule}'\n"),
            "{matches} {options}: expected '{rule}', printed {printed}"
        );
        writeln!(file, "{rule}")?;
    }
    let netns = Netns::add("hmark-translate")?;
    netns
        .enter(|| run_with("nft -c -f -", &file, &[]))
        .context("nft refuses a translation")?;
    note!("{family}: {} rules translated for nft", rules.count());
    Ok(())
}

/// A rule that nft has no equivalent of is printed as a comment, as usual for iptables-translate.
fn declined(family: Family) -> Result<()> {
    for [matches, options] in DECLINED {
        let printed = translate(family, matches, options)?;
        ensure!(
            printed.starts_with("nft # -t mangle -A PREROUTING ") && printed.lines().count() == 1,
            "{matches} {options} is not declined: {printed}"
        );
    }
    Ok(())
}

fn translate(family: Family, matches: &str, options: &str) -> Result<String> {
    let translate = format!("{}-translate -t mangle", family.iptables());
    run(&format!(
        "{translate} -A PREROUTING {matches} -j HMARK {options}"
    ))
}
