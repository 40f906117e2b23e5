// SPDX-License-Identifier: GPL-2.0-only

//! Routing rules, and their text as `ip rule` shows it.

mod read;

use std::fmt;
use std::ops::RangeInclusive;

use hmark::Family;

use crate::flow::Protocol;
use crate::net::Net;

/// The routing rules of a family, in the order of their preference.
#[derive(Clone, Debug)]
pub struct RoutingRules {
    /// The family.
    pub family: Family,
    /// The rules.
    pub rules: Vec<RoutingRule>,
}

/// A routing rule.
#[derive(Clone, Debug)]
pub struct RoutingRule {
    /// Its preference: the lowest comes first.
    pub preference: u32,
    /// Whether it is for packets that its selectors do not fit.
    pub not: bool,
    /// The network that the source is in.
    pub source: Net,
    /// The network that the destination is in.
    pub destination: Net,
    /// The packet's mark, and the bits of it that count; [`None`] if any mark will do.
    pub mark: Option<(u32, u32)>,
    /// The device that the packet came in by; `lo` stands for the host's own packets.
    pub input: Option<String>,
    /// The device that the packet's socket is bound to.
    pub output: Option<String>,
    /// The layer 4 protocol.
    pub protocol: Option<Protocol>,
    /// The source port.
    pub sport: Option<RangeInclusive<u16>>,
    /// The destination port.
    pub dport: Option<RangeInclusive<u16>>,
    /// Other selectors, as `name value`.
    pub others: Vec<String>,
    /// What is done with packets that fit.
    pub action: Action,
    /// Routes whose prefix is not longer than this are not taken.
    pub suppress_prefix: Option<u32>,
    /// The routing protocol that made it, by its number; [`None`] if only its name is known.
    pub owner: Option<u32>,
    /// The rule as `ip rule` shows it, without its preference.
    pub text: String,
}

/// What a routing rule does with a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Looks for a route in a table.
    Table(String),
    /// Goes on with the first rule of this preference.
    Goto(u32),
    /// Nothing.
    Nop,
    /// Ends the packet's way: `blackhole`, `unreachable` or `prohibit`.
    Refuse(String),
    /// Anything else.
    Unknown(String),
}

impl RoutingRule {
    /// The rule as `ip rule` shows it.
    fn shown(&self) -> String {
        let mut words = Vec::new();
        let every = Net::every(self.source.family());
        if self.not {
            words.push("not".to_string());
        }
        words.push(match self.source == every {
            true => "from all".to_string(),
            false => format!("from {}", self.source),
        });
        if self.destination != every {
            words.push(format!("to {}", self.destination));
        }
        match self.mark {
            Some((mark, u32::MAX)) => words.push(format!("fwmark {mark:#x}")),
            Some((mark, mask)) => words.push(format!("fwmark {mark:#x}/{mask:#x}")),
            None => {}
        }
        let named = |name: &str, value: &dyn fmt::Display| format!("{name} {value}");
        words.extend(self.input.as_ref().map(|device| named("iif", device)));
        words.extend(self.output.as_ref().map(|device| named("oif", device)));
        words.extend(
            self.protocol
                .as_ref()
                .map(|protocol| named("ipproto", protocol)),
        );
        for (name, ports) in [("sport", &self.sport), ("dport", &self.dport)] {
            words.extend(
                ports
                    .as_ref()
                    .map(|ports| match ports.start() == ports.end() {
                        true => named(name, ports.start()),
                        false => format!("{name} {}-{}", ports.start(), ports.end()),
                    }),
            );
        }
        words.extend(self.others.iter().cloned());
        words.push(match &self.action {
            Action::Table(table) => format!("lookup {table}"),
            Action::Goto(preference) => format!("goto {preference}"),
            Action::Nop => "nop".to_string(),
            Action::Refuse(word) | Action::Unknown(word) => word.clone(),
        });
        if let Some(length) = self.suppress_prefix {
            words.push(format!("suppress_prefixlength {length}"));
        }
        words.join(" ")
    }
}

impl fmt::Display for RoutingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.preference, self.text)
    }
}
