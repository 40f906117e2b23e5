// SPDX-License-Identifier: GPL-2.0-only

//! The flow of a packet's own headers, where the walk of [`hmark`] does not find one.

use std::net::IpAddr;

use hmark::{Family, Packet};

use crate::flow::{Flow, Layer4, Protocol};

/// A packet's own headers, as matches of iptables see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// Their flow. Without its protocol, only the addresses are known.
    pub flow: Flow,
    /// Whether the flow's protocol, and what it has of layer 4, are the packet's.
    pub is_followed: bool,
}

impl Headers {
    /// The headers of a packet that belongs to no flow: an ICMP error that quotes too little, or one whose
    /// headers are cut off or cannot be followed.
    ///
    /// [`None`] if not even its addresses are there.
    pub fn of<P: Packet>(family: Family, packet: &P) -> Option<Self> {
        let (source, destination): (IpAddr, IpAddr) = match family {
            Family::Ipv4 => {
                let [source, destination]: [[u8; 4]; 2] = [packet.read(12)?, packet.read(16)?];
                (source.into(), destination.into())
            }
            Family::Ipv6 => {
                let [source, destination]: [[u8; 16]; 2] = [packet.read(8)?, packet.read(24)?];
                (source.into(), destination.into())
            }
        };
        let icmp = icmp(family, packet);
        let flow = Flow::new(
            Protocol::icmp(family),
            source,
            destination,
            icmp.unwrap_or(Layer4::None),
        )?;
        Some(Self {
            flow,
            is_followed: icmp.is_some(),
        })
    }
}

/// The head of an ICMP message that follows the first header at once, and is no later fragment.
fn icmp<P: Packet>(family: Family, packet: &P) -> Option<Layer4> {
    let (protocol, at) = match family {
        Family::Ipv4 => {
            let [length] = packet.read(0)?;
            let fragment: [u8; 2] = packet.read(6)?;
            if u16::from_be_bytes(fragment) & 0x1fff != 0 {
                return None;
            }
            let [protocol] = packet.read(9)?;
            (protocol, u32::from(length & 0x0f) << 2)
        }
        Family::Ipv6 => {
            let [protocol] = packet.read(6)?;
            (protocol, 40)
        }
    };
    if Protocol(protocol) != Protocol::icmp(family) {
        return None;
    }
    let [kind, code] = packet.read(at)?;
    Some(Layer4::Icmp { kind, code, id: 0 })
}
