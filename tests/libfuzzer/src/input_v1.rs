// SPDX-License-Identifier: GPL-2.0-only

//! A fuzzer's input for revision 1.

use hmark::rule::v1;
use hmark::rule::v1::{FULL_WEIGHT, WEIGHTS};
use packets::generate;

use crate::input::{self, Fields, Subject};

/// Bytes of an input before its weights: kind, repair, two cuts, the old mark, and the rule as the ABI
/// lays it out, up to the weights.
const HEAD: usize = 1 + 1 + 4 + 4 + 96;

/// An input. After the head it has the weights in short: what all are less than 100, a number of
/// exceptions, and for each a mark and what this is less. The packet follows.
pub(crate) struct Input<'a> {
    pub(crate) rule: v1::Info,
    pub(crate) subject: Subject<'a>,
    /// The packet's mark before.
    pub(crate) old: u32,
    /// Offsets, in order, at which to cut the packet into pieces: its length at most.
    pub(crate) cuts: [usize; 2],
}

impl<'a> Input<'a> {
    /// Reads an input; [`None`] if it is too short to have a rule.
    pub(crate) fn parse(input: &'a [u8]) -> Option<Self> {
        let (head, rest) = input.split_at_checked(HEAD)?;
        let mut head = Fields(head);
        let [kind, repair] = head.take();
        let cuts = [head.short(), head.short()];
        let old = head.long();
        let v0 = input::rule(&mut head);
        let mut rule = v1::Info {
            masked: v1::Masked {
                v0,
                mark_mask: head.long(),
            },
            from: head.long(),
            key: head.take(),
            gtpu_port: head.short(),
            vxlan_port: head.short(),
            geneve_port: head.short(),
            inner: u8::from_le_bytes(head.take()),
            reserved: head.take(),
            less: [0; WEIGHTS],
        };
        let mut rest = Fields(rest);
        if rule.has(v1::flag::WEIGHT) {
            weights(&mut rest, &mut rule);
        }
        let Fields(packet) = rest;
        let subject = input::subject(kind, packet, &mut rule.masked.v0);
        // The rules that the kernel refuses are few enough to be found among these.
        if repair < 0xf0 {
            generate::mend(&mut rule);
        }
        let mut cuts = cuts.map(|at| usize::from(at).min(packet.len()));
        cuts.sort();
        Some(Self {
            rule,
            subject,
            old,
            cuts,
        })
    }
}

fn weights(fields: &mut Fields, rule: &mut v1::Info) {
    let [usual, exceptions] = fields.take();
    let marks = rule.masked.v0.hmodulus.min(WEIGHTS as u32) as usize;
    rule.less[..marks].fill(usual % (FULL_WEIGHT + 1));
    for _ in 0..exceptions % 8 {
        let [mark, less] = fields.take();
        rule.less[usize::from(mark)] = less;
    }
}
