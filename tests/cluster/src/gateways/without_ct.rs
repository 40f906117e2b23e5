// SPDX-License-Identifier: GPL-2.0-only

//! Failures without `ct`: replies reach other gateways, which drop them.

use anyhow::{ensure, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::patience::wait;
use testbed::trial::single;
use testbed::trials;

use super::attempts::{self, Outcome};
use super::site::{site, Site};
use crate::account;
use crate::capture::Sightings;
use crate::flow::Transport;

/// Seed of the flows.
const SEED: u64 = 0x6e61_7403;

/// Maximum deviation of the number of strays from that of a uniform hash, in standard deviations.
const DEVIATIONS: f64 = 5.0;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![single(goes_astray)]
}

/// Takes `ct` out of the rules for as long as connections of each kind are counted.
fn goes_astray() -> Result<()> {
    let site = site()?;
    site.cluster.play("Without ct")?;
    let counted = [Transport::Tcp, Transport::Udp]
        .iter()
        .try_for_each(|transport| {
            let mut families = Family::ALL.into_iter();
            families.try_for_each(|family| count(site, *transport, family))
        });
    site.cluster.play("With ct again")?;
    counted
}

/// Checks that about two of three connections come back through another gateway, and that exactly
/// these fail.
fn count(site: &Site, transport: Transport, family: Family) -> Result<()> {
    let flows = site.flows_to_service(family, transport, site.flows, SEED);
    site.cluster.capture.take()?;
    let mut attempts = site.attempt(&flows)?;
    let mut sightings = Sightings::new();
    let mut strays = 0;
    wait("connections neither go astray nor work", || {
        for (sighting, packets) in site.cluster.capture.take()? {
            *sightings.entry(sighting).or_default() += packets;
        }
        let passes = account::seen(&site.cluster, &flows, &sightings, |_| true);
        strays = passes.iter().filter(|passes| passes.strays()).count();
        let outcomes = attempts::outcomes(&mut attempts);
        Ok(passes.iter().zip(outcomes).all(|(seen, outcome)| {
            let works = outcome == Outcome::Answered;
            !seen.back.is_empty() && works != seen.strays()
        }))
    })?;

    let (count, share) = (
        flows.len() as f64,
        1.0 - 1.0 / site.cluster.gateways.len() as f64,
    );
    let deviation = (count * share * (1.0 - share)).sqrt();
    ensure!(
        (strays as f64 - count * share).abs() < DEVIATIONS * deviation,
        "{strays} of {count} connections went astray"
    );
    note!(
        "{transport} over {family}, without ct: {strays} of {count} connections came back by \
         another gateway, the others were answered"
    );
    Ok(())
}
