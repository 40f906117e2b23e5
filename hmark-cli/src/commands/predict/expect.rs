// SPDX-License-Identifier: GPL-2.0-only

//! What a flow is expected to get: a gateway, a mark or a device.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use hmark_cli::host::Host;
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
    /// True if a way on a host is as expected; [`None`] if that cannot be told.
    pub fn is_met(&self, way: &Way<'_>, host: &Host) -> Option<bool> {
        let device = way.hop().and_then(|hop| hop.device.as_deref());
        let is_met = match self {
            Self::Mark(mark) => Some(Some(*mark) == way.mark),
            Self::Gateway(gateway) => match way.gateway() {
                Some(found) => is_same(*gateway, found, device, host),
                None => Some(false),
            },
            Self::Device(expected) => Some(device == Some(expected.as_str())),
        };
        let is_known = match self {
            Self::Mark(_) => way.mark.is_some(),
            _ => way.cannot_tell.is_none(),
        };
        is_met.filter(|_| is_known)
    }

    /// The reason why it cannot be told whether a way is as expected, if it is the gateway's family.
    pub fn doubt(&self, way: &Way<'_>, host: &Host) -> Option<String> {
        let found = way.gateway().filter(|_| way.cannot_tell.is_none())?;
        match self {
            Self::Gateway(expected) if self.is_met(way, host).is_none() => Some(format!(
                "the route leads to {found}, and the neighbours do not show if {expected} is the same gateway: \
                 --expect {found} can be told"
            )),
            _ => None,
        }
    }
}

/// True if two addresses are those of one gateway; [`None`] if that cannot be told. A route of IPv4 may lead to
/// an IPv6 address, as those of `hmark plan` do; then only the neighbours' link-layer addresses show it.
fn is_same(expected: IpAddr, found: IpAddr, device: Option<&str>, host: &Host) -> Option<bool> {
    if expected == found {
        return Some(true);
    }
    if expected.is_ipv4() == found.is_ipv4() {
        return Some(false);
    }
    let neighbours = host.neighbours.get()?;
    let link = |address| neighbours.find(address, device)?.link_address.as_ref();
    let (expected, found) = (link(expected)?, link(found)?);
    if !expected.eq_ignore_ascii_case(found) {
        return Some(false);
    }
    // A proxy has one link-layer address for all that are behind it.
    let count = |is_ipv4: bool| {
        let all = neighbours.0.iter().filter(|other| {
            let link = other.link_address.as_ref();
            link.is_some_and(|link| link.eq_ignore_ascii_case(found))
        });
        let of_family = all.filter(|other| other.address.is_ipv4() == is_ipv4);
        of_family
            .filter(|other| !is_link_local(other.address))
            .count()
    };
    (count(true) == 1 && count(false) == 1).then_some(true)
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
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
