// SPDX-License-Identifier: GPL-2.0-only

//! `docs/operation.md`, played under TCP connections on selectors that `hmark plan` sets up: in each step only
//! connections move that must, as many as the page says, and none breaks.

use std::sync::Arc;

use anyhow::{ensure, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::trial::on_uml;
use testbed::trials;

use super::growth::add;
use super::planned::{files, GATEWAYS};
use super::site::{site, Site, NORTH, SOUTH};
use crate::changes::{Change, Live, Spread};
use crate::clients;
use crate::flow::Transport;
use crate::host::Host;
use crate::planned::planned;
use crate::tutorial::Tutorial;

const PAGE: &str = "docs/operation.md";

/// Seed of the flows.
const SEED: u64 = 0x6f70_6572;

/// The gateway that the page adds, and the one that it drains, which then dies.
const ADDED: usize = 4;
const DRAINED: usize = 1;

/// A gateway that is dead, and one that is back.
const DIES: &str =
    "for tables in iptables ip6tables; do $tables -t raw -I PREROUTING -j DROP; done";
const RETURNS: &str =
    "for tables in iptables ip6tables; do $tables -t raw -D PREROUTING -j DROP; done";

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![on_uml(moves_what_must)]
}

fn moves_what_must() -> Result<()> {
    let site = site()?;
    if site.cluster.gateways.len() != GATEWAYS {
        note!("the page is about {GATEWAYS} gateways");
        return Ok(());
    }
    let added = [add(site, ADDED)?];
    planned(&files(site)?, || {
        for selector in site.all_selectors() {
            selector.run("cp /run/plan.toml /etc/hmark.toml")?;
        }
        operate(site, &added)
    })
}

/// Plays the page, section by section.
fn operate(site: &Site, added: &[Arc<Host>]) -> Result<()> {
    let cluster = &site.cluster;
    let page = Tutorial::read(PAGE, "")?;
    let mut live = Live::begin(cluster, added, &[NORTH, SOUTH], || {
        let of = |family| site.flows(family, Transport::Tcp, site.size.flows, SEED);
        let flows: Vec<_> = Family::ALL.into_iter().flat_map(of).collect();
        clients::open_and_ask(&site.client, &flows)
    })?;
    let begun = Spread {
        gateways: GATEWAYS,
        weights: Vec::new(),
    };
    let grown = Spread {
        gateways: GATEWAYS + 1,
        ..begun.clone()
    };
    let at_first = live.places().to_vec();
    let mut play = |sections: &[&str], name, gateway, to: &Spread| {
        let to = to.clone();
        let change = Change { name, gateway, to };
        live.change(&change, || {
            let mut sections = sections.iter();
            sections.try_for_each(|section| page.play(section, &cluster.hosts))
        })?;
        Ok::<_, anyhow::Error>(live.places().to_vec())
    };
    let with_all = play(&["Look", "Add a gateway"], "a fifth", ADDED, &grown)?;
    let drained = grown.with(&[(DRAINED, 0)]);
    play(&["Drain"], "one drained", DRAINED, &drained)?;
    let half = grown.with(&[(DRAINED, 50)]);
    play(&["Half a share"], "half a share", DRAINED, &half)?;
    let back = play(&["Bring it back"], "it is back", DRAINED, &grown)?;
    ensure!(back == with_all, "not all is as before the drain");
    cluster.gateways[DRAINED].run(DIES)?;
    let without = grown.with(&[(DRAINED, 0)]);
    play(&["Drain"], "one died", DRAINED, &without)?;
    cluster.gateways[DRAINED].run(RETURNS)?;
    let back = play(&["Bring it back"], "it is back", DRAINED, &grown)?;
    ensure!(back == with_all, "not all is as before the failure");
    let shrunk = play(&["Take a gateway away"], "the fifth is away", ADDED, &begun)?;
    ensure!(shrunk == at_first, "not all is as before the growth");
    page.play_rest(&cluster.hosts)?;
    let table = live.table();
    note!("{PAGE}:\n\n{table}");
    for row in table.lines() {
        // The number of answers is another one each time.
        let cells = row.trim_end_matches(" |").rsplit_once(" | ");
        let told = cells.is_some_and(|(cells, _)| page.text().contains(&format!("{cells} |")));
        ensure!(told, "{PAGE} does not say: {row}");
    }
    Ok(())
}
