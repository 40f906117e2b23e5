// SPDX-License-Identifier: GPL-2.0-only

//! A packet's connection, as conntrack has it.

use anyhow::{bail, Result};
use hmark::Connection;

use super::States;
use crate::flow::Flow;

/// The state of a packet's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The packet is its first.
    New,
    /// It was answered.
    Established,
    /// It was announced by another one.
    Related,
    /// Conntrack cannot follow it: the packet has no connection.
    Invalid,
    /// The packet is not tracked.
    Untracked,
    /// It is not known.
    Unclear,
}

impl State {
    /// The state of this name, as `--ctstate` has it, in any case.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "NEW" => Self::New,
            "ESTABLISHED" => Self::Established,
            "RELATED" => Self::Related,
            "INVALID" => Self::Invalid,
            "UNTRACKED" => Self::Untracked,
            _ => return None,
        })
    }
}

/// What is known of a packet's connection when it leaves conntrack, after the table `raw`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracking {
    /// Its state.
    pub state: State,
    /// Its ends. Without translation, they are the flow's own.
    pub connection: Option<Connection>,
    /// Its mark; [`None`] if that is not known.
    pub mark: Option<u32>,
    /// Whether source or destination are translated: [`States::SNAT`], [`States::DNAT`] or neither;
    /// [`None`] if that is not known.
    pub translated: Option<States>,
    /// Whether the connection's original direction is not known to be the flow's.
    pub either_direction: bool,
}

impl Tracking {
    /// A packet in a state, of a connection of which nothing else is known than the flow.
    pub fn of_state(state: State, flow: &Flow) -> Self {
        let is_new = state == State::New;
        let has_connection = !matches!(state, State::Invalid | State::Untracked);
        Self {
            state,
            connection: has_connection.then(|| flow.connection()),
            mark: is_new.then_some(0),
            translated: is_new.then_some(States::default()),
            either_direction: !is_new,
        }
    }

    /// A packet of a connection with this entry in conntrack: its two directions as packets have them when
    /// they come in, and its mark, if known.
    ///
    /// # Errors
    ///
    /// If the flow is neither direction of the entry.
    pub fn of_entry(flow: &Flow, original: &Flow, reply: &Flow, mark: Option<u32>) -> Result<Self> {
        if !(same(flow, original) || same(flow, reply)) {
            bail!("the flow {flow} is neither direction of the entry: {original} and {reply}");
        }
        let mut translated = States::default();
        if original.source != reply.destination || port(original, 0) != port(reply, 1) {
            translated = translated.with(States::SNAT);
        }
        if original.destination != reply.source || port(original, 1) != port(reply, 0) {
            translated = translated.with(States::DNAT);
        }
        Ok(Self {
            state: State::Established,
            connection: Some(Connection {
                ends: match (original.connection().ends, reply.connection().ends) {
                    (
                        hmark::Ends::Ipv4 { original, .. },
                        hmark::Ends::Ipv4 {
                            original: reply, ..
                        },
                    ) => hmark::Ends::Ipv4 { original, reply },
                    (
                        hmark::Ends::Ipv6 { original, .. },
                        hmark::Ends::Ipv6 {
                            original: reply, ..
                        },
                    ) => hmark::Ends::Ipv6 { original, reply },
                    _ => bail!("the two directions of the entry are not of one family"),
                },
                protocol: original.protocol.0,
                original_port: original.connection().original_port,
                reply_port: reply.connection().original_port,
            }),
            mark,
            translated: Some(translated),
            either_direction: false,
        })
    }

    /// The states that the match `conntrack` sees; [`None`] for those of translation if they are not known.
    ///
    /// [`None`] if the state is not known.
    pub(super) fn states(&self) -> Option<(States, Option<States>)> {
        Some(match self.state {
            State::Unclear => return None,
            State::New => (States::NEW, self.translated),
            State::Established => (States::ESTABLISHED, self.translated),
            State::Related => (States::RELATED, self.translated),
            State::Invalid => (States::INVALID, Some(States::default())),
            State::Untracked => (States::UNTRACKED, Some(States::default())),
        })
    }
}

/// Whether two flows have the same ends, whatever the ICMP message.
fn same(flow: &Flow, other: &Flow) -> bool {
    let ends = |flow: &Flow| (flow.protocol, flow.source, flow.destination, flow.ports());
    ends(flow) == ends(other)
}

fn port(flow: &Flow, end: usize) -> Option<u16> {
    let (source, destination) = flow.ports()?;
    match end {
        0 => Some(source),
        _ => Some(destination),
    }
}
