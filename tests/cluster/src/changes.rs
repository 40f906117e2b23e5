// SPDX-License-Identifier: GPL-2.0-only

//! Changes of the selectors' rules under live connections: as many move as must, no other one
//! moves, and none breaks.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use hmark::rule::v1::{self, flag, FULL_WEIGHT};
use hmark_cli::chi_square::ChiSquare;
use testbed::family::Family;

use crate::account;
use crate::clients::{self, Connection};
use crate::cluster::Cluster;
use crate::flow::Flow;
use crate::host::Host;

/// The greatest deviation of the number of connections that move from the one that must, in standard
/// deviations: a uniform hash exceeds it once in a thousand times. The flows are the same in every
/// run, so a run does not fail by chance.
const DEVIATIONS: f64 = 3.29;

/// The fewest connections for each gateway of which the chi-square test says anything.
const FEWEST: usize = 5;

/// Pause between two questions of all connections, in which their packets are read.
const PAUSE: Duration = Duration::from_millis(100);

/// Decides a gateway's share of all connections.
#[derive(Clone)]
pub struct Spread {
    /// The number of gateways that have a mark: `--hmark-mod`.
    pub gateways: usize,
    /// The gateways whose weights are not 100, and these: `--hmark-weight`.
    pub weights: Vec<(usize, u8)>,
}

/// A change of the rules, for which one gateway gets more or fewer connections.
pub struct Change {
    /// Names the change in the table.
    pub name: &'static str,
    pub gateway: usize,
    /// What is so afterwards.
    pub to: Spread,
}

/// Open connections, each of which goes through one gateway.
pub struct Live<'c> {
    cluster: &'c Cluster,
    /// Those of the cluster, and those that are added.
    gateways: Vec<Arc<Host>>,
    connections: Vec<Connection>,
    spread: Spread,
    /// The gateway of each connection.
    places: Vec<usize>,
    rows: String,
}

impl Live<'_> {
    /// Finds the gateways of connections that `open` opens. The cluster has gateways `added` on
    /// whose interfaces, `heard`, nothing comes in yet.
    ///
    /// # Errors
    /// If a connection does not open, or does not go where its mark says.
    pub fn begin<'c>(
        cluster: &'c Cluster,
        added: &[Arc<Host>],
        heard: &[&str],
        open: impl FnOnce() -> Result<Vec<Connection>>,
    ) -> Result<Live<'c>> {
        let gateways = [&cluster.gateways, added].concat();
        // Those that another test added are gone.
        cluster.capture.keep(cluster.gateways.len());
        for host in added {
            cluster.capture.add(host, heard)?;
        }
        let mut live = Live {
            cluster,
            gateways,
            connections: open()?,
            spread: Spread {
                gateways: cluster.gateways.len(),
                weights: Vec::new(),
            },
            places: Vec::new(),
            rows: String::new(),
        };
        live.places = live.look()?;
        Ok(live)
    }

    /// Has all connections ask, over and over, while `work` changes the rules, and once more
    /// afterwards. Checks that only connections of the changed gateway have moved, and about as many
    /// as its share grew or shrank by.
    ///
    /// # Errors
    /// If another one moved, far more or fewer moved, one broke, or one is not where its mark says.
    pub fn change(&mut self, change: &Change, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let name = change.name;
        let rounds = self.asking(work).context(name)?;
        let grown = change.to.share(change.gateway) - self.spread.share(change.gateway);
        self.spread = change.to.clone();
        let places = self.look().context(name)?;

        let all = places.len();
        let moves = self.places.iter().zip(&places);
        let moves: Vec<_> = moves.filter(|(before, now)| before != now).collect();
        let needless = moves.iter().filter(|(before, now)| {
            let needed = if grown > 0.0 { now } else { before };
            **needed != change.gateway
        });
        let (moved, needless) = (moves.len(), needless.count());
        let expected = all as f64 * grown.abs();
        self.rows += &format!(
            "| {name} | {all} | {expected:.0} | {moved} | {needless} | 0 | {} |\n",
            rounds * all
        );
        ensure!(
            needless == 0,
            "{name}: {needless} of {all} moved needlessly"
        );
        let deviation = (expected * (1.0 - grown.abs())).sqrt();
        ensure!(
            (moved as f64 - expected).abs() <= DEVIATIONS * deviation,
            "{name}: {moved} of {all} moved, not {expected:.0} +- {deviation:.0}"
        );
        // Where the others come from, or go to.
        let mut others = vec![0; self.gateways.len()];
        for (before, now) in moves {
            others[if grown > 0.0 { *before } else { *now }] += 1;
        }
        let count = others[change.gateway];
        ensure!(count == 0, "{name}: {count} moved both ways");
        let full = |gateway: &usize| {
            *gateway != change.gateway && self.spread.weight(*gateway) == f64::from(FULL_WEIGHT)
        };
        let others: Vec<_> = (0..others.len())
            .filter(full)
            .map(|gateway| others[gateway])
            .collect();
        if moved >= FEWEST * others.len() {
            ChiSquare::check(&others).context(name)?;
        }
        self.places = places;
        Ok(())
    }

    /// The gateway of each connection.
    pub fn places(&self) -> &[usize] {
        &self.places
    }

    /// What each change did, in Markdown. A broken connection has failed the test already.
    pub fn table(&self) -> String {
        format!(
            "| change | connections | must move | moved | needlessly | broken | answers meanwhile |\n\
             | --- | --: | --: | --: | --: | --: | --: |\n{}",
            self.rows
        )
    }

    /// Has all connections ask while `work` goes on, and returns how often each was answered.
    fn asking(&mut self, work: impl FnOnce() -> Result<()>) -> Result<usize> {
        let connections = &mut self.connections;
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let asker = scope.spawn(|| -> Result<usize> {
                let mut rounds = 0;
                while !done.load(Ordering::Relaxed) {
                    clients::ask(connections)?;
                    rounds += 1;
                    thread::sleep(PAUSE);
                }
                Ok(rounds)
            });
            let worked = work();
            done.store(true, Ordering::Relaxed);
            let rounds = asker.join().expect("a panic ends the process");
            worked.and(rounds)
        })
    }

    /// Has each connection ask, and finds its gateway, which must be that of its mark.
    fn look(&mut self) -> Result<Vec<usize>> {
        self.cluster.capture.take()?;
        clients::ask(&mut self.connections)?;
        let flows: Vec<_> = self.connections.iter().map(|one| one.flow).collect();
        let seen = account::seen(self.cluster, &flows, &self.cluster.capture.take()?, |_| {
            true
        });
        let rules = Family::ALL.map(|family| self.rule(family));
        let place = |(flow, seen): (&Flow, &account::Seen)| {
            let rule = &rules[flow.family() as usize];
            let home = self.cluster.marking.place_of(flow.mark(rule)?);
            let home = home.filter(|home| seen.is_at(*home));
            home.with_context(|| {
                let both: BTreeSet<_> = &seen.forth | &seen.back;
                let names: Vec<_> = both.iter().map(|one| self.gateways[*one].name()).collect();
                format!(
                    "{flow}: not where its mark says, but at {}",
                    names.join(" ")
                )
            })
        };
        flows.iter().zip(&seen).map(place).collect()
    }

    /// The selectors' rule.
    fn rule(&self, family: Family) -> v1::Info {
        let began_with = self.cluster.gateways.len() as u32;
        let mut rule = v1::Info::from(*self.cluster.marking.rule(family));
        rule.masked.v0.hmodulus = self.spread.gateways as u32;
        rule.masked.v0.flags |= flag::FROM;
        rule.from = began_with;
        for &(gateway, weight) in &self.spread.weights {
            rule.masked.v0.flags |= flag::WEIGHT;
            rule.less[gateway] = FULL_WEIGHT - weight;
        }
        rule
    }
}

impl Spread {
    /// The same with these weights.
    pub fn with(&self, weights: &[(usize, u8)]) -> Self {
        Self {
            weights: weights.to_vec(),
            ..*self
        }
    }

    /// As the settings of the tutorials.
    pub fn settings(&self) -> String {
        let weights = self.weights.iter();
        let weights: Vec<_> = weights
            .map(|(of, weight)| format!("{of}={weight}"))
            .collect();
        format!("GATEWAYS={} WEIGHTS={}", self.gateways, weights.join(","))
    }

    /// The weight of a gateway, in per cent: 0 without a mark.
    fn weight(&self, gateway: usize) -> f64 {
        let given = self.weights.iter().find(|(of, _)| *of == gateway);
        match given {
            _ if gateway >= self.gateways => 0.0,
            Some((_, weight)) => (*weight).into(),
            None => FULL_WEIGHT.into(),
        }
    }

    /// The part of all connections that a gateway should have.
    fn share(&self, gateway: usize) -> f64 {
        let all: f64 = (0..self.gateways).map(|of| self.weight(of)).sum();
        self.weight(gateway) / all
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn shares_are_as_the_weights() {
        let spread = |gateways, weights: &[_]| Spread {
            gateways,
            weights: weights.to_vec(),
        };
        let is = |share: f64, expected: f64| assert!((share - expected).abs() < 1e-9, "{share}");
        is(spread(4, &[]).share(3), 0.25);
        is(spread(4, &[]).share(4), 0.0);
        is(spread(5, &[(1, 0)]).share(1), 0.0);
        is(spread(5, &[(1, 0)]).share(4), 0.25);
        is(spread(5, &[(1, 50)]).share(1), 0.5 / 4.5);
        is(spread(6, &[(1, 0), (2, 50)]).share(2), 0.5 / 4.5);
        assert_eq!(
            spread(6, &[(1, 0), (2, 50)]).settings(),
            "GATEWAYS=6 WEIGHTS=1=0,2=50"
        );
    }
}
