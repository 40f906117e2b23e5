// SPDX-License-Identifier: GPL-2.0-only

//! The account: the gateways that saw each flow, compared with the gateway of its mark.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use anyhow::{bail, ensure, Result};
use hmark_cli::chi_square::ChiSquare;

use crate::capture::Sightings;
use crate::cluster::Cluster;
use crate::flow::{Flow, Kind};

/// Maximum number of misdelivered flows to show.
const SHOWN: usize = 5;

/// The index of the gateways' interface to selectors, in the order in which clusters capture them.
const FROM_SELECTORS: usize = 0;

/// The packets of one flow that gateways saw.
#[derive(Clone, Default)]
pub struct Seen {
    /// The gateways of the packets from selectors, and of those from the other side.
    pub forth: BTreeSet<usize>,
    pub back: BTreeSet<usize>,
    /// The selectors that packets came through.
    pub selectors: BTreeSet<usize>,
    pub packets: u64,
}

impl Seen {
    /// Whether gateway `home` alone saw the flow, in both directions.
    pub fn is_at(&self, home: usize) -> bool {
        let home = BTreeSet::from([home]);
        self.forth == home && self.back == home
    }

    /// Whether the flow came back through another gateway than it went forth by.
    pub fn strays(&self) -> bool {
        !self.back.is_subset(&self.forth)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} forth and {:?} back", self.forth, self.back)
    }
}

/// The packets of some kinds that gateways saw, by flow.
pub fn seen(
    cluster: &Cluster,
    flows: &[Flow],
    sightings: &Sightings,
    kind: impl Fn(Kind) -> bool,
) -> Vec<Seen> {
    let places: HashMap<_, _> = flows.iter().copied().zip(0..).collect();
    let mut seen = vec![Seen::default(); flows.len()];
    for (sighting, packets) in sightings.iter().filter(|(sighting, _)| kind(sighting.kind)) {
        let is_forth = sighting.interface == FROM_SELECTORS;
        // An error quotes a packet of the other direction.
        let is_of_client = is_forth != (sighting.kind == Kind::Error);
        let flow = match is_of_client {
            true => sighting.flow,
            false => sighting.flow.reversed(),
        };
        let Some(place) = places.get(&flow) else {
            continue;
        };
        let seen: &mut Seen = &mut seen[*place];
        seen.packets += packets;
        if !is_forth {
            seen.back.insert(sighting.host);
            continue;
        }
        seen.forth.insert(sighting.host);
        let is_sender = |sender: &[u8; 6]| *sender == sighting.sender;
        // A packet from an unknown sender came through no selector, which shows in `selectors`.
        seen.selectors
            .extend(cluster.senders.iter().position(is_sender));
    }
    seen
}

/// The gateways that flows went to.
pub struct Account {
    title: String,
    seen: Vec<Seen>,
    /// The number of correctly delivered flows, by gateway.
    pub delivered: Vec<usize>,
    wrong: Vec<String>,
    selectors: usize,
}

impl Account {
    /// Compares the gateways that saw `flows` with those that the rule selects.
    ///
    /// # Errors
    /// If there are no flows, or a flow has the mark of no gateway.
    pub fn of(cluster: &Cluster, flows: &[Flow], sightings: &Sightings) -> Result<Self> {
        Self::routed(cluster, flows, sightings, |gateway| gateway)
    }

    /// Like [`Self::of`], where the route of a mark leads to another gateway than its own.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn routed(
        cluster: &Cluster,
        flows: &[Flow],
        sightings: &Sightings,
        route: impl Fn(usize) -> usize,
    ) -> Result<Self> {
        let Some(first) = flows.first() else {
            bail!("an account of no flows");
        };
        let mut account = Self {
            title: format!("{} over {}", first.transport, first.family()),
            seen: seen(cluster, flows, sightings, |_| true),
            delivered: vec![0; cluster.gateways.len()],
            wrong: Vec::new(),
            selectors: cluster.selectors.len(),
        };
        for (flow, seen) in flows.iter().zip(&account.seen) {
            let gateway = route(cluster.marking.home(flow)?);
            match seen.is_at(gateway) && !seen.selectors.is_empty() {
                true => account.delivered[gateway] += 1,
                false => account.wrong.push(format!(
                    "{flow}: its mark says {}, seen by {seen}",
                    cluster.gateways[gateway].name()
                )),
            }
        }
        Ok(account)
    }

    /// The kind of flows in the account.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Checks that no flow was misdelivered.
    ///
    /// # Errors
    /// If one was.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.wrong.is_empty(),
            "{} of {} flows misdelivered: {}",
            self.wrong.len(),
            self.seen.len(),
            self.wrong[..self.wrong.len().min(SHOWN)].join("; ")
        );
        Ok(())
    }

    /// Checks that each flow came through all selectors.
    ///
    /// # Errors
    /// If one did not.
    pub fn check_selectors(&self) -> Result<()> {
        let (fewest, all) = (self.selectors_of_each(), self.selectors);
        ensure!(
            fewest == all,
            "a flow came through {fewest} of {all} selectors"
        );
        Ok(())
    }

    /// The gateways of each flow.
    pub fn places(&self) -> impl Iterator<Item = BTreeSet<usize>> + '_ {
        self.seen.iter().map(|seen| &seen.forth | &seen.back)
    }

    /// The minimum number of selectors that a flow came through.
    fn selectors_of_each(&self) -> usize {
        let selectors = self.seen.iter().map(|seen| seen.selectors.len());
        selectors.min().unwrap_or(0)
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packets: u64 = self.seen.iter().map(|seen| seen.packets).sum();
        write!(
            f,
            "{}: {} flows, {} packets, each flow through {} of {} selectors; misdelivered: {}; {}",
            self.title,
            self.seen.len(),
            packets,
            self.selectors_of_each(),
            self.selectors,
            self.wrong.len(),
            ChiSquare::of(&self.delivered)
        )
    }
}
