// SPDX-License-Identifier: GPL-2.0-only

//! Layer 4 protocols: their numbers and names, as IANA and `/etc/protocols` have them.

use std::fmt;

use hmark::Family;

/// A layer 4 protocol, by its number in IP headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP, RFC 792.
    pub const ICMP: Self = Self(1);
    /// TCP, RFC 9293.
    pub const TCP: Self = Self(6);
    /// UDP, RFC 768.
    pub const UDP: Self = Self(17);
    /// DCCP, RFC 4340.
    pub const DCCP: Self = Self(33);
    /// ESP, RFC 4303.
    pub const ESP: Self = Self(50);
    /// AH, RFC 4302.
    pub const AH: Self = Self(51);
    /// ICMPv6, RFC 4443.
    pub const ICMPV6: Self = Self(58);
    /// SCTP, RFC 9260.
    pub const SCTP: Self = Self(132);
    /// UDP-Lite, RFC 3828.
    pub const UDPLITE: Self = Self(136);

    /// The protocol of this name or number, as iptables takes it after `-p`; IPv6's names of ICMP
    /// included.
    pub fn named(name: &str) -> Option<Self> {
        if let Ok(number) = name.parse() {
            return Some(Self(number));
        }
        let name = name.to_ascii_lowercase();
        let alias = match name.as_str() {
            "icmpv6" | "icmp6" => "ipv6-icmp",
            "mobility-header" | "mh" => "ipv6-mh",
            name => name,
        };
        NAMES
            .iter()
            .find(|(_, name)| *name == alias)
            .map(|(number, _)| Self(*number))
    }

    /// Whether its header begins with two ports.
    pub const fn has_ports(self) -> bool {
        matches!(
            self,
            Self::TCP | Self::UDP | Self::DCCP | Self::SCTP | Self::UDPLITE
        )
    }

    /// Whether it is identified by a Security Parameter Index.
    pub const fn has_spi(self) -> bool {
        matches!(self, Self::ESP | Self::AH)
    }

    /// Whether it is ICMP or ICMPv6.
    pub const fn is_icmp(self) -> bool {
        matches!(self, Self::ICMP | Self::ICMPV6)
    }

    /// The ICMP of a family.
    pub const fn icmp(family: Family) -> Self {
        match family {
            Family::Ipv4 => Self::ICMP,
            Family::Ipv6 => Self::ICMPV6,
        }
    }

    /// The type of an echo request; [`None`] if this is neither ICMP nor ICMPv6.
    pub const fn echo_request(self) -> Option<u8> {
        match self {
            Self::ICMP => Some(8),
            Self::ICMPV6 => Some(128),
            _ => None,
        }
    }

    /// The type of the ICMP message that answers one of type `kind`, or that it answers; [`None`] if
    /// there is none.
    pub(super) const fn icmp_reply(self, kind: u8) -> Option<u8> {
        match (self, kind) {
            (Self::ICMP, 8) => Some(0),
            (Self::ICMP, 0) => Some(8),
            (Self::ICMP, 13) => Some(14),
            (Self::ICMP, 14) => Some(13),
            (Self::ICMPV6, 128) => Some(129),
            (Self::ICMPV6, 129) => Some(128),
            _ => None,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ICMPV6 {
            return f.write_str("icmpv6");
        }
        match NAMES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// The names that iptables may save, those of `/etc/protocols` in Debian for protocols seen in practice.
const NAMES: [(u8, &str); 22] = [
    (1, "icmp"),
    (2, "igmp"),
    (4, "ipencap"),
    (6, "tcp"),
    (8, "egp"),
    (17, "udp"),
    (33, "dccp"),
    (41, "ipv6"),
    (46, "rsvp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "ipv6-icmp"),
    (88, "eigrp"),
    (89, "ospf"),
    (94, "ipip"),
    (97, "etherip"),
    (103, "pim"),
    (112, "vrrp"),
    (115, "l2tp"),
    (132, "sctp"),
    (136, "udplite"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (text, number) in [
            ("tcp", 6),
            ("17", 17),
            ("ICMPv6", 58),
            ("ipv6-icmp", 58),
            ("0", 0),
        ] {
            assert_eq!(Protocol::named(text), Some(Protocol(number)), "{text}");
        }
        for text in ["", "all", "256", "-1", "tcpp"] {
            assert_eq!(Protocol::named(text), None, "{text}");
        }
        for (number, name) in NAMES {
            assert_eq!(Protocol::named(name), Some(Protocol(number)));
            assert_eq!(
                Protocol::named(&Protocol(number).to_string()),
                Some(Protocol(number))
            );
        }
        assert_eq!(Protocol(200).to_string(), "200");
    }
}
