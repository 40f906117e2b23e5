// SPDX-License-Identifier: GPL-2.0-only

//! The files that a host is saved in, and the commands that write them.

use hmark::Family;

/// A file of a saved host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// The rules of iptables or ip6tables.
    Rules(Family),
    /// Those of iptables-legacy, if another iptables is the default.
    LegacyRules(Family),
    /// Routing rules.
    RoutingRules(Family),
    /// Routes.
    Routes(Family),
    /// Nexthop objects, of both families.
    Nexthops,
    /// Neighbours, of both families.
    Neighbours,
    /// Devices and their addresses.
    Links,
    /// Kernel settings, as `sysctl -a` prints them.
    Sysctls,
}

impl File {
    /// All files.
    pub const ALL: [Self; 12] = [
        Self::Rules(Family::Ipv4),
        Self::Rules(Family::Ipv6),
        Self::LegacyRules(Family::Ipv4),
        Self::LegacyRules(Family::Ipv6),
        Self::RoutingRules(Family::Ipv4),
        Self::RoutingRules(Family::Ipv6),
        Self::Routes(Family::Ipv4),
        Self::Routes(Family::Ipv6),
        Self::Nexthops,
        Self::Neighbours,
        Self::Links,
        Self::Sysctls,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rules(Family::Ipv4) => "iptables-save",
            Self::Rules(Family::Ipv6) => "ip6tables-save",
            Self::LegacyRules(Family::Ipv4) => "iptables-legacy-save",
            Self::LegacyRules(Family::Ipv6) => "ip6tables-legacy-save",
            Self::RoutingRules(Family::Ipv4) => "ip-rule.json",
            Self::RoutingRules(Family::Ipv6) => "ip6-rule.json",
            Self::Routes(Family::Ipv4) => "ip-route.json",
            Self::Routes(Family::Ipv6) => "ip6-route.json",
            Self::Nexthops => "ip-nexthop.json",
            Self::Neighbours => "ip-neigh.json",
            Self::Links => "ip-addr.json",
            Self::Sysctls => "sysctl",
        }
    }

    /// The command that prints it.
    pub const fn command(self) -> &'static [&'static str] {
        match self {
            Self::Rules(Family::Ipv4) => &["iptables-save"],
            Self::Rules(Family::Ipv6) => &["ip6tables-save"],
            Self::LegacyRules(Family::Ipv4) => &["iptables-legacy-save"],
            Self::LegacyRules(Family::Ipv6) => &["ip6tables-legacy-save"],
            Self::RoutingRules(Family::Ipv4) => &["ip", "-j", "-4", "rule"],
            Self::RoutingRules(Family::Ipv6) => &["ip", "-j", "-6", "rule"],
            Self::Routes(Family::Ipv4) => &["ip", "-j", "-4", "route", "show", "table", "all"],
            Self::Routes(Family::Ipv6) => &["ip", "-j", "-6", "route", "show", "table", "all"],
            Self::Nexthops => &["ip", "-j", "nexthop"],
            Self::Neighbours => &["ip", "-j", "neigh"],
            Self::Links => &["ip", "-j", "addr"],
            Self::Sysctls => &["sysctl", "-a"],
        }
    }

    /// Whether a host may be without it, so that nothing is said if it is.
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::LegacyRules(_))
    }
}
