// SPDX-License-Identifier: GPL-2.0-only

//! The account: the gateways that saw each flow, compared with the gateway of its mark.

use std::fmt;

use anyhow::{Context, Result};
use hmark::rule::v0::Info;
use hmark::Family;

use crate::gateway::{Seen, Sightings};
use crate::topology::{FIRST_MARK, GATEWAYS};
use crate::traffic::{self, Flow};

/// Length of the bar of a gateway that gets all flows.
const BAR: usize = 100;

/// Maximum number of misdelivered flows to show in full.
const SHOWN: usize = 5;

/// The gateways that the flows of one family went to.
pub struct Account {
    title: String,
    /// Number of flows that used only this gateway, in both directions, as predicted.
    delivered: [usize; GATEWAYS as usize],
    /// Packets by gateway.
    packets: [Seen; GATEWAYS as usize],
    /// Descriptions of misdelivered flows.
    wrong: Vec<String>,
}

impl Account {
    /// Compares the gateways that saw the flows `sent` with the gateway that `rule` selects.
    pub fn of(sent: &[Flow], sightings: &Sightings, rule: &Info) -> Result<Self> {
        let mut account = Self {
            title: title(sent),
            delivered: Default::default(),
            packets: Default::default(),
            wrong: Vec::new(),
        };
        for flow in sent {
            let seen = sightings.get(flow).copied().unwrap_or_default();
            let predicted = predict(flow, rule)?;
            let right = (0..GATEWAYS as usize).all(|gateway| {
                let Seen { forth, back } = seen[gateway];
                match gateway == predicted {
                    true => forth > 0 && back > 0,
                    false => forth == 0 && back == 0,
                }
            });
            match right {
                true => account.delivered[predicted] += 1,
                false => account.wrong.push(format!(
                    "{flow}: its mark says gw{predicted}, seen by {}",
                    list(&seen)
                )),
            }
            for (total, seen) in account.packets.iter_mut().zip(seen) {
                total.forth += seen.forth;
                total.back += seen.back;
            }
        }
        // A flow that nobody sent is one that was changed on the way.
        for flow in sightings.keys().filter(|flow| !sent.contains(flow)) {
            account.wrong.push(format!("{flow}: seen, but never sent"));
        }
        Ok(account)
    }

    /// The number of flows, right and wrong.
    pub fn flows(&self) -> usize {
        self.delivered.iter().sum::<usize>() + self.wrong.len()
    }

    /// The number of flows that did not use exactly the gateway of their mark in both directions.
    pub fn misdelivered(&self) -> usize {
        self.wrong.len()
    }

    /// A gateway that no flow was delivered to, if there is one.
    pub fn unused_gateway(&self) -> Option<usize> {
        self.delivered.iter().position(|flows| *flows == 0)
    }
}

/// The gateway that the mark of a flow's first packet selects.
fn predict(flow: &Flow, rule: &Info) -> Result<usize> {
    let packet = traffic::first_packet(flow)?;
    let family = match flow.client.is_ipv4() {
        true => Family::Ipv4,
        false => Family::Ipv6,
    };
    let mark = hmark::mark(family, packet.as_slice(), rule);
    let mark = mark.with_context(|| format!("{flow} gets no mark"))?;
    mark.checked_sub(FIRST_MARK)
        .filter(|gateway| *gateway < GATEWAYS)
        .map(|gateway| gateway as usize)
        .with_context(|| format!("{flow} gets the mark {mark}, which no gateway has"))
}

/// The gateways that saw any packets, with the packets in each direction.
fn list(seen: &[Seen]) -> String {
    let saw = |(gateway, seen): (usize, &Seen)| match seen {
        Seen { forth: 0, back: 0 } => None,
        Seen { forth, back } => Some(format!("gw{gateway} ({forth} >, {back} <)")),
    };
    let gateways: Vec<_> = seen.iter().enumerate().filter_map(saw).collect();
    match gateways.is_empty() {
        true => "none".to_owned(),
        false => gateways.join(" and "),
    }
}

fn title(sent: &[Flow]) -> String {
    let mut addresses: Vec<_> = sent.iter().map(|flow| flow.client.ip()).collect();
    addresses.sort();
    addresses.dedup();
    let family = match sent.iter().all(|flow| flow.client.is_ipv4()) {
        true => "IPv4",
        false => "IPv6",
    };
    format!(
        "{family}: {} flows from {} addresses, all echoed",
        sent.len(),
        addresses.len()
    )
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flows = self.flows().max(1);
        writeln!(f, "\n  {}", self.title)?;
        writeln!(f, "  gateway  mark  flows   share  packets >  packets <")?;
        for (gateway, delivered) in self.delivered.iter().enumerate() {
            let Seen { forth, back } = self.packets[gateway];
            writeln!(
                f,
                "  gw{gateway}      {mark:4}  {delivered:5}  {share:5.1}%  {forth:9}  {back:9}  {bar}",
                mark = FIRST_MARK as usize + gateway,
                share = 100.0 * *delivered as f64 / flows as f64,
                bar = "#".repeat(delivered * BAR / flows),
            )?;
        }
        writeln!(
            f,
            "  through the gateway of its mark alone, in both directions: {} of {}\n",
            self.flows() - self.misdelivered(),
            self.flows()
        )?;
        for wrong in self.wrong.iter().take(SHOWN) {
            writeln!(f, "  misdelivered: {wrong}")?;
        }
        Ok(())
    }
}
