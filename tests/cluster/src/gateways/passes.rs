// SPDX-License-Identifier: GPL-2.0-only

//! The gateways that each connection passed, in each direction.

use std::collections::{BTreeSet, HashMap};

use anyhow::{ensure, Result};

use super::site::{Site, GATEWAYS};
use crate::capture::{Sighting, Sightings};
use crate::flow::{Flow, Kind};

/// Maximum number of misdelivered connections to show.
const SHOWN: usize = 5;

/// Indices of the gateways' interfaces, in the order in which the site captures them.
const LEAVES: usize = 0;
const COMES_BACK: usize = 1;

/// The packets of one connection that gateways saw.
#[derive(Clone, Default)]
pub struct Passes {
    pub out: BTreeSet<usize>,
    pub back: BTreeSet<usize>,
    /// The selectors that the connection left through.
    pub selectors: BTreeSet<usize>,
    pub packets: u64,
    pub errors: u64,
}

impl Passes {
    /// The passes of each of `flows`.
    pub fn of(site: &Site, flows: &[Flow], sightings: &Sightings) -> Vec<Self> {
        let places: HashMap<_, _> = flows.iter().copied().zip(0..).collect();
        let mut passes = vec![Self::default(); flows.len()];
        for (sighting, packets) in sightings {
            let Some(place) = places.get(&as_it_left(sighting)) else {
                continue;
            };
            let seen: &mut Self = &mut passes[*place];
            seen.packets += packets;
            seen.errors += match sighting.kind {
                Kind::Error => *packets,
                _ => 0,
            };
            if sighting.interface == COMES_BACK {
                seen.back.insert(sighting.host);
                continue;
            }
            seen.out.insert(sighting.host);
            let sender = |sender: &[u8; 6]| *sender == sighting.sender;
            seen.selectors.extend(site.senders.iter().position(sender));
        }
        passes
    }

    /// Whether the connection came back through another gateway than it left by.
    pub fn strays(&self) -> bool {
        !self.back.is_empty() && !self.back.is_subset(&self.out)
    }
}

/// The flow that a packet belongs to, in the direction of its first packet.
fn as_it_left(sighting: &Sighting) -> Flow {
    let back = sighting.interface != LEAVES;
    // An error that comes back quotes a packet that left.
    match back && sighting.kind != Kind::Error {
        true => sighting.flow.reversed(),
        false => sighting.flow,
    }
}

/// The number of connections by gateway, if each gateway had both directions of exactly the
/// connections that the selectors' rule sends there.
///
/// # Errors
/// If a connection passed another gateway, or was not seen in both directions.
pub fn by_gateway(site: &Site, flows: &[Flow], passes: &[Passes]) -> Result<[usize; GATEWAYS]> {
    let mut counts = [0; GATEWAYS];
    let mut wrong = Vec::new();
    for (flow, passes) in flows.iter().zip(passes) {
        let gateway = site.marking.home(flow)?;
        let expected = BTreeSet::from([gateway]);
        match passes.out == expected && passes.back == expected && !passes.selectors.is_empty() {
            true => counts[gateway] += 1,
            false => wrong.push(format!(
                "{flow}: its mark says gateway {gateway}, it left by {:?} and came back by {:?}",
                passes.out, passes.back
            )),
        }
    }
    ensure!(
        wrong.is_empty(),
        "{} of {} connections misdelivered: {}",
        wrong.len(),
        flows.len(),
        wrong[..wrong.len().min(SHOWN)].join("; ")
    );
    Ok(counts)
}
