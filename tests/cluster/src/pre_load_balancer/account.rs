// SPDX-License-Identifier: GPL-2.0-only

//! The account: the gateways that saw each flow, compared with the gateway of its mark.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use anyhow::{bail, ensure, Result};

use super::site::{Site, SELECTORS};
use crate::capture::Sightings;
use crate::flow::{Flow, Kind};
use crate::share::ChiSquare;

/// Maximum number of misdelivered flows to show.
const SHOWN: usize = 5;

/// Indices of the gateways' interfaces, in the order in which the site captures them.
const FROM_SELECTORS: usize = 0;
const FROM_BEHIND: usize = 1;

/// The packets of one flow that gateways saw.
#[derive(Clone, Default)]
pub struct Seen {
    /// The gateways of the packets from selectors, and of those from selector-s.
    pub forth: BTreeSet<usize>,
    pub back: BTreeSet<usize>,
    /// The selectors that packets came through.
    pub selectors: BTreeSet<usize>,
    pub packets: u64,
}

/// The packets of one kind that gateways saw, by flow.
pub fn seen(
    site: &Site,
    flows: &[Flow],
    sightings: &Sightings,
    kind: impl Fn(Kind) -> bool,
) -> Vec<Seen> {
    let places: HashMap<_, _> = flows.iter().copied().zip(0..).collect();
    let mut seen = vec![Seen::default(); flows.len()];
    for (sighting, packets) in sightings.iter().filter(|(sighting, _)| kind(sighting.kind)) {
        // An error quotes a packet of the other direction.
        let mut towards = sighting.flow;
        if sighting.kind == Kind::Error {
            towards = towards.reversed();
        }
        let (flow, is_forth) = match sighting.interface {
            FROM_SELECTORS => (towards, true),
            FROM_BEHIND => (towards.reversed(), false),
            _ => continue,
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
        let selector = site
            .senders
            .iter()
            .position(|sender| *sender == sighting.sender);
        // A packet from an unknown sender came through no selector, which shows in `selectors`.
        seen.selectors.extend(selector);
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
}

impl Account {
    /// Compares the gateways that saw `flows` with those that the rule selects.
    ///
    /// # Errors
    /// If there are no flows, or a flow has the mark of no gateway.
    pub fn of(site: &Site, flows: &[Flow], sightings: &Sightings) -> Result<Self> {
        Self::routed(site, flows, sightings, |gateway| gateway)
    }

    /// Like [`Self::of`], where the route of a mark leads to another gateway than its own.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn routed(
        site: &Site,
        flows: &[Flow],
        sightings: &Sightings,
        route: impl Fn(usize) -> usize,
    ) -> Result<Self> {
        let Some(first) = flows.first() else {
            bail!("an account of no flows");
        };
        let mut account = Self {
            title: format!("{} over {}", first.transport, first.family()),
            seen: seen(site, flows, sightings, |kind| kind == Kind::Whole),
            delivered: vec![0; site.size.gateways],
            wrong: Vec::new(),
        };
        for (flow, seen) in flows.iter().zip(&account.seen) {
            let gateway = route(site.marking.home(flow)?);
            let expected = BTreeSet::from([gateway]);
            match seen.forth == expected && seen.back == expected && !seen.selectors.is_empty() {
                true => account.delivered[gateway] += 1,
                false => account.wrong.push(format!(
                    "{flow}: its mark says gateway-{gateway}, seen by {:?} forth and {:?} back",
                    seen.forth, seen.back
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

    /// Checks that gateways have roughly equal shares.
    ///
    /// # Errors
    /// If a uniform hash would rarely spread flows so unevenly.
    pub fn check_share(&self) -> Result<()> {
        ChiSquare::check(&self.delivered).map(drop)
    }

    /// The gateways of each flow.
    pub fn places(&self) -> impl Iterator<Item = BTreeSet<usize>> + '_ {
        self.seen.iter().map(|seen| &seen.forth | &seen.back)
    }

    /// The minimum number of selectors that a flow came through.
    pub fn selectors_of_each(&self) -> usize {
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
            SELECTORS.len(),
            self.wrong.len(),
            ChiSquare::of(&self.delivered)
        )
    }
}
