// SPDX-License-Identifier: GPL-2.0-only

//! The marking by a cluster's selectors: their rules, as the kernel lists them.

use std::net::IpAddr;

use anyhow::{bail, Context, Result};
use hmark::rule::v0::Info;
use testbed::family::{Commands, Family};
use testbed::options;

use crate::flow::Flow;
use crate::host::Host;
use crate::narration;
use crate::tutorial::Tutorial;

/// The cluster's address and the selectors' rule, for each family, and the meaning of their marks.
pub struct Marking {
    families: [(IpAddr, Info); 2],
    first_mark: u32,
    gateways: usize,
}

impl Marking {
    /// The marking of `selector` for the address that the tutorial sets on `host`. The gateways
    /// have the marks from `first_mark` on.
    ///
    /// # Errors
    /// If the selector does not have exactly one rule for each family, or the tutorial sets no
    /// address.
    pub fn of(
        tutorial: &Tutorial,
        host: &Host,
        selector: &Host,
        first_mark: u32,
        gateways: usize,
    ) -> Result<Self> {
        let read = |family, address| -> Result<(IpAddr, Info)> {
            let address = tutorial.setting(address, host)?.parse()?;
            Ok((address, of(selector, family)?))
        };
        Ok(Self {
            families: [read(Family::Ipv4, "VIP")?, read(Family::Ipv6, "VIP6")?],
            first_mark,
            gateways,
        })
    }

    /// The cluster's address.
    pub fn address(&self, family: Family) -> IpAddr {
        self.family(family).0
    }

    /// The selectors' rule.
    pub fn rule(&self, family: Family) -> &Info {
        &self.family(family).1
    }

    fn family(&self, family: Family) -> &(IpAddr, Info) {
        match family {
            Family::Ipv4 => &self.families[0],
            Family::Ipv6 => &self.families[1],
        }
    }

    /// The gateway that the rule selects for a flow.
    ///
    /// # Errors
    /// If the mark is that of no gateway.
    pub fn home(&self, flow: &Flow) -> Result<usize> {
        self.gateway_of(flow.mark(self.rule(flow.family()))?)
    }

    /// The mark of a gateway.
    pub fn mark_of(&self, gateway: usize) -> u32 {
        self.first_mark + gateway as u32
    }

    /// The gateway of a mark.
    ///
    /// # Errors
    /// If the mark is that of no gateway.
    pub fn gateway_of(&self, mark: u32) -> Result<usize> {
        self.place_of(mark)
            .filter(|gateway| *gateway < self.gateways)
            .with_context(|| format!("no gateway has the mark {mark}"))
    }

    /// The place of a mark, counted from that of the first gateway. Gateways may have been added.
    pub fn place_of(&self, mark: u32) -> Option<usize> {
        Some(mark.checked_sub(self.first_mark)? as usize)
    }
}

/// The only HMARK rule of `host`, with defaults filled in.
///
/// # Errors
/// If there is none, or more than one.
fn of(host: &Host, family: Family) -> Result<Info> {
    let saved = host.run(&format!("{}-save -t mangle", family.iptables()))?;
    let mut rules = saved.lines().filter(|line| line.contains("-j HMARK"));
    let (Some(rule), None) = (rules.next(), rules.next()) else {
        bail!("expected one HMARK rule on {}: {saved}", host.name());
    };
    narration::detail(format!("{} saved: {rule}", host.name()));
    options::parse(rule, family)
}
