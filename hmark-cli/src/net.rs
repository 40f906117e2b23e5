// SPDX-License-Identifier: GPL-2.0-only

//! Addresses as numbers, and the networks that they are in.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hmark::Family;

/// An address as a number, whose most significant byte is the first on the wire. IPv4 uses the lower 32
/// bits.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

/// The family of an address.
pub fn family(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::Ipv4,
        IpAddr::V6(_) => Family::Ipv6,
    }
}

/// The mask of the first `length` bits of a family's addresses.
///
/// [`None`] if they have fewer.
pub fn mask(family: Family, length: u32) -> Option<u128> {
    let rest = family.address_bits().checked_sub(length)?;
    let all = all(family);
    // A shift by 128 bits is none to Rust.
    Some(all.checked_shl(rest).unwrap_or(0) & all)
}

/// The mask of all bits of a family's addresses.
fn all(family: Family) -> u128 {
    match family {
        Family::Ipv4 => u32::MAX.into(),
        Family::Ipv6 => u128::MAX,
    }
}

/// An address, and a mask of the bits of it that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    family: Family,
    address: u128,
    mask: u128,
}

impl Net {
    /// All addresses of a family.
    pub const fn every(family: Family) -> Self {
        Self {
            family,
            address: 0,
            mask: 0,
        }
    }

    /// The network of the addresses with the same first `length` bits as `address`.
    ///
    /// [`None`] if an address has fewer bits.
    pub fn new(address: IpAddr, length: u32) -> Option<Self> {
        let family = family(address);
        let mask = mask(family, length)?;
        Some(Self {
            family,
            address: number(address) & mask,
            mask,
        })
    }

    /// Reads `ADDRESS`, `ADDRESS/LENGTH` or `ADDRESS/MASK`, where the mask is written like an address and
    /// may have holes.
    ///
    /// [`None`] if it is none of these, or of another family.
    pub fn read(text: &str, family: Family) -> Option<Self> {
        let (address, mask) = text.split_once('/').unwrap_or((text, ""));
        let address = address.parse::<IpAddr>().ok();
        let address = address.filter(|address| self::family(*address) == family)?;
        if mask.is_empty() {
            return match text.contains('/') {
                true => None,
                false => Self::new(address, family.address_bits()),
            };
        }
        if let Ok(length) = mask.parse() {
            return Self::new(address, length);
        }
        let mask = mask.parse::<IpAddr>().ok();
        let mask = number(mask.filter(|mask| self::family(*mask) == family)?);
        Some(Self {
            family,
            address: number(address) & mask,
            mask,
        })
    }

    /// Whether the mask has no holes, as that of a route: it is a prefix.
    pub fn is_prefix(&self) -> bool {
        mask(self.family, self.length()) == Some(self.mask)
    }

    /// Whether an address is in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        family(address) == self.family && number(address) & self.mask == self.address
    }

    /// Its two halves; [`None`] of a single address.
    pub fn halves(&self) -> Option<[Self; 2]> {
        let family = self.family();
        let length = self.length().checked_add(1)?;
        let bit = family.address_bits().checked_sub(length)?;
        let upper = self.number() | 1_u128.checked_shl(bit)?;
        let net = |number: u128| {
            let address: IpAddr = match family {
                Family::Ipv4 => IpAddr::V4(u32::try_from(number).ok()?.into()),
                Family::Ipv6 => IpAddr::V6(number.into()),
            };
            Self::new(address, length)
        };
        Some([net(self.number())?, net(upper)?])
    }

    /// The family of its addresses.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The network's address as a [number()], with all other bits 0.
    pub fn number(&self) -> u128 {
        self.address
    }

    /// The number of bits in the mask: for a mask without holes, the prefix length.
    pub fn length(&self) -> u32 {
        self.mask.count_ones()
    }
}

impl Net {
    /// The network as the destination of a route, in the words of `ip route`.
    pub fn destination(&self) -> String {
        match self.length() {
            0 => "default".to_owned(),
            _ => self.to_string(),
        }
    }
}

/// The address of a family whose bits are all 0.
pub const fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::Ipv6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = |number: u128| match self.family {
            // The upper bits are 0.
            Family::Ipv4 => IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or(0))),
            Family::Ipv6 => IpAddr::V6(Ipv6Addr::from(number)),
        };
        write!(f, "{}/", address(self.address))?;
        match self.is_prefix() {
            true => write!(f, "{}", self.length()),
            false => write!(f, "{}", address(self.mask)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str, family: Family) -> Option<String> {
        Net::read(text, family).map(|net| net.to_string())
    }

    #[test]
    fn networks_are_read_as_iptables_writes_them() {
        for (text, shown) in [
            ("10.0.0.1", "10.0.0.1/32"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.1.2.3/0", "0.0.0.0/0"),
            ("10.1.2.3/255.255.0.0", "10.1.0.0/16"),
            ("10.1.2.3/255.0.255.255", "10.0.2.3/255.0.255.255"),
        ] {
            assert_eq!(net(text, Family::Ipv4).as_deref(), Some(shown));
        }
        for (text, shown) in [
            ("fd00::1", "fd00::1/128"),
            ("fd00::1/64", "fd00::/64"),
            ("::/0", "::/0"),
            ("fd00::1/ffff::ff", "fd00::1/ffff::ff"),
        ] {
            assert_eq!(net(text, Family::Ipv6).as_deref(), Some(shown));
        }
        for text in [
            "",
            "/8",
            "10.0.0.1/",
            "10.0.0.1/33",
            "10.0.0.1/-1",
            "fd00::1",
            "10.0.0/8",
            "a",
        ] {
            assert_eq!(net(text, Family::Ipv4), None, "{text}");
        }
        assert_eq!(net("fd00::/129", Family::Ipv6), None);
        assert_eq!(net("fd00::/255.0.0.0", Family::Ipv6), None);
    }

    #[test]
    fn addresses_are_in_networks() {
        let contains = |net: &str, family, address: &str| {
            Net::read(net, family)
                .unwrap()
                .contains(address.parse().unwrap())
        };
        assert!(contains("10.0.0.0/8", Family::Ipv4, "10.255.0.1"));
        assert!(!contains("10.0.0.0/8", Family::Ipv4, "11.0.0.1"));
        assert!(contains("10.0.2.3/255.0.255.255", Family::Ipv4, "10.9.2.3"));
        assert!(!contains(
            "10.0.2.3/255.0.255.255",
            Family::Ipv4,
            "10.9.2.4"
        ));
        assert!(contains("0.0.0.0/0", Family::Ipv4, "1.2.3.4"));
        assert!(!contains("0.0.0.0/0", Family::Ipv4, "::1"));
        assert!(contains("fd00::/8", Family::Ipv6, "fdff::1"));
        assert!(!contains("fd00::/8", Family::Ipv6, "fe00::1"));
    }
}
