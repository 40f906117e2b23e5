// SPDX-License-Identifier: GPL-2.0-only

//! Neighbours, as `ip -j neigh` lists them.

use std::net::IpAddr;

use anyhow::Result;
use serde::Deserialize;

/// The neighbours of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours(pub Vec<Neighbour>);

/// A neighbour.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Neighbour {
    /// Its address.
    #[serde(rename = "dst")]
    pub address: IpAddr,
    /// The device that it is seen by.
    #[serde(rename = "dev")]
    pub device: Option<String>,
    /// Its link-layer address; [`None`] if it did not answer.
    #[serde(rename = "lladdr")]
    pub link_address: Option<String>,
    /// Its states, such as `REACHABLE`, `STALE` or `FAILED`.
    #[serde(default, rename = "state")]
    pub states: Vec<String>,
}

impl Neighbours {
    /// Reads JSON of `ip -j neigh`. An empty text is that of a host without neighbours.
    ///
    /// # Errors
    ///
    /// If the text is no JSON, or none of neighbours.
    pub fn read(text: &[u8]) -> Result<Self> {
        match text.trim_ascii().is_empty() {
            true => Ok(Self::default()),
            false => Ok(Self(serde_json::from_slice(text)?)),
        }
    }

    /// The neighbour with an address, on a device if that is known.
    pub fn find(&self, address: IpAddr, device: Option<&str>) -> Option<&Neighbour> {
        let is_on =
            |neighbour: &Neighbour| device.is_none() || neighbour.device.as_deref() == device;
        let mut all = self.0.iter();
        all.find(|neighbour| neighbour.address == address && is_on(neighbour))
    }
}
