// SPDX-License-Identifier: GPL-2.0-only

//! An ICMP error about a translated packet comes back through the gateway of that packet's
//! connection.

use anyhow::{ensure, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::patience::wait;
use testbed::trial::families;
use testbed::trials;

use super::attempts::{self, Outcome};
use super::site::site;
use crate::account::{self, Account};
use crate::flow::Kind;

/// Seed of the flows, and how many there are.
const SEED: u64 = 0x6e61_7402;
const FLOWS: usize = 60;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![families(come_back)]
}

/// Sends datagrams to a port where nobody listens; the server answers each with a port unreachable.
fn come_back(family: Family) -> Result<()> {
    let site = site()?;
    let limits: &[_] = match family {
        Family::Ipv4 => &[
            ("ipv4/icmp_ratelimit", "0"),
            ("ipv4/icmp_msgs_per_sec", "100000"),
            ("ipv4/icmp_msgs_burst", "100000"),
        ],
        Family::Ipv6 => &[("ipv6/icmp/ratelimit", "0")],
    };
    for (limit, value) in limits {
        site.server.netns().sysctl(limit, value)?;
    }
    let flows = site.flows_to_nobody(family, FLOWS, SEED);
    site.cluster.capture.take()?;
    let mut attempts = site.attempt(&flows)?;
    wait("errors are missing", || {
        let mut outcomes = attempts::outcomes(&mut attempts).into_iter();
        Ok(outcomes.all(|outcome| outcome == Outcome::Refused))
    })?;
    let sightings = site.cluster.capture.take()?;
    let account = Account::of(&site.cluster, &flows, &sightings)?;
    account.check()?;
    let errors = account::seen(&site.cluster, &flows, &sightings, |kind| {
        kind == Kind::Error
    });
    ensure!(
        errors.iter().all(|seen| !seen.back.is_empty()),
        "something else than an error came back"
    );
    note!(
        "{family}: ICMP errors about {} connections, each by its gateway: {:?}",
        flows.len(),
        account.delivered
    );
    Ok(())
}
