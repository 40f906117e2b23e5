// SPDX-License-Identifier: GPL-2.0-only

//! A mixed cluster: one selector uses the kernel's own C module, and the others use ours. Both are
//! in the same kernel at once, the C module under another name; each flow passes all selectors. Of
//! ours, one has a rule of revision 1 whose options change nothing.

use std::fs;
use std::path::Path;

use anyhow::{bail, ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::family::{Commands, Family};
use testbed::install::{link_extensions, stock_extension};
use testbed::note;
use testbed::reference;
use testbed::trial::single;
use testbed::trials;

use super::site::{site, Site};
use crate::flow::Transport;

/// Gives a selector's rules an option of revision 1 that changes no mark: the cluster has not grown.
const REVISION_1: &str = "for tables in iptables ip6tables; do
        $tables-save -t mangle | sed 's/--hmark-mod \\([0-9]*\\)/& --hmark-from \\1/' | $tables-restore
    done
    iptables-save -t mangle | grep -q -e --hmark-from";

/// The folder with all extensions of iptables, and one for the C module's other name.
const EXTENSIONS: &str = "/tmp/hmark-cluster-extensions";

/// Seed of the flows.
const SEED: u64 = 0x6d69_7865;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![single(c_and_rust_selectors)]
}

fn c_and_rust_selectors() -> Result<()> {
    let site = site()?;
    reference::load()?;
    let stock = stock_extension();
    link_extensions(EXTENSIONS.as_ref(), &stock)?;
    fs::write(format!("{EXTENSIONS}/libxt_CMARK.so"), renamed(&stock)?)?;

    let changed = &site.cluster.selectors[..2];
    for selector in changed {
        selector
            .run("iptables-save -t mangle > /run/ours; ip6tables-save -t mangle > /run/ours6")?;
    }
    let result = Family::ALL
        .into_iter()
        .try_for_each(|family| replace(site, family))
        .and_then(|()| changed[1].run(REVISION_1).map(drop))
        .and_then(|()| deliver(site));
    for selector in changed {
        selector.run("iptables-restore /run/ours; ip6tables-restore /run/ours6")?;
    }
    result
}

/// The stock library, changed to the name of the renamed C target.
fn renamed(stock: &Path) -> Result<Vec<u8>> {
    let mut library = fs::read(stock)?;
    let name = b"\0HMARK\0";
    let places = library.windows(name.len()).enumerate();
    let places: Vec<_> = places.filter(|(_, bytes)| bytes == name).collect();
    let [(place, _)] = places.as_slice() else {
        bail!(
            "{} has its target's name {} times",
            stock.display(),
            places.len()
        );
    };
    let place = *place;
    library[place + 1] = b'C';
    Ok(library)
}

/// Makes the C module mark packets on the first selector, with the same rule.
fn replace(site: &Site, family: Family) -> Result<()> {
    let selector = &site.cluster.selectors[0];
    let iptables = family.iptables();
    let saved = selector.run(&format!("{iptables} -t mangle -S PREROUTING"))?;
    let rule = saved
        .lines()
        .find_map(|line| line.strip_prefix("-A PREROUTING "))
        .context("no rule to replace")?;
    let rule = rule.replace("-j HMARK", "-j CMARK");
    selector
        .run(&format!(
            "XTABLES_LIBDIR={EXTENSIONS} {iptables} -t mangle -R PREROUTING 1 {rule}"
        ))
        .map(drop)
}

/// Sends flows of all kinds, each through all selectors, and counts the packets that the C module
/// marked.
fn deliver(site: &Site) -> Result<()> {
    let mut flows = 0;
    for family in Family::ALL {
        for transport in Transport::ALL {
            let seed = SEED + transport as u64;
            let sent = site.flows(family, transport, site.size.flows / 2, seed);
            site.through_all_selectors(&sent)?;
            flows += sent.len();
        }
    }
    let mut by_c = 0;
    for family in Family::ALL {
        by_c += marked(site, family)?;
    }
    ensure!(
        by_c as usize >= flows,
        "the C module marked {by_c} packets of {flows} flows"
    );
    note!(
        "{flows} flows of TCP, UDP and SCTP through a selector with the C module, which \
         marked {by_c} packets, and two with ours, one of them by revision 1; misdelivered: 0"
    );
    Ok(())
}

/// The number of packets that the C module marked.
fn marked(site: &Site, family: Family) -> Result<u64> {
    let list = site.cluster.selectors[0].run(&format!(
        "XTABLES_LIBDIR={EXTENSIONS} {} -t mangle -L PREROUTING -vnx",
        family.iptables()
    ))?;
    let rule = list.lines().find(|line| line.contains(" CMARK "));
    let rule = rule.with_context(|| format!("the C module has no rule: {list}"))?;
    let packets = rule.split_whitespace().next().context("no counter")?;
    Ok(packets.parse()?)
}
