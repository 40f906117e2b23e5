// SPDX-License-Identifier: GPL-2.0-only

//! A summary of a packet: its ends, and the content that tells flows and kinds of packets apart.

use std::fmt;
use std::net::IpAddr;

use anyhow::{Context, Result};
use packets::protocol::{AH, ESP, FRAGMENT, ICMP, ICMPV6, SCTP, TCP, UDP};

/// A packet as a router sees it, or as an ICMP error quotes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub protocol: u8,
    pub content: Content,
}

/// The content of a packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// Source and destination port.
    Ports(u16, u16),
    /// A part of a datagram: the first, which has its ports, or a later one.
    Fragment { first: bool },
    /// The Security Parameter Index of ESP or AH.
    Spi(u32),
    /// An ICMP or ICMPv6 error.
    Error {
        kind: u8,
        code: u8,
        about: Box<Seen>,
    },
    /// Anything else.
    Other,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            src, dst, protocol, ..
        } = self;
        write!(f, "{src} > {dst} protocol {protocol} ")?;
        match &self.content {
            Content::Ports(sport, dport) => write!(f, "{sport} > {dport}"),
            Content::Fragment { first: true } => f.write_str("first fragment"),
            Content::Fragment { first: false } => f.write_str("later fragment"),
            Content::Spi(spi) => write!(f, "SPI {spi:#x}"),
            Content::Error { kind, code, about } => {
                write!(f, "type {kind} code {code} about [{about}]")
            }
            Content::Other => f.write_str("other"),
        }
    }
}

impl Seen {
    /// Reads a packet from its network header on.
    pub fn read(packet: &[u8]) -> Result<Self> {
        parse(packet).context("the packet is cut off")
    }

    /// Whether it is a part of a datagram.
    pub fn is_fragment(&self) -> bool {
        matches!(self.content, Content::Fragment { .. })
    }

    /// Whether it has this port, or is an error about a packet that has it.
    pub fn has_port(&self, port: u16) -> bool {
        match &self.content {
            Content::Ports(sport, dport) => *sport == port || *dport == port,
            Content::Error { about, .. } => about.has_port(port),
            _ => false,
        }
    }
}

fn parse(packet: &[u8]) -> Option<Seen> {
    let (src, dst, mut protocol, mut rest, mut fragment);
    if packet.first()? >> 4 == 4 {
        let address = |at| Some(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?.into());
        (src, dst) = (address(12)?, address(16)?);
        protocol = *packet.get(9)?;
        rest = packet.get(usize::from(packet[0] & 0x0f) * 4..)?;
        // The mask leaves out "don't fragment".
        fragment = Some(number(packet, 6)? & 0x3fff).filter(|&part| part != 0);
        fragment = fragment.map(|part| part & 0x1fff);
    } else {
        let address = |at| Some(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?.into());
        (src, dst) = (address(8)?, address(24)?);
        protocol = *packet.get(6)?;
        rest = packet.get(40..)?;
        fragment = None;
        if protocol == FRAGMENT {
            protocol = *rest.first()?;
            fragment = Some(number(rest, 2)? >> 3);
            rest = rest.get(8..)?;
        }
    }
    let content = match (fragment, protocol) {
        (Some(offset), _) => Content::Fragment { first: offset == 0 },
        (None, TCP | UDP | SCTP) => Content::Ports(number(rest, 0)?, number(rest, 2)?),
        (None, ESP) => Content::Spi(spi(rest)?),
        (None, AH) => Content::Spi(spi(rest.get(4..)?)?),
        (None, ICMP) if matches!(rest.first()?, 3 | 11) => error(rest)?,
        (None, ICMPV6) if *rest.first()? < 128 => error(rest)?,
        _ => Content::Other,
    };
    Some(Seen {
        src,
        dst,
        protocol,
        content,
    })
}

fn error(icmp: &[u8]) -> Option<Content> {
    Some(Content::Error {
        kind: icmp[0],
        code: *icmp.get(1)?,
        about: Box::new(parse(icmp.get(8..)?)?),
    })
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn spi(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.first_chunk()?))
}
