// SPDX-License-Identifier: GPL-2.0-only

//! Devices and their addresses, as `ip -j addr` lists them.

use std::net::IpAddr;

use anyhow::Result;
use serde::Deserialize;

/// The devices of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links(pub Vec<Link>);

/// A device.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    #[serde(default, rename = "ifname")]
    pub name: String,
    /// Its flags, such as `UP` and `LOWER_UP`.
    #[serde(default)]
    pub flags: Vec<String>,
    /// The largest packet in bytes.
    pub mtu: Option<u32>,
    /// Its addresses.
    #[serde(default, rename = "addr_info")]
    pub addresses: Vec<LinkAddress>,
}

/// An address of a device.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct LinkAddress {
    /// The address.
    pub local: Option<IpAddr>,
    /// The length of its network's prefix.
    pub prefixlen: Option<u32>,
}

impl Links {
    /// Reads JSON of `ip -j addr`. An empty text is that of a host without devices.
    ///
    /// # Errors
    ///
    /// If the text is no JSON, or none of devices.
    pub fn read(text: &[u8]) -> Result<Self> {
        if text.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let mut links: Vec<Link> = serde_json::from_slice(text)?;
        // With a filter, `ip` prints an empty object for each device that it leaves out.
        links.retain(|link| !link.name.is_empty());
        Ok(Self(links))
    }

    /// The device of this name.
    pub fn find(&self, name: &str) -> Option<&Link> {
        self.0.iter().find(|link| link.name == name)
    }
}

impl Link {
    /// Whether it is up and has a link.
    pub fn is_up(&self) -> bool {
        let has = |flag: &str| self.flags.iter().any(|own| own == flag);
        has("UP") && has("LOWER_UP")
    }
}
