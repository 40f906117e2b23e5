// SPDX-License-Identifier: GPL-2.0-only

//! Captures of every kind, made byte by byte.

mod damaged;
mod files;
mod links;
mod nflog;

use super::*;
use crate::flow::Flow;

/// The byte order of a file or section.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

/// A file with numbers in one byte order.
struct File {
    bytes: Vec<u8>,
    order: Order,
}

impl File {
    fn new(order: Order) -> Self {
        Self {
            bytes: Vec::new(),
            order,
        }
    }

    fn u16(mut self, number: u16) -> Self {
        self.bytes.extend(match self.order {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        });
        self
    }

    fn u32(mut self, number: u32) -> Self {
        self.bytes.extend(match self.order {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        });
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    /// The header of a pcap file.
    fn pcap(order: Order, magic: u32, link: u32) -> Self {
        let file = Self::new(order).u32(magic).u16(2).u16(4);
        file.u32(0).u32(0).u32(65_535).u32(link)
    }

    /// A packet of a pcap file, captured at 7 s and `fraction`.
    fn packet(self, fraction: u32, frame: &[u8], len: u32) -> Self {
        let file = self.u32(7).u32(fraction);
        file.u32(frame.len() as u32).u32(len).raw(frame)
    }

    /// A block of a pcapng file.
    fn block(self, kind: u32, body: Self) -> Self {
        let mut body = body.bytes;
        body.resize(body.len().next_multiple_of(4), 0);
        let len = body.len() as u32 + 12;
        self.u32(kind).u32(len).raw(&body).u32(len)
    }

    /// Nothing, in the same byte order.
    fn body(&self) -> Self {
        Self::new(self.order)
    }

    fn section(mut self, order: Order) -> Self {
        self.order = order;
        let body = self.body().u32(0x1a2b_3c4d).u16(1).u16(0);
        let body = body.u32(u32::MAX).u32(u32::MAX);
        self.block(0x0a0d_0d0a, body)
    }

    fn interface(self, link: u16, snap: u32, options: &[u8]) -> Self {
        let body = self.body().u16(link).u16(0).u32(snap).raw(options);
        self.block(1, body)
    }

    fn enhanced(self, interface: u32, time: u64, frame: &[u8], len: u32) -> Self {
        let body = self.body().u32(interface);
        let body = body.u32((time >> 32) as u32).u32(time as u32);
        let body = body.u32(frame.len() as u32).u32(len).raw(frame);
        self.block(6, body)
    }
}

/// The bytes of a packet, from its network header on.
fn ip(flow: &str) -> Vec<u8> {
    flow.parse::<Flow>().unwrap().packet().bytes().to_vec()
}

/// An Ethernet frame with this before its payload, from the "ethertype" on.
fn ethernet(kind: &[u8], payload: &[u8]) -> Vec<u8> {
    [&[0x11; 12], kind, payload].concat()
}

/// A frame, as it was captured.
#[derive(Debug, PartialEq)]
struct Owned {
    link: u16,
    bytes: Vec<u8>,
    len: u64,
    time: u64,
}

fn read(file: &[u8]) -> Result<(Vec<Owned>, Option<Cut>), Error> {
    read_from(file)
}

fn read_from(stream: impl Read) -> Result<(Vec<Owned>, Option<Cut>), Error> {
    let mut capture = Capture::open(stream)?;
    let mut frames = Vec::new();
    while let Some(frame) = capture.next()? {
        frames.push(Owned {
            link: frame.link.0,
            bytes: frame.bytes.to_vec(),
            len: frame.len,
            time: frame.time,
        });
    }
    Ok((frames, capture.cut()))
}

fn error(file: &[u8]) -> String {
    read(file).expect_err("an error").to_string()
}
