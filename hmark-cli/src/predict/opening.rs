// SPDX-License-Identifier: GPL-2.0-only

//! A flow's connection in conntrack, as far as the flow's packets tell: the end that opened it, and whether
//! the other one has answered. For TCP, this follows `tcp_conntracks` in
//! `net/netfilter/nf_conntrack_proto_tcp.c`.
//!
//! The first packet of a flow is taken for the connection's first one, unless it can only be a later one.
//! Time does not count, and neither does TCP's window: packets are taken to be in it.

use hmark::Packet;

use super::answer::Reason;
use super::identity::{Entry, Identity};
use super::tracked::{self, Layer4Header, Tracked};
use crate::flow::Protocol;

/// The state of a flow's connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opening {
    /// No packet has opened one.
    #[default]
    None,
    /// One end has opened it: the one that comes first in the order of addresses and ports (`forward`), or
    /// the other one.
    By {
        /// The end.
        forward: bool,
        /// How far the connection has come.
        step: Step,
    },
    /// That depends on packets that were not seen, or on more than the packets.
    Unclear,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// SYN of TCP, which conntrack wants to be answered before anything else follows.
    Asked,
    /// The other end has sent nothing.
    Unanswered,
    /// It has.
    Answered,
    /// An end of TCP has sent FIN: SYN may open the connection anew.
    Closing,
}

impl Opening {
    /// The entry of the flow's next packet, and the state after it.
    pub fn next<P: Packet + ?Sized>(self, identity: &Identity, packet: &P) -> (Entry, Self) {
        let unknown = Entry::Unknown(Reason::Connection);
        // Conntrack sees the whole datagram, put together of all fragments.
        if identity.is_fragment {
            return (unknown, Self::Unclear);
        }
        let header = identity.layer4();
        let state = match identity.is_quoted() && !identity.is_addressed_to_sender(packet) {
            true => Tracked::Invalid,
            false => tracked::state(header, packet),
        };
        match state {
            Tracked::Yes => {}
            Tracked::No => return (Entry::None, self),
            Tracked::Invalid => return (Entry::Invalid, self),
            Tracked::Unknown if identity.is_quoted() => return (unknown, self),
            Tracked::Unknown => return (unknown, Self::Unclear),
        }
        if identity.is_quoted() {
            return match self {
                Self::By { forward, .. } => {
                    let entry = Entry::Is {
                        connection: identity.connection(packet, forward),
                        is_new: false,
                    };
                    (entry, self)
                }
                // The quoted packet came before, and was not seen.
                Self::None | Self::Unclear => (unknown, Self::Unclear),
            };
        }
        let next = match self {
            Self::None => first(header, packet).map(|step| Self::By {
                forward: identity.is_forward,
                step,
            }),
            Self::By { forward, step } => {
                let is_opener = identity.is_forward == forward;
                let next = match header.protocol {
                    Protocol::TCP => tcp(step, is_opener, header, packet),
                    _ if is_opener => Next::Is(step),
                    _ => Next::Is(Step::Answered),
                };
                match next {
                    Next::Is(step) => Some(Self::By { forward, step }),
                    Next::Last => Some(Self::Unclear),
                    Next::Unknown(step) => {
                        let after = step.map_or(Self::Unclear, |step| Self::By { forward, step });
                        return (unknown, after);
                    }
                }
            }
            Self::Unclear => None,
        };
        let Some(next) = next else {
            return (unknown, Self::Unclear);
        };
        let (forward, is_answered) = match self {
            Self::By { forward, step } => {
                let is_answered = matches!(step, Step::Answered | Step::Closing);
                (forward, is_answered || identity.is_forward != forward)
            }
            _ => (identity.is_forward, false),
        };
        let entry = Entry::Is {
            connection: identity.connection(packet, forward),
            is_new: !is_answered,
        };
        (entry, next)
    }
}

/// The step of a connection that a packet opens; [`None`] if it opens none, so that it belongs to one from
/// before the capture, or to none.
fn first<P: Packet + ?Sized>(header: Layer4Header, packet: &P) -> Option<Step> {
    if !tracked::opens(header, packet) {
        return None;
    }
    Some(match header.protocol {
        Protocol::TCP if tracked::asks(header, packet) => Step::Asked,
        _ => Step::Unanswered,
    })
}

/// A TCP packet's meaning for its connection.
enum Next {
    /// It belongs to the connection, which comes to this step.
    Is(Step),
    /// It belongs to the connection, of which nothing is known after it.
    Last,
    /// It may belong to the connection, which comes to this step if that is known.
    Unknown(Option<Step>),
}

fn tcp<P: Packet + ?Sized>(step: Step, is_opener: bool, header: Layer4Header, packet: &P) -> Next {
    use tracked::Segment::{Ack, Fin, Other, Rst, Syn, SynAck};
    match (step, tracked::segment(header, packet), is_opener) {
        (_, Rst, _) => Next::Last,
        (Step::Asked, Syn, true) => Next::Is(Step::Asked),
        (Step::Asked, SynAck, false) => Next::Is(Step::Answered),
        // The answer was not seen, or there was none, so that conntrack takes no such packet.
        (Step::Asked, _, _) => Next::Unknown(None),
        // Sent again, since its answer was lost after this host; or the first of another connection.
        (Step::Answered, Syn, true) => Next::Is(Step::Answered),
        (Step::Closing, Syn, true) => Next::Unknown(Some(Step::Asked)),
        (_, Syn, _) => Next::Unknown(None),
        (_, SynAck, true) => Next::Unknown(Some(step)),
        (Step::Unanswered, SynAck, false) => Next::Unknown(None),
        (_, SynAck, false) => Next::Is(step),
        (Step::Unanswered, Fin, true) => Next::Is(step),
        (_, Fin, _) => Next::Is(Step::Closing),
        (Step::Unanswered, Ack | Other, false) => Next::Is(Step::Answered),
        (_, Ack | Other, _) => Next::Is(step),
    }
}
