// SPDX-License-Identifier: GPL-2.0-only

//! What a flow is expected to get: a gateway, a mark or a device.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use hmark_cli::way::Way;

/// A gateway, a mark or a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The address of the gateway, or of the destination itself on its own network.
    Gateway(IpAddr),
    /// The mark by which the packet is routed.
    Mark(u32),
    /// The device that it leaves by.
    Device(String),
}

impl FromStr for Expected {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match (text.parse(), number(text)) {
            (Ok(address), _) => Self::Gateway(address),
            (_, Ok(mark)) => Self::Mark(mark),
            _ => Self::Device(text.to_string()),
        })
    }
}

/// A mark, in decimal or, after `0x`, hexadecimal digits.
pub fn number(text: &str) -> Result<u32, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| "it is no mark, such as 100 or 0x64".to_string())
}

impl Expected {
    /// Whether a way is as expected; [`None`] if that cannot be told.
    pub fn is_met(&self, way: &Way<'_>) -> Option<bool> {
        let is_met = match self {
            Self::Mark(mark) => Some(*mark) == way.mark,
            Self::Gateway(gateway) => Some(*gateway) == way.gateway(),
            Self::Device(device) => {
                let own = way.hop().and_then(|hop| hop.device.as_ref());
                own == Some(device)
            }
        };
        let is_known = match self {
            Self::Mark(_) => way.mark.is_some(),
            _ => way.cannot_tell.is_none(),
        };
        is_known.then_some(is_met)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway(gateway) => write!(f, "gateway {gateway}"),
            Self::Mark(mark) => write!(f, "mark {mark:#x}"),
            Self::Device(device) => write!(f, "device {device}"),
        }
    }
}
