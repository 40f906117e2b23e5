// SPDX-License-Identifier: GPL-2.0-only

//! Load: many connections at once, for which selectors keep no state.

use std::fs;
use std::time::Instant;

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::module;
use testbed::note;
use testbed::patience::wait;
use testbed::trial::single;
use testbed::trials;

use super::site::{site, Site};
use crate::account::Account;
use crate::clients;
use crate::flow::{Flow, Transport};

/// Seed of the flows.
const SEED: u64 = 0x6c6f_6164;

/// Flows of one packet each, for each connection under load, and the minimum number with which a
/// table of flows would be noticed.
const FLOWS_PER_CONNECTION: usize = 4;
const FEWEST: usize = 8000;

/// Allowed growth of the kernel's memory while selectors pass packets: for each flow, less than an
/// entry takes in any table of flows; and the amount that comes and goes by itself.
const BYTES_PER_FLOW: usize = 16;
const BY_ITSELF: usize = 512 << 10;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![single(keeps_no_state_in_selectors, is_carried)]
}

/// TCP connections to the web servers, all open at once and each answered twice.
fn is_carried() -> Result<()> {
    let site = site()?;
    let flows = site.flows(Family::Ipv4, Transport::Tcp, site.size.load, SEED);
    let memory = |when: &str| -> Result<String> {
        let hmark = module::attribute("coresize");
        let tracked: u64 = site
            .all_selectors()
            .map(|selector| -> Result<u64> {
                let count = selector.run("cat /proc/sys/net/netfilter/nf_conntrack_count")?;
                Ok(count.trim().parse()?)
            })
            .sum::<Result<_>>()?;
        ensure!(tracked == 0, "selectors track {tracked} connections");
        let [slab, available] = ["Slab", "MemAvailable"].map(meminfo);
        let (slab, available) = (slab? >> 20, available? >> 20);
        Ok(format!(
            "| {when} | {hmark} | {tracked} | {slab} | {available} |\n"
        ))
    };
    let mut rows = memory("before")?;
    site.cluster.capture.take()?;
    let begun = Instant::now();
    let mut connections = clients::open_and_ask(&site.client, &flows)?;
    let opened = begun.elapsed().as_secs_f32();
    clients::ask(&mut connections).context("once all are open")?;
    rows += &memory("all open")?;
    let account = Account::of(&site.cluster, &flows, &site.cluster.capture.take()?)?;
    account.check()?;
    site.cluster.add_share("load", &account)?;
    drop(connections);
    rows += &memory("closed")?;
    note!(
        "load: {} connections at once, opened and answered in {opened:.1} s; {account}\n\n\
         | | bytes of xt_HMARK | connections tracked by selectors | Slab, MB | available, MB |\n\
         | --- | --: | --: | --: | --: |\n{rows}",
        flows.len(),
    );
    Ok(())
}

/// Checks that the kernel's memory does not grow when selectors forward datagrams of many flows to
/// gateways that drop them, so that nothing else could keep state. With connections tracked, it
/// does grow.
fn keeps_no_state_in_selectors() -> Result<()> {
    let site = site()?;
    let count = (site.size.load * FLOWS_PER_CONNECTION).max(FEWEST);
    for gateway in &site.cluster.gateways {
        gateway.run("iptables -t raw -A PREROUTING -i north -p udp -j DROP")?;
    }
    let result = measure(site, count);
    for gateway in &site.cluster.gateways {
        gateway.run("iptables -t raw -F PREROUTING")?;
    }
    let (stateless, tracked) = result?;
    let limit = (BY_ITSELF + count * BYTES_PER_FLOW) as isize;
    note!(
        "{count} flows through selectors: the kernel's memory grew by {} KB; \
         where selectors track connections, by {} KB",
        stateless >> 10,
        tracked >> 10
    );
    ensure!(stateless < limit, "memory grew by {stateless} bytes");
    ensure!(
        tracked > limit,
        "tracking took {tracked} bytes: this test sees nothing"
    );
    Ok(())
}

/// The growth of the kernel's memory in bytes, without and with connection tracking.
fn measure(site: &Site, count: usize) -> Result<(isize, isize)> {
    // Fills the caches of routes and neighbours first.
    grown_by(site, count / 4, SEED + 1)?;
    let stateless = grown_by(site, count, SEED + 2)?;
    for selector in site.all_selectors() {
        selector.run("iptables -A FORWARD -m conntrack --ctstate NEW")?;
        let netns = selector.netns();
        // Nothing is forgotten before memory is measured, however long it takes to send.
        netns.sysctl("netfilter/nf_conntrack_udp_timeout", "86400")?;
    }
    let tracked = grown_by(site, count, SEED + 3);
    for selector in site.all_selectors() {
        selector.run("conntrack -F 2> /dev/null; iptables -F FORWARD")?;
    }
    Ok((stateless, tracked?))
}

/// Sends one datagram of each of `count` flows, and returns the growth of the kernel's memory in
/// bytes once gateways have got all.
fn grown_by(site: &Site, count: usize, seed: u64) -> Result<isize> {
    let flows = site.flows(Family::Ipv4, Transport::Udp, count, seed);
    let before = meminfo("Slab")?;
    site.cluster.capture.take()?;
    site.client
        .netns()
        .enter(|| flows.iter().try_for_each(send))?;
    let mut packets = 0;
    // Packets that are captured and not read yet would count as well.
    wait("not all flows came to gateways", || {
        packets += site.cluster.capture.take()?.values().sum::<u64>();
        Ok(packets as usize >= count)
    })?;
    Ok(meminfo("Slab")? as isize - before as isize)
}

/// Sends a datagram from a temporary socket.
fn send(flow: &Flow) -> Result<()> {
    clients::bind(flow)?.send_to(b"question", &flow.destination.into())?;
    Ok(())
}

/// A line of `/proc/meminfo`, in bytes.
fn meminfo(name: &str) -> Result<usize> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found == name).then_some(value)
    });
    let value = line.with_context(|| format!("no {name} in /proc/meminfo"))?;
    let kilobytes = value.split_whitespace().next().context("no value")?;
    Ok(kilobytes.parse::<usize>()? << 10)
}
