// SPDX-License-Identifier: GPL-2.0-only

//! The matches that are understood.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use hmark::Family;

use super::options::{Given, Module};
use super::state::States;
use super::{ports, rule};
use crate::flow::Protocol;
use crate::net::{self, Net};

/// An end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The end that sends.
    Source,
    /// The end that receives.
    Destination,
    /// Any of the two.
    Either,
}

/// The type of an address on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressType {
    /// One that packets are routed to.
    Unicast,
    /// One of the host's own.
    Local,
    /// A broadcast address.
    Broadcast,
    /// A multicast address.
    Multicast,
}

/// A condition of a rule. With `not`, it is inverted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Fields are the condition's own words.
pub enum Match {
    /// `-s`, `-d`: an end's address.
    Net { end: End, net: Net, not: bool },
    /// `-p`: the layer 4 protocol.
    Protocol { protocol: Protocol, not: bool },
    /// `-i`: the device that the packet came in by, or with a `+` at the end the beginning of its name.
    Input { device: String, not: bool },
    /// `-o`: the device that the packet leaves by, likewise.
    Output { device: String, not: bool },
    /// `-f`: not the first fragment of a packet.
    LaterFragment { not: bool },
    /// A match that looks at the layer 4 header, which later fragments do not have.
    Layer4,
    /// `--sport`, `--dport`, multiport: a port of an end.
    Port {
        end: End,
        ports: Vec<RangeInclusive<u16>>,
        not: bool,
    },
    /// `--icmp-type`, `--icmpv6-type`: type and codes of an ICMP message.
    Icmp {
        kind: u8,
        codes: RangeInclusive<u8>,
        not: bool,
    },
    /// `-m mark`: the packet's mark.
    Mark { value: u32, mask: u32, not: bool },
    /// `-m connmark`: the connection's mark.
    ConnectionMark { value: u32, mask: u32, not: bool },
    /// `-m conntrack --ctstate`, `-m state`: the connection's state.
    State { states: States, not: bool },
    /// `-m addrtype`: the type of an end's address.
    AddressType {
        end: End,
        types: Vec<AddressType>,
        not: bool,
    },
    /// `-m iprange`: an end's address.
    Range {
        end: End,
        first: u128,
        last: u128,
        not: bool,
    },
    /// Anything else, as it was written.
    Unknown(String),
}

/// Adds the matches of a module. Whatever it has that is not understood becomes a [`Match::Unknown`].
pub(super) fn read(
    module: &Module,
    protocol: Option<Protocol>,
    family: Family,
    all: &mut Vec<Match>,
) {
    match module.name.as_str() {
        "comment" => return,
        "tcp" | "udp" | "udplite" | "sctp" | "dccp" | "icmp" | "icmp6" | "multiport" => {
            all.push(Match::Layer4);
        }
        _ => {}
    }
    let is_empty = module.options.is_empty();
    let before = all.len();
    for given in &module.options {
        match one(&module.name, given, protocol, family) {
            Some(found) => all.push(found),
            None => {
                // One option of this module changes the meaning of the others.
                if module.name == "addrtype" {
                    all.truncate(before);
                }
                all.push(Match::Unknown(rule::shown(module)));
                return;
            }
        }
    }
    // Modules that do nothing but look at layer 4, with no option at all.
    let may_be_empty = ["tcp", "udp", "udplite", "sctp", "dccp", "icmp", "icmp6"];
    if is_empty && !may_be_empty.contains(&module.name.as_str()) {
        all.push(Match::Unknown(rule::shown(module)));
    }
}

/// The match of an option of a module.
fn one(module: &str, given: &Given, protocol: Option<Protocol>, family: Family) -> Option<Match> {
    let (value, not) = (given.value(), given.not);
    let name = given.name.as_str();
    if given.values.len() > 1 {
        return None;
    }
    Some(match (module, name) {
        ("tcp" | "udp" | "udplite" | "sctp" | "dccp", _) => {
            let end = match name {
                "--sport" | "--source-port" => End::Source,
                "--dport" | "--destination-port" => End::Destination,
                _ => return None,
            };
            let ports = vec![ports::range(value)?];
            Match::Port { end, ports, not }
        }
        ("multiport", _) => {
            protocol.filter(|protocol| protocol.has_ports())?;
            let end = match name {
                "--sports" | "--source-ports" => End::Source,
                "--dports" | "--destination-ports" => End::Destination,
                "--ports" => End::Either,
                _ => return None,
            };
            let ports = ports::list(value)?;
            Match::Port { end, ports, not }
        }
        ("icmp", "--icmp-type") | ("icmp6", "--icmpv6-type") => icmp(value, not)?,
        ("mark", "--mark") => {
            let (value, mask) = masked(value)?;
            Match::Mark { value, mask, not }
        }
        ("connmark", "--mark") => {
            let (value, mask) = masked(value)?;
            Match::ConnectionMark { value, mask, not }
        }
        ("conntrack", "--ctstate") | ("state", "--state") => {
            let states = States::read(value)?;
            Match::State { states, not }
        }
        ("addrtype", "--src-type") => address_type(End::Source, value, not, family)?,
        ("addrtype", "--dst-type") => address_type(End::Destination, value, not, family)?,
        ("iprange", "--src-range") => range(End::Source, value, not, family)?,
        ("iprange", "--dst-range") => range(End::Destination, value, not, family)?,
        _ => return None,
    })
}

/// Reads `VALUE` or `VALUE/MASK`, in decimal, hexadecimal or octal.
pub(super) fn masked(text: &str) -> Option<(u32, u32)> {
    match text.split_once('/') {
        Some((value, mask)) => Some((number(value)?, number(mask)?)),
        None => Some((number(text)?, u32::MAX)),
    }
}

/// Reads a number as `strtoul` does with base 0.
pub(super) fn number(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0x").or(text.strip_prefix("0X"));
    if let Some(digits) = digits {
        return match digits.starts_with('+') {
            true => None,
            false => u32::from_str_radix(digits, 16).ok(),
        };
    }
    match text.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u32::from_str_radix(octal, 8).ok(),
        _ => text.parse().ok(),
    }
}

/// Reads `TYPE` or `TYPE/CODE`. iptables-save writes no names, and 255 for any type of IPv4's ICMP.
fn icmp(text: &str, not: bool) -> Option<Match> {
    let (kind, codes) = match text.split_once('/') {
        Some((kind, code)) => {
            let code = code.parse().ok()?;
            (kind, code..=code)
        }
        None => (text, 0..=u8::MAX),
    };
    let kind = kind.parse().ok()?;
    (kind != u8::MAX).then_some(Match::Icmp { kind, codes, not })
}

fn address_type(end: End, list: &str, not: bool, family: Family) -> Option<Match> {
    let types: Option<Vec<_>> = list
        .split(',')
        .map(|name| match name.to_ascii_uppercase().as_str() {
            "UNICAST" => Some(AddressType::Unicast),
            "LOCAL" => Some(AddressType::Local),
            "BROADCAST" if family == Family::Ipv4 => Some(AddressType::Broadcast),
            "MULTICAST" => Some(AddressType::Multicast),
            _ => None,
        })
        .collect();
    let types = types?;
    // Of several types, IPv6 does not want any, but all or the last: only one alone is clear.
    let is_clear = family == Family::Ipv4 || types.len() == 1;
    is_clear.then_some(Match::AddressType { end, types, not })
}

fn range(end: End, text: &str, not: bool, family: Family) -> Option<Match> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| {
        let address: IpAddr = text.parse().ok()?;
        (net::family(address) == family).then(|| net::number(address))
    };
    Some(Match::Range {
        end,
        first: number(first)?,
        last: number(last)?,
        not,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_iptables_does() {
        for (text, read) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("0x10", Some(16)),
            ("010", Some(8)),
            ("0xffffffff", Some(u32::MAX)),
            ("4294967296", None),
            ("0x", None),
            ("09", None),
            ("", None),
            ("0x+1", None),
        ] {
            assert_eq!(number(text), read, "{text}");
        }
        assert_eq!(masked("0x1/0x3f"), Some((1, 0x3f)));
        assert_eq!(masked("1"), Some((1, u32::MAX)));
        assert_eq!(masked("1/"), None);
    }
}
