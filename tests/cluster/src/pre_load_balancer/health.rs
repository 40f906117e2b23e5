// SPDX-License-Identifier: GPL-2.0-only

//! keepalived looks after the gateways: one dies and returns without a hand, and its connections alone move;
//! two die at the same moment. `docs/keepalived.md`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{ensure, Result};
use libtest_mimic::Trial;
use testbed::command::run;
use testbed::family::Family;
use testbed::note;
use testbed::patience::wait;
use testbed::trial::on_uml;
use testbed::trials;

use super::site::{site, Site, NORTH, SOUTH};
use crate::changes::{Change, Live, Spread};
use crate::clients;
use crate::flow::Transport;
use crate::host::{named, Host};
use crate::outage::{self, Asked, Watch};
use crate::tutorial::Tutorial;

const PAGE: &str = "docs/keepalived.md";

/// Makes the folder that the package has: hosts had theirs before.
const SETTINGS: &str = "mkdir -p /etc/keepalived";

/// Seed of the flows.
const SEED: u64 = 0x6b65_6570;

/// The gateway of the page, and the one that dies with it later.
const DEAD: usize = 1;
const OTHER: usize = 2;

/// Flows of datagrams of each family: the fewest, and those for each gateway.
const FEWEST: usize = 25;
const EACH: usize = 3;

/// Ends keepalived, with all that it has in IPVS.
const STOP: &str = "
    pid=$(cat /run/keepalived.pid)
    kill $pid
    for look in $(seq 3000); do
        [ -e /proc/$pid ] || break
        sleep 0.1
    done
    if ipvsadm -Ln | grep FWM; then
        exit 1
    fi
    ";

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![on_uml(fails_over)]
}

fn fails_over() -> Result<()> {
    let site = site()?;
    install()?;
    let selectors = named(&site.cluster.hosts, "selector-*");
    let rules = all_rules(&selectors)?;
    let settings = format!("{SETTINGS}\nGATEWAYS={}", site.size.gateways);
    let page = Tutorial::read(PAGE, &settings)?;
    page.play("Set it up", &selectors)?;
    let result = one_dies(site, &selectors, &page).and_then(|()| two_die(site, &selectors));
    for selector in &selectors {
        selector.run(STOP)?;
    }
    result?;
    ensure!(
        all_rules(&selectors)? == rules,
        "the rules are not as they were"
    );
    page.play_rest(&selectors)
}

/// Puts keepalived and the tool where packages put them.
fn install() -> Result<()> {
    run(&format!("cp --archive {}/. /", handover::KEEPALIVED))?;
    run("ldconfig")?;
    run("install target/lab/release/hmark /usr/bin/hmark").map(drop)
}

/// A gateway dies under traffic, and comes back.
fn one_dies(site: &Site, selectors: &[Arc<Host>], page: &Tutorial) -> Result<()> {
    let cluster = &site.cluster;
    let mut flows = Vec::new();
    for family in Family::ALL {
        flows.extend(site.flows(family, Transport::Tcp, site.size.flows / 2, SEED));
    }
    let mut live = Live::begin(cluster, &[], &[NORTH, SOUTH], || {
        clients::open_and_ask(&site.client, &flows)
    })?;
    let before = live.places().to_vec();
    let begun = Spread {
        gateways: site.size.gateways,
        weights: Vec::new(),
    };
    let dead = Change {
        name: "one dies",
        gateway: DEAD,
        to: begun.with(&[(DEAD, 0)]),
    };
    let mut outage = Duration::ZERO;
    live.change(&dead, || {
        let (asked, died) = under_traffic(site, |watch| {
            let died = cut(site, &[DEAD])?;
            watch.wait_for(Instant::now(), |_| true)?;
            wait_for_weights(selectors, &format!("{DEAD}=0"))?;
            page.play("When a gateway dies", selectors)?;
            Ok(died)
        })?;
        outage = lost_alone(site, &asked, &[DEAD], died)?;
        Ok(())
    })?;
    let moved = before.iter().filter(|place| **place == DEAD).count();
    let places = live.places();
    let changed = before.iter().zip(places).filter(|(was, is)| was != is);
    ensure!(
        changed.count() == moved && moved > 0 && !places.contains(&DEAD),
        "not those of the dead gateway, {moved}, have moved"
    );
    let back = Change {
        name: "it returns",
        gateway: DEAD,
        to: begun,
    };
    live.change(&back, || {
        let (asked, returned) = under_traffic(site, |_| {
            let returned = Instant::now();
            mend(site, &[DEAD])?;
            wait_for_weights(selectors, "")?;
            Ok(returned)
        })?;
        lost_alone(site, &asked, &[DEAD], returned).map(drop)
    })?;
    ensure!(live.places() == before, "not all is as before");
    note!(
        "keepalived and {} gateways: one dies, its {moved} of {} connections alone move, and come back; \
         {:.1} s from its death to the last lost datagram of its flows; lost of others: 0\n\n{}",
        site.size.gateways,
        before.len(),
        outage.as_secs_f32(),
        live.table()
    );
    Ok(())
}

/// Two gateways die at the same moment, so that the tool is called twice at once: both are out.
fn two_die(site: &Site, selectors: &[Arc<Host>]) -> Result<()> {
    let both = [DEAD, OTHER];
    let mut outage = Duration::ZERO;
    for round in ["they die", "they return"] {
        let (asked, moment) = under_traffic(site, |watch| {
            let moment = if round == "they die" {
                let died = cut(site, &both)?;
                watch.wait_for(Instant::now(), |_| true)?;
                wait_for_weights(selectors, &format!("{DEAD}-{OTHER}=0"))?;
                died
            } else {
                let returned = Instant::now();
                mend(site, &both)?;
                wait_for_weights(selectors, "")?;
                returned
            };
            Ok(moment)
        })?;
        let lost = lost_alone(site, &asked, &both, moment)?;
        outage = outage.max(lost);
    }
    note!(
        "two of {} gateways die at the same moment: both are out on all selectors, and come back; \
         {:.1} s to the last lost datagram of their flows",
        site.size.gateways,
        outage.as_secs_f32()
    );
    Ok(())
}

/// Has datagrams of all gateways ask while `work` goes on, which returns a moment of it.
fn under_traffic(
    site: &Site,
    work: impl FnOnce(&Watch) -> Result<Instant> + Send,
) -> Result<(Vec<Asked>, Instant)> {
    let count = FEWEST.max(EACH * site.size.gateways);
    let mut flows = Vec::new();
    for family in Family::ALL {
        flows.extend(site.flows(family, Transport::Udp, count, SEED));
    }
    let mut moment = Instant::now();
    let asked = outage::during(&site.client, &flows, |watch| {
        moment = work(watch)?;
        Ok(())
    })?;
    Ok((asked, moment))
}

/// Checks that no flow of other gateways has lost anything, and returns how long those of `dead` did.
fn lost_alone(site: &Site, asked: &[Asked], dead: &[usize], since: Instant) -> Result<Duration> {
    let mut longest = Duration::ZERO;
    let mut of_the_dead = 0;
    for asked in asked {
        let home = site.cluster.marking.home(&asked.flow)?;
        if dead.contains(&home) {
            of_the_dead += 1;
            let last = asked
                .last_lost()
                .map(|last| last.saturating_duration_since(since));
            longest = longest.max(last.unwrap_or_default());
        } else {
            ensure!(
                asked.lost() == 0,
                "{}: of gateway-{home}, lost {} of {}",
                asked.flow,
                asked.lost(),
                asked.sent()
            );
        }
    }
    ensure!(of_the_dead > 0, "no flow is of gateways {dead:?}");
    Ok(longest)
}

/// Cuts gateways off, and returns the moment.
fn cut(site: &Site, gateways: &[usize]) -> Result<Instant> {
    let died = Instant::now();
    power(site, gateways, "down")?;
    Ok(died)
}

fn mend(site: &Site, gateways: &[usize]) -> Result<()> {
    power(site, gateways, "up")
}

fn power(site: &Site, gateways: &[usize], state: &str) -> Result<()> {
    for gateway in gateways {
        let gateway = &site.cluster.gateways[*gateway];
        for network in [NORTH, SOUTH] {
            site.cluster.switches.power(gateway, network, state)?;
        }
    }
    Ok(())
}

/// Waits until all HMARK rules of the selectors have these weights.
fn wait_for_weights(selectors: &[Arc<Host>], weights: &str) -> Result<()> {
    let wanted = match weights {
        "" => String::new(),
        weights => format!(" --hmark-weight {weights}"),
    };
    wait("selectors have other weights", || {
        for selector in selectors {
            let rules = rules(selector)?;
            let weights = rules
                .lines()
                .map(|line| match line.split_once(" --hmark-weight ") {
                    Some((_, weights)) => format!(" --hmark-weight {weights}"),
                    None => String::new(),
                });
            if !weights.into_iter().all(|own| own.trim_end() == wanted) {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

/// The HMARK rules of a selector, of both families.
fn rules(selector: &Host) -> Result<String> {
    let script =
        "for tables in iptables ip6tables; do $tables -t mangle -S; done | grep -e '-j HMARK'";
    selector.run(script)
}

fn all_rules(selectors: &[Arc<Host>]) -> Result<Vec<String>> {
    selectors.iter().map(|selector| rules(selector)).collect()
}
