// SPDX-License-Identifier: GPL-2.0-only

//! A fuzzer's input: the same bytes mean the same rule and packet on every machine.

use hmark::rule::v0::{flag, Info};
use hmark::{Connection, Ends, Family};

/// Bytes of an input before its packet: kind, two cuts, and the rule as the ABI lays it out.
const HEAD: usize = 1 + 4 + 60;

/// The packet or connection that the rule marks.
pub(crate) enum Subject<'a> {
    Packet(Family, &'a [u8]),
    Connection(Connection),
}

/// An input.
pub(crate) struct Input<'a> {
    pub(crate) rule: Info,
    pub(crate) subject: Subject<'a>,
    /// Offsets, in order, at which to cut the packet into pieces: its length at most.
    pub(crate) cuts: [usize; 2],
}

impl<'a> Input<'a> {
    /// Reads an input; [`None`] if it is too short to have a rule.
    pub(crate) fn parse(input: &'a [u8]) -> Option<Self> {
        let (head, packet) = input.split_at_checked(HEAD)?;
        let mut head = Fields(head);
        let [kind] = head.take();
        let mut cuts = [head.short(), head.short()].map(|at| usize::from(at).min(packet.len()));
        cuts.sort();
        let mut rule = rule(&mut head);
        let subject = subject(kind, packet, &mut rule);
        Some(Self {
            rule,
            subject,
            cuts,
        })
    }
}

/// The subject of an input of this kind, which decides what the rule hashes.
pub(crate) fn subject<'a>(kind: u8, packet: &'a [u8], rule: &mut Info) -> Subject<'a> {
    let subject = match kind {
        b'4' => Subject::Packet(Family::Ipv4, packet),
        b'6' => Subject::Packet(Family::Ipv6, packet),
        _ => Subject::Connection(connection(packet)),
    };
    match subject {
        Subject::Packet(..) => rule.flags &= !flag::CT,
        Subject::Connection(_) => rule.flags |= flag::CT,
    }
    subject
}

/// Numbers in host byte order are little-endian here, as on the machines that do most fuzzing.
pub(crate) fn rule(fields: &mut Fields) -> Info {
    let src_mask = fields.wire_address();
    let dst_mask = fields.wire_address();
    let port_mask = fields.wire();
    let port_set = fields.wire();
    let flags = fields.long();
    let proto_mask = fields.short();
    let _padding = fields.short();
    Info {
        src_mask,
        dst_mask,
        port_mask,
        port_set,
        flags,
        proto_mask,
        hashrnd: fields.long(),
        hmodulus: fields.long(),
        hoffset: fields.long(),
    }
}

fn connection(packet: &[u8]) -> Connection {
    let mut fields = Fields(packet);
    let l3num = fields.short();
    let [protocol] = fields.take();
    Connection {
        ends: Ends::new(l3num, fields.wire_address(), fields.wire_address()),
        protocol,
        original_port: u16::from_ne_bytes(fields.take()),
        reply_port: u16::from_ne_bytes(fields.take()),
    }
}

/// Bytes that are taken from the front. Zeros follow the last one.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        })
    }

    pub(crate) fn short(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    pub(crate) fn long(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    /// A number in network byte order.
    fn wire(&mut self) -> u32 {
        u32::from_ne_bytes(self.take())
    }

    fn wire_address(&mut self) -> [u32; 4] {
        core::array::from_fn(|_| self.wire())
    }
}
