// SPDX-License-Identifier: GPL-2.0-only

//! The size of a cluster, and the number of flows that it gets.

use std::env;
use std::str::FromStr;

use anyhow::{ensure, Context, Result};

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
            gateways: variable("HMARK_GATEWAYS", 4)?,
            servers: variable("HMARK_SERVERS", 3)?,
            flows: variable("HMARK_FLOWS", 400)?,
            load: variable("HMARK_LOAD", 4000)?,
        };
        // Addresses of gateways are numbered from 10, and those of servers from 100.
        ensure!(
            (2..=90).contains(&size.gateways),
            "2 to 90 gateways, not {}",
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

fn variable<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    name: &str,
    default: T,
) -> Result<T> {
    match env::var(name) {
        Ok(value) => value
            .parse()
            .with_context(|| format!("{name} is no number")),
        Err(_) => Ok(default),
    }
}
