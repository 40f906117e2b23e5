// SPDX-License-Identifier: GPL-2.0-only

//! Well-formed headers of a flow's packets, from the outside in.

use core::net::IpAddr;

use super::hmark::Family;
use super::protocol::{icmp, AH, DCCP, FRAGMENT, GRE, ICMP, ICMPV6, SCTP, TCP, UDP, UDPLITE};
use super::{Bytes, Flow};

impl Bytes {
    /// Appends an IP header, and the headers of these protocols before that of layer 4: any number
    /// of IPv6 extension headers, or AH.
    pub fn headers(&mut self, flow: Flow, extensions: &[u8]) {
        let first = *extensions.first().unwrap_or(&flow.protocol);
        match flow.family() {
            Family::Ipv4 => self.push(&[0x45, 0, 0, 20, 0, 0, 0, 0, 64, first, 0, 0]),
            Family::Ipv6 => self.push(&[0x60, 0, 0, 0, 0, 0, first, 64]),
        }
        for end in [flow.source, flow.destination] {
            match end.ip() {
                IpAddr::V4(address) => self.push(&address.octets()),
                IpAddr::V6(address) => self.push(&address.octets()),
            }
        }
        let mut left = extensions;
        while let Some((&this, rest)) = left.split_first() {
            self.extension(this, *rest.first().unwrap_or(&flow.protocol), flow);
            left = rest;
        }
    }

    /// Appends an IPv4 header with this number of words of options: no operation, and an end.
    pub fn options(&mut self, flow: Flow, words: u8) {
        let start = self.len();
        self.headers(flow, &[]);
        self.put(start, &[0x45 + words]);
        for word in 0..words {
            self.push(&[1, 1, 1, u8::from(word + 1 < words)]);
        }
    }

    /// Appends the headers of a fragment; `offset` is in units of 8 bytes.
    pub fn fragment(&mut self, flow: Flow, offset: u16, more: bool, identification: u16) {
        let (start, id) = (self.len(), identification.to_be_bytes());
        match flow.family() {
            Family::Ipv4 => {
                self.headers(flow, &[]);
                let offset = offset | (u16::from(more) << 13);
                self.put(start + 4, &id);
                self.put(start + 6, &offset.to_be_bytes());
            }
            Family::Ipv6 => {
                self.headers(flow, &[FRAGMENT]);
                let offset = (offset << 3) | u16::from(more);
                self.put(start + 42, &offset.to_be_bytes());
                self.put(start + 46, &id);
            }
        }
    }

    /// Appends the headers of an ICMP or ICMPv6 error: "fragmentation needed" or "packet too big".
    /// The packet that it quotes is to follow.
    pub fn error(&mut self, flow: Flow) {
        self.headers(flow.with(icmp(flow.family())), &[]);
        self.push(match flow.family() {
            Family::Ipv4 => &[3, 4],
            Family::Ipv6 => &[2, 0],
        });
        self.push(&[0, 0, 0, 0, 0x05, 0x14]);
    }

    /// Appends a header of layer 4 that starts a connection, as far as the protocol has those.
    pub fn layer4(&mut self, flow: Flow) {
        let [a, b, c, d] = flow.ports();
        match flow.protocol {
            ICMP => self.push(&[8, 0, 0, 0, a, b, 0, 1]),
            ICMPV6 => self.push(&[128, 0, 0, 0, a, b, 0, 1]),
            GRE => self.push(&[0, 0, 0x08, 0]),
            AH => {
                self.extension(AH, TCP, flow);
                return self.layer4(flow.with(TCP));
            }
            _ => self.push(&[a, b, c, d]),
        }
        self.push(match flow.protocol {
            // SYN.
            TCP => &[0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0x10, 0, 0, 0, 0, 0],
            UDP => &[0, 12, 0, 0, b'p', b'i', b'n', b'g'],
            // All of it is covered by the checksum.
            UDPLITE => &[0, 0, 0, 0, b'p', b'i', b'n', b'g'],
            // INIT.
            SCTP => &[
                0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 20, 0, 0, 0, 7, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1,
            ],
            // Request.
            DCCP => &[5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
            _ => &[0; 16],
        });
    }

    /// Sets the length in the first header, and its checksum. An IPv4 header must be there as far
    /// as it claims to be.
    pub fn finish(&mut self, family: Family) {
        let len = self.len();
        match family {
            Family::Ipv4 => {
                self.put(2, &(len as u16).to_be_bytes());
                self.put(10, &[0; 2]);
                let packet = self.as_slice();
                let header = &packet[..usize::from(packet[0] & 0x0f) * 4];
                let mut sum = 0;
                for word in header.chunks_exact(2) {
                    sum += u32::from(u16::from_be_bytes([word[0], word[1]]));
                }
                let sum = (sum & 0xffff) + (sum >> 16);
                let sum = (sum & 0xffff) + (sum >> 16);
                self.put(10, &(!sum as u16).to_be_bytes());
            }
            Family::Ipv6 => self.put(4, &((len - family.header_len()) as u16).to_be_bytes()),
        }
    }

    /// Appends an extension header, of 8 bytes if it is not AH.
    fn extension(&mut self, this: u8, next: u8, flow: Flow) {
        match this {
            // An integrity check value of 12 bytes follows the sequence number.
            AH => {
                self.push(&[next, 4, 0, 0]);
                self.push(&flow.ports());
                self.push(&[0; 16]);
            }
            FRAGMENT => self.push(&[next, 0, 0, 0, 0, 0, 0, 0]),
            // As options, padding; a routing header of an unknown type.
            _ => self.push(&[next, 0, 1, 4, 0, 0, 0, 0]),
        }
    }
}
