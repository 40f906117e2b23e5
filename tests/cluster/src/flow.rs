// SPDX-License-Identifier: GPL-2.0-only

//! Flows, and the flow that a packet belongs to.

use std::fmt;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use etherparse::{IpNumber, LaxIpSlice};
use hmark::rule::Rule;
use libtest_mimic::Trial;
use packets::Bytes;
use testbed::family::{Commands, Family};
use testbed::trial::test;

/// The transport protocol of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    Tcp,
    Udp,
    Sctp,
}

impl Transport {
    /// All transport protocols.
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    /// The port of a cluster's service: that of HTTP, or of SIP.
    pub fn service(self) -> u16 {
        match self {
            Self::Tcp => 80,
            Self::Udp | Self::Sctp => 5060,
        }
    }

    fn number(self) -> IpNumber {
        match self {
            Self::Tcp => IpNumber::TCP,
            Self::Udp => IpNumber::UDP,
            Self::Sctp => IpNumber::SCTP,
        }
    }

    fn of(number: IpNumber) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|transport| transport.number() == number)
    }
}

/// One test for each transport and family, named after them.
pub fn each_kind(name: &str, run: fn(Transport, Family) -> Result<()>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for transport in Transport::ALL {
        for family in Family::ALL {
            let kind = transport.to_string().to_lowercase();
            let name = format!("{name}_{kind}_{}", family.name());
            trials.push(test(&name, move || run(transport, family)));
        }
    }
    trials
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        })
    }
}

/// The two ends of a packet, and its transport. A flow is identified by those of its first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    pub transport: Transport,
    pub source: SocketAddr,
    pub destination: SocketAddr,
}

impl Flow {
    /// The same flow as the other end sends it.
    pub fn reversed(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            ..self
        }
    }

    /// The family of its addresses.
    pub fn family(&self) -> Family {
        match self.source.is_ipv4() {
            true => Family::Ipv4,
            false => Family::Ipv6,
        }
    }

    /// The mark that a rule gives a packet of this flow.
    ///
    /// # Errors
    /// If the rule gives none.
    pub fn mark(&self, rule: &impl Rule) -> Result<u32> {
        self.mark_of(&self.packet(false), rule)
    }

    /// The mark that a rule gives a fragment of a packet of this flow.
    ///
    /// # Errors
    /// If the rule gives none.
    pub fn fragment_mark(&self, rule: &impl Rule) -> Result<u32> {
        self.mark_of(&self.packet(true), rule)
    }

    fn mark_of(&self, packet: &[u8], rule: &impl Rule) -> Result<u32> {
        let mark = hmark::mark(self.family(), packet, rule);
        mark.with_context(|| format!("{self} gets no mark"))
    }

    /// A packet of the flow, or the first fragment of one.
    fn packet(&self, fragment: bool) -> Vec<u8> {
        let flow = packets::Flow {
            source: self.source,
            destination: self.destination,
            protocol: self.transport.number().0,
        };
        let mut bytes = Bytes::default();
        match fragment {
            true => bytes.fragment(flow, 0, true, 0),
            false => bytes.headers(flow, &[]),
        }
        bytes.layer4(flow);
        bytes.finish(self.family());
        bytes.as_slice().to_vec()
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} > {}",
            self.transport, self.source, self.destination
        )
    }
}

/// The kind of a captured packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A whole packet of the flow.
    Whole,
    /// A fragment of a packet, without ports: only the first has any, and HMARK does not use them.
    Fragment,
    /// An ICMP error about a packet of the flow.
    Error,
}

/// Reads a packet: its kind, and its flow in the packet's own direction.
///
/// [`None`] if it belongs to no flow.
pub fn read(packet: &[u8]) -> Option<(Kind, Flow)> {
    let (ip, _) = LaxIpSlice::from_slice(packet).ok()?;
    let ends = |source, destination| (ip.source_addr(), source, ip.destination_addr(), destination);
    let flow = |transport, (source, sport, destination, dport)| Flow {
        transport,
        source: SocketAddr::new(source, sport),
        destination: SocketAddr::new(destination, dport),
    };
    let payload = ip.payload();
    if ip.is_fragmenting_payload() {
        let transport = Transport::of(payload.ip_number)?;
        return Some((Kind::Fragment, flow(transport, ends(0, 0))));
    }
    let bytes = payload.payload;
    let error = match payload.ip_number {
        IpNumber::ICMP => matches!(bytes.first()?, 3 | 4 | 11 | 12),
        IpNumber::IPV6_ICMP => *bytes.first()? < 128,
        _ => false,
    };
    if error {
        let (_, flow) = read(bytes.get(8..)?)?;
        return Some((Kind::Error, flow));
    }
    let transport = Transport::of(payload.ip_number)?;
    let port = |at: usize| Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    Some((Kind::Whole, flow(transport, ends(port(0)?, port(2)?))))
}

#[cfg(test)]
mod test {
    use super::*;

    fn flow(source: &str, destination: &str) -> Flow {
        Flow {
            transport: Transport::Sctp,
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
        }
    }

    #[test]
    fn packets_are_read_as_they_are_built() {
        for flow in [
            flow("10.0.0.1:1000", "10.0.0.2:80"),
            flow("[fd00::1]:1000", "[fd00::2]:80"),
        ] {
            assert_eq!(read(&flow.packet(false)), Some((Kind::Whole, flow)));
            let (kind, fragment) = read(&flow.packet(true)).unwrap();
            assert_eq!(kind, Kind::Fragment);
            assert_eq!(fragment.source.ip(), flow.source.ip());
            assert_eq!(fragment.source.port(), 0);
        }
    }

    #[test]
    fn error_is_of_the_flow_that_it_is_about() {
        let flow = flow("10.0.0.1:1000", "10.0.0.2:80");
        let mut bytes = Bytes::default();
        bytes.error(packets::Flow {
            source: "10.0.0.9:0".parse().unwrap(),
            destination: flow.source,
            protocol: 0,
        });
        bytes.push(&flow.packet(false)[..28]);
        bytes.finish(Family::Ipv4);
        assert_eq!(read(bytes.as_slice()), Some((Kind::Error, flow)));
    }
}
