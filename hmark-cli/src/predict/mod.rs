// SPDX-License-Identifier: GPL-2.0-only

//! Predictions for many packets or flows: the mark of each, counted.
//!
//! A capture or list gives packets, a [`Judge`] answers for each of them, and a [`Tally`] counts the
//! answers.

pub mod answer;
pub mod both;
mod cut;
mod hashers;
pub mod headers;
mod host;
pub mod identity;
pub mod opening;
pub mod recorded;
mod rule;
mod seen;
mod sentence;
mod tally;
#[cfg(test)]
mod tests;
mod tracked;

use std::io::{BufRead, Read};

use hmark::rule::v1::Info;
use hmark::{Family, Packet};

use self::answer::{Answer, Reason};
use self::cut::Needs;
use self::headers::Headers;
pub use self::host::OfHost;
use self::identity::{Entry, Identity};
use self::opening::Opening;
use self::recorded::Difference;
pub use self::rule::Alone;
pub use self::seen::{Past, MOST_FLOWS};
pub use self::tally::{Prediction, Tally};
use crate::capture::{self, Capture, IpPacket};
use crate::conntrack;
use crate::flow::{Flow, FlowPacket, Layer4, RawPacket};
use crate::flows::{self, List};
use crate::ruleset::Tracking;

/// The number of packets between two reports of progress.
const STEP: u32 = 1 << 12;

/// Answers for packets.
pub trait Judge {
    /// A rule that says which tunnels' flows are told apart.
    fn tunnels(&self) -> Option<&Info>;

    /// The rules that mark packets, of which [`None`] is one whose shares are not known.
    fn rules(&self) -> Vec<Option<Info>>;

    /// The answer for a packet.
    fn answer<P: Packet>(&mut self, asked: &Asked<'_, P>) -> Answer;

    /// Whether the answers depend on connections otherwise than by what HMARK hashes.
    fn asks_for_connections(&self) -> bool {
        false
    }

    /// The mark with which the packet leaves that was answered last; [`None`] if that cannot be told, or it is
    /// dropped.
    fn left(&self, answer: &Answer) -> Option<u32> {
        match answer {
            Answer::Marked(marked) => Some(marked.mark),
            Answer::Unmarked(_) => Some(0),
            Answer::CannotTell(_) => None,
        }
    }
}

/// A packet, and what is known of its flow.
pub struct Asked<'a, P> {
    /// Its family.
    pub family: Family,
    /// The packet itself.
    pub packet: &'a P,
    /// Its flow; [`None`] if it cannot be followed to its ends.
    pub identity: Option<Identity>,
    /// The flow as it was before; [`None`] if it is new, or there is no room for it.
    pub past: Option<Past>,
    /// Whether the flow is new. Without room for it, that is not known.
    pub is_new: bool,
    /// Its connection, if a list has it.
    pub tracking: Option<Tracking>,
    /// The list's entry of that connection.
    pub listed: Option<conntrack::Entry>,
    /// Its entry in conntrack, if nothing is translated.
    entry: Entry,
    /// The state of its flow's connection after it.
    opening: Opening,
}

impl<P: Packet> Asked<'_, P> {
    /// The packet's entry in conntrack: the one that a list has, or else the one that the flow's packets so
    /// far tell, if nothing is translated.
    pub fn connection(&self) -> Entry {
        match self.tracking {
            Some(tracking) => match tracking.connection {
                Some(connection) => Entry::Is {
                    connection,
                    is_new: false,
                },
                None => Entry::None,
            },
            None => self.entry.clone(),
        }
    }

    /// Whether the packet is none that answers, whatever comes before it: SYN of TCP, or an ICMP request.
    pub fn asks(&self) -> bool {
        self.identity.is_some_and(|identity| {
            !identity.is_quoted() && tracked::asks(identity.layer4(), self.packet)
        })
    }

    /// The packet's own headers; [`None`] if not even its addresses are there.
    pub fn headers(&self) -> Option<Headers> {
        let of_identity = self
            .identity
            .and_then(|identity| identity.flow(self.packet));
        match of_identity {
            Some(flow) => Some(Headers {
                flow,
                is_followed: true,
            }),
            None => Headers::of(self.family, self.packet),
        }
    }
}

/// Predicts the marks of a capture's packets. `progress` is now and then told how many bytes are read.
///
/// A file that is damaged is read up to there, which the error is about.
pub fn of_capture<R: Read, J: Judge>(
    mut capture: Capture<R>,
    judge: &mut J,
    most_flows: usize,
    progress: &mut dyn FnMut(u64),
) -> (Prediction, Option<capture::Error>) {
    let mut tally = Tally::new(judge, most_flows);
    let needs = cut::needs(judge);
    let mut step = 0u32;
    let mut number = 0u64;
    let error = loop {
        let frame = match capture.next() {
            Ok(Some(frame)) => frame,
            Ok(None) => break None,
            Err(error) => break Some(error),
        };
        number = number.saturating_add(1);
        tally.see(frame.time);
        match IpPacket::find(frame.link, &frame) {
            Ok(packet) => of_packet(&packet, number, judge, needs, &mut tally),
            Err(reason) => {
                let answer = Answer::Unmarked(Reason::NoPacket(reason));
                tally.count(answer, None, None, 1, frame.len);
            }
        }
        step = step.wrapping_add(1);
        if step % STEP == 0 {
            progress(capture.offset());
        }
    };
    let mut prediction = tally.finish(judge);
    prediction.cut = capture.cut();
    (prediction, error)
}

/// Predicts the mark of the packet with this number in its capture.
fn of_packet<J: Judge>(
    packet: &IpPacket<'_>,
    number: u64,
    judge: &mut J,
    needs: Needs,
    tally: &mut Tally,
) {
    // The ports tell flows apart, even if the rule can do without them.
    let walked = packet.raw();
    let identity = tally.identity(packet.family, &walked);
    // Without them, its connection is not known.
    let is_lost = walked.was_cut() && needs.connections;
    let identity = identity.filter(|_| !walked.was_cut());
    // Conntrack reads more of a packet than many rules.
    let tracked = packet.raw();
    let mut asked = tally.asked(packet.family, &tracked, identity, None);
    if tracked.was_cut() {
        (asked.entry, asked.opening) = (Entry::Unknown(Reason::Cut), Opening::Unclear);
    }
    let raw = packet.raw();
    let asked = Asked {
        packet: &raw,
        ..asked
    };
    let mut answer = judge.answer(&asked);
    if raw.was_cut() || is_lost {
        // It looks as if the packet had been short.
        answer = Answer::CannotTell(Reason::Cut);
        let filled = cut::with_some_ports(packet).filter(|_| needs.addresses_alone && !is_lost);
        if let Some(bytes) = filled {
            let raw = RawPacket::new(&bytes, packet.len);
            let again = judge.answer(&Asked {
                packet: &raw,
                entry: asked.entry.clone(),
                ..asked
            });
            if !raw.was_cut() {
                answer = again;
            }
        }
    }
    let predicted = match &answer {
        Answer::CannotTell(_) => None,
        answer => judge.left(answer),
    };
    tally
        .recorded
        .count(packet.mark, predicted, |recorded, predicted| Difference {
            number,
            flow: asked.headers().map(|headers| headers.flow),
            recorded,
            predicted,
        });
    let flow = identity.map(|identity| (identity, asked.opening));
    tally.count(answer, flow, asked.past, 1, packet.len.into());
}

/// Predicts the marks of a list's flows. `progress` is now and then told how many bytes are read.
///
/// A list with a mistake is read up to there, which the error is about.
pub fn of_list<R: BufRead, J: Judge>(
    mut list: List<R>,
    judge: &mut J,
    most_flows: usize,
    progress: &mut dyn FnMut(u64),
) -> (Prediction, Option<flows::Error>) {
    let mut tally = Tally::new(judge, most_flows);
    let (mut has_packets, mut has_bytes) = (true, true);
    let mut step = 0u32;
    let error = loop {
        let listed = match list.next() {
            Some(Ok(listed)) => listed,
            Some(Err(error)) => break Some(error),
            None => break None,
        };
        has_packets &= listed.packets.is_some();
        has_bytes &= listed.bytes.is_some();
        let (family, packet) = (listed.flow.family(), listed.flow.packet());
        let identity = tally.identity(family, &packet);
        let tracking = listed
            .entry
            .and_then(|entry| entry.tracking(&listed.flow).ok());
        let asked = Asked {
            listed: listed.entry,
            ..tally.asked(family, &packet, identity, tracking)
        };
        let answer = match hashes_spi(judge, &asked, &listed.flow) {
            true => Answer::CannotTell(Reason::Spi),
            false => judge.answer(&asked),
        };
        let (packets, bytes) = (listed.packets.unwrap_or(0), listed.bytes.unwrap_or(0));
        let flow = identity.map(|identity| (identity, asked.opening));
        tally.count(answer, flow, asked.past, packets, bytes);
        step = step.wrapping_add(1);
        if step % STEP == 0 {
            progress(list.offset());
        }
    };
    let mut prediction = tally.finish(judge);
    (prediction.has_packets, prediction.has_bytes) = (has_packets, has_bytes);
    (prediction, error)
}

/// Whether the answer for a listed flow of ESP or AH depends on its SPI, which no list has.
fn hashes_spi<J: Judge>(judge: &mut J, asked: &Asked<'_, FlowPacket>, flow: &Flow) -> bool {
    if !flow.protocol.has_spi() || flow.layer4 != Layer4::None {
        return false;
    }
    let mut with = |spi| {
        let layer4 = Layer4::Spi(spi);
        let packet = Flow { layer4, ..*flow }.packet();
        judge.answer(&Asked {
            packet: &packet,
            entry: asked.entry.clone(),
            is_new: false,
            ..*asked
        })
    };
    // The tuples differ if it is hashed, even if the marks are the same.
    with(0) != with(u32::MAX)
}
