// SPDX-License-Identifier: GPL-2.0-only

//! Rules are reloaded under traffic, and no packet goes without a mark meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use socket2::Socket;
use testbed::family::Family;
use testbed::note;
use testbed::patience::wait;
use testbed::trial::single;
use testbed::trials;

use super::site::{site, Site};
use crate::account;
use crate::capture::Sightings;
use crate::clients;
use crate::flow::{Flow, Kind, Transport};
use crate::host::Host;

const SECTION: &str = "Changing rules under traffic";

/// Seed of the flows.
const SEED: u64 = 0x7265_6c64;

/// Flows of each family, and the maximum number of times that the section is played.
const FLOWS: usize = 50;
const RELOADS: usize = 5;

/// Pause between two rounds of packets, one of each flow.
const PAUSE: Duration = Duration::from_millis(2);

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![single(leaves_no_packet_unmarked)]
}

/// Traps packets without a mark: they are routed by the main table, to a device that counts them.
const TRAP: &str = "
    ip link add unmarked type dummy
    ip link set unmarked up
    case $(uname -n) in
    selector-s)
        ip route add 10.64.0.0/16 dev unmarked
        ip -6 route add fd00:64::/32 dev unmarked
        ;;
    *)
        ip route add $VIP dev unmarked
        ip -6 route add $VIP6 dev unmarked
        ;;
    esac
    ";

/// The commands of a careless operator, which show that the trap works.
const CARELESS: &str = "
    iptables-save -t mangle > /run/careless
    iptables -t mangle -F PREROUTING
    iptables-restore /run/careless
    ";

fn leaves_no_packet_unmarked() -> Result<()> {
    let site = site()?;
    trapped(site, || reload_trapped(site))
}

/// Traps packets without a mark, on all selectors, as long as `work` goes on.
///
/// # Errors
/// Those of `work`, or if a trap cannot be set.
pub fn trapped(site: &Site, work: impl FnOnce() -> Result<()>) -> Result<()> {
    for selector in site.all_selectors() {
        let addresses = format!(
            "VIP={} VIP6={}\n",
            site.address(Family::Ipv4, Transport::Udp).ip(),
            site.address(Family::Ipv6, Transport::Udp).ip()
        );
        selector.run(&format!("{addresses}{TRAP}"))?;
    }
    let result = work();
    for selector in site.all_selectors() {
        selector.run("ip link del unmarked")?;
    }
    result
}

fn reload_trapped(site: &Site) -> Result<()> {
    let mut flows = Vec::new();
    for family in Family::ALL {
        flows.extend(site.flows(family, Transport::Udp, FLOWS, SEED));
    }
    let times = (site.size.flows / 40).clamp(1, RELOADS);
    let before = unmarked(site)?;
    site.cluster.capture.take()?;
    let sent = under_traffic(site, &flows, || {
        (0..times).try_for_each(|_| site.cluster.play(SECTION))
    })?;
    // Those that were sent last may still be under way.
    let mut sightings = Sightings::new();
    let (mut forth, mut caught) = (0, 0);
    let arrived = wait("packets are missing", || {
        caught = unmarked(site)? - before;
        for (sighting, packets) in site.cluster.capture.take()? {
            forth += match flows.contains(&sighting.flow) {
                true => packets,
                false => 0,
            };
            *sightings.entry(sighting).or_default() += packets;
        }
        Ok(forth + caught >= sent)
    });
    let seen = account::seen(&site.cluster, &flows, &sightings, |kind| {
        kind == Kind::Whole
    });
    for (flow, seen) in flows.iter().zip(&seen) {
        let home = site.cluster.marking.home(flow)?;
        ensure!(seen.is_at(home), "{flow}: of {home}, seen by {seen}");
    }
    ensure!(caught == 0, "{caught} packets without a mark");
    ensure!(
        forth == sent,
        "{sent} packets sent, {forth} came to gateways"
    );
    arrived?;

    let mut flushed = 0;
    while flushed == 0 {
        under_traffic(site, &flows, || {
            site.cluster.selectors[0].run(CARELESS).map(drop)
        })?;
        flushed = unmarked(site)? - before;
    }
    let reloads = times * site.all_selectors().count() * Family::ALL.len();
    note!(
        "{reloads} reloads on the selectors under {sent} packets: 0 without a mark, 0 lost \
         (and where rules are flushed first: {flushed} without a mark)"
    );
    Ok(())
}

/// Sends packets of all flows while `work` runs, and returns their number.
///
/// # Errors
/// Those of `work`, or if a packet cannot be sent.
pub fn under_traffic(
    site: &Site,
    flows: &[Flow],
    work: impl FnOnce() -> Result<()> + Send,
) -> Result<u64> {
    let done = AtomicBool::new(false);
    site.client.netns().enter(|| {
        let sockets: Vec<_> = flows.iter().map(open).collect::<Result<_>>()?;
        thread::scope(|scope| {
            let sender = scope.spawn(|| -> Result<u64> {
                let mut sent = 0;
                while !done.load(Ordering::Relaxed) {
                    for socket in &sockets {
                        socket.send(b"question").context("cannot send")?;
                        sent += 1;
                    }
                    thread::sleep(PAUSE);
                }
                Ok(sent)
            });
            let worked = work();
            done.store(true, Ordering::Relaxed);
            let sent = sender.join().expect("a panic ends the process");
            worked.and(sent)
        })
    })
}

fn open(flow: &Flow) -> Result<Socket> {
    let socket = clients::bind(flow)?;
    socket.connect(&flow.destination.into())?;
    Ok(socket)
}

/// The number of packets in all traps.
///
/// # Errors
/// If no traps are set.
pub fn unmarked(site: &Site) -> Result<u64> {
    let count = |selector: &Host| -> Result<u64> {
        let text = selector.run("cat /sys/class/net/unmarked/statistics/tx_packets")?;
        Ok(text.trim().parse()?)
    };
    site.all_selectors().map(count).sum()
}
