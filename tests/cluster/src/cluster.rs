// SPDX-License-Identifier: GPL-2.0-only

//! A cluster: the hosts and cables of a tutorial, set up by its commands.

use std::sync::{Arc, Mutex};

use anyhow::Result;

use crate::account::Account;
use crate::cables::Switches;
use crate::capture::Capture;
use crate::clients::{self, Connection};
use crate::flow::Flow;
use crate::host::{named, one, Host};
use crate::rule::Marking;
use crate::shares::Shares;
use crate::stage::{Props, Stage};
use crate::tutorial::Tutorial;

/// What a cluster is made from.
pub struct Plan<'p> {
    pub props: Props<'p>,
    /// The host of the address that the text sets.
    pub addressed: &'p str,
    /// The selectors, all with the same rule.
    pub selectors: &'p [&'p str],
    /// The gateways' interfaces to selectors, and to the other side.
    pub heard: [&'p str; 2],
    /// The mark of the first gateway: `--hmark-offs`.
    pub first_mark: u32,
}

/// A cluster, and a capture of the packets that its gateways receive.
pub struct Cluster {
    pub hosts: Vec<Arc<Host>>,
    pub gateways: Vec<Arc<Host>>,
    pub selectors: Vec<Arc<Host>>,
    /// The cables exist as long as the switches do.
    pub switches: Switches,
    pub tutorial: Tutorial,
    pub capture: Capture,
    /// The hardware addresses of the selectors on the gateways' side.
    pub senders: Vec<[u8; 6]>,
    pub marking: Marking,
    pub shares: Mutex<Shares>,
}

impl Cluster {
    /// Sets up the stage, with a call of `prepare` as in [`Stage::set_up`], and listens at the gateways.
    ///
    /// # Errors
    /// If a command fails, or no rule loads our module.
    pub fn set_up(plan: &Plan, prepare: impl FnOnce(&[Arc<Host>]) -> Result<()>) -> Result<Self> {
        let Stage {
            hosts,
            switches,
            tutorial,
        } = Stage::set_up(&plan.props, prepare)?;
        let gateways = named(&hosts, "gateway-*");
        let selectors = plan.selectors.iter().map(|name| one(&hosts, name));
        let selectors: Vec<_> = selectors.collect::<Result<_>>()?;
        let marking = Marking::of(
            &tutorial,
            &*one(&hosts, plan.addressed)?,
            &selectors[0],
            plan.first_mark,
            gateways.len(),
        )?;
        let senders = selectors.iter().map(|selector| selector.mac(plan.heard[0]));
        Ok(Self {
            senders: senders.collect::<Result<_>>()?,
            capture: Capture::start(&gateways, &plan.heard)?,
            shares: Mutex::default(),
            hosts,
            gateways,
            selectors,
            switches,
            tutorial,
            marking,
        })
    }

    /// Plays a section of the tutorial.
    ///
    /// # Errors
    /// If it does not work as the text says.
    pub fn play(&self, section: &str) -> Result<()> {
        self.tutorial.play(section, &self.hosts)
    }

    /// The account of flows that each come through one selector after the other, in the middle of
    /// their connections, which `open` opens: `turn` makes them come through other selectors, so
    /// many after those of the tutorial.
    ///
    /// # Errors
    /// If one was misdelivered, or did not come through all selectors.
    pub fn through_all_selectors(
        &self,
        flows: &[Flow],
        open: impl FnOnce(&[Flow]) -> Result<Vec<Connection>>,
        turn: impl Fn(usize) -> Result<()>,
    ) -> Result<Account> {
        self.capture.take()?;
        let mut connections = open(flows)?;
        clients::ask(&mut connections)?;
        for turned in 1..=self.selectors.len() {
            turn(turned)?;
            clients::ask(&mut connections)?;
        }
        let account = Account::of(self, flows, &self.capture.take()?)?;
        account.check()?;
        account.check_selectors()?;
        Ok(account)
    }
}
