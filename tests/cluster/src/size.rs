// SPDX-License-Identifier: GPL-2.0-only

//! The size of a cluster, and the number of flows that it gets.

use anyhow::{ensure, Result};
use handover::Variable;

/// Numbers that can be set in the environment.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// `HMARK_GATEWAYS`.
    pub gateways: usize,
    /// `HMARK_SERVERS`.
    pub servers: usize,
    /// `HMARK_FLOWS`: flows of each family and transport.
    pub flows: usize,
    /// `HMARK_LOAD`: flows that are open at once under load.
    pub load: usize,
}

impl Size {
    /// The size set in the environment, or a small cluster.
    ///
    /// # Errors
    /// If a variable is not a number, or a number is out of range.
    pub fn wanted() -> Result<Self> {
        let size = Self {
            gateways: Variable::Gateways.number(4)?,
            servers: Variable::Servers.number(3)?,
            flows: Variable::Flows.number(400)?,
            load: Variable::Load.number(4000)?,
        };
        // Addresses of gateways, to which tests add two, are numbered from 10, and those of servers from
        // 100.
        ensure!(
            (2..=88).contains(&size.gateways),
            "2 to 88 gateways, not {}",
            size.gateways
        );
        // The chi-square test needs at least 5 flows for each gateway.
        ensure!(
            size.flows >= 5 * size.gateways,
            "fewer than 5 flows for a gateway"
        );
        Ok(size)
    }
}
