// SPDX-License-Identifier: GPL-2.0-only

//! Lines of conntrack: `conntrack -L`, plain or `-o extended`, and `/proc/net/nf_conntrack`.
//!
//! Their formats: `src/conntrack/snprintf_default.c` of libnetfilter_conntrack, and
//! `net/netfilter/nf_conntrack_standalone.c` of Linux.

use std::net::IpAddr;

use super::Entry;
use crate::flow::{shown, Flow, Layer4, Protocol};

/// A line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Printed {
    /// The entry.
    pub entry: Entry,
    /// The number of its packets in both directions, if it is printed.
    pub packets: Option<u64>,
    /// The number of their bytes, likewise.
    pub bytes: Option<u64>,
}

/// A direction of an entry, as far as it has been read.
#[derive(Clone, Copy, Default)]
struct Direction {
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    sport: Option<u16>,
    dport: Option<u16>,
    /// Type, code and identifier of ICMP.
    kind: Option<u8>,
    code: Option<u8>,
    id: Option<u16>,
    packets: Option<u64>,
    bytes: Option<u64>,
}

/// Reads a line: a protocol's name, and later `src=`, `dst=`, `sport=` and `dport=` twice, and perhaps
/// `mark=`, `packets=` and `bytes=`.
///
/// [`None`] for the line with their number, which conntrack adds.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn read(line: &str) -> Result<Option<Printed>, String> {
    if line.starts_with("conntrack v") {
        return Ok(None);
    }
    if line.starts_with('<') {
        return Err("this is XML: list without -o xml".to_owned());
    }
    let (mut original, mut reply) = (Direction::default(), Direction::default());
    let (mut protocol, mut mark, mut is_reply) = (None, None, false);
    let mut words = line.split_ascii_whitespace();
    while let Some(word) = words.next() {
        let Some((name, value)) = word.split_once('=') else {
            // Before the addresses there are the family, the protocol, seconds and a state, the first two
            // each with a name and a number.
            if protocol.is_none() {
                protocol =
                    match word {
                        "ipv4" | "ipv6" => words.next().and(None),
                        // The number tells it.
                        "unknown" => None,
                        // Events begin with their kind, such as [NEW].
                        word if word.starts_with('[') => None,
                        word => Some(Protocol::named(word).ok_or_else(|| {
                            format!("\"{}\" is no entry of conntrack", shown(line))
                        })?),
                    };
            }
            continue;
        };
        if name == "mark" && !fill(&mut mark, value) {
            return Err(format!("mark={} cannot be", shown(value)));
        }
        // The second source address begins the other direction.
        is_reply |= name == "src" && original.source.is_some();
        match is_reply {
            true => reply.set(name, value)?,
            false => original.set(name, value)?,
        }
    }
    let protocol =
        protocol.ok_or_else(|| format!("\"{}\" is no entry of conntrack", shown(line)))?;
    let flow = original.flow(protocol)?;
    let back = reply
        .flow(protocol)
        .map_err(|reason| format!("in the reply's direction {reason}"))?;
    if flow.family() != back.family() {
        return Err("the directions are not of one family".to_owned());
    }
    let sum = |count: fn(&Direction) -> Option<u64>| {
        let (there, back) = (count(&original)?, count(&reply)?);
        Some(there.saturating_add(back))
    };
    Ok(Some(Printed {
        entry: Entry {
            original: flow,
            reply: back,
            mark,
        },
        packets: sum(|direction| direction.packets),
        bytes: sum(|direction| direction.bytes),
    }))
}

impl Direction {
    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let is_read = match name {
            "src" => fill(&mut self.source, value),
            "dst" => fill(&mut self.destination, value),
            "sport" => fill(&mut self.sport, value),
            "dport" => fill(&mut self.dport, value),
            "type" => fill(&mut self.kind, value),
            "code" => fill(&mut self.code, value),
            "packets" => fill(&mut self.packets, value),
            "bytes" => fill(&mut self.bytes, value),
            // With `-o id` the entry has one, too: a larger number, after that of ICMP.
            "id" if self.kind.is_some() && self.id.is_none() => fill(&mut self.id, value),
            // Zones, helpers, labels and times do not decide a mark of HMARK.
            _ => true,
        };
        match is_read {
            true => Ok(()),
            false => Err(format!("{name}={} cannot be", shown(value))),
        }
    }

    fn flow(&self, protocol: Protocol) -> Result<Flow, String> {
        let source = self.source.ok_or("there is no src=")?;
        let destination = self.destination.ok_or("there is no dst=")?;
        let protocol = match (protocol, source) {
            (Protocol::ICMP, IpAddr::V6(_)) => Protocol::ICMPV6,
            (protocol, _) => protocol,
        };
        let layer4 = match protocol {
            protocol if protocol.is_icmp() => Layer4::Icmp {
                kind: self.kind.ok_or("there is no type=")?,
                code: self.code.unwrap_or(0),
                id: self.id.unwrap_or(0),
            },
            _ if protocol.has_ports() => Layer4::Ports {
                source: self.sport.ok_or("there is no sport=")?,
                destination: self.dport.ok_or("there is no dport=")?,
            },
            _ => Layer4::None,
        };
        Flow::new(protocol, source, destination, layer4)
            .ok_or_else(|| format!("{source} and {destination} are not of one family"))
    }
}

/// Reads a value, and returns whether it could be.
fn fill<T: std::str::FromStr>(place: &mut Option<T>, value: &str) -> bool {
    *place = value.parse().ok();
    place.is_some()
}
