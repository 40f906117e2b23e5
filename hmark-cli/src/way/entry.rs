// SPDX-License-Identifier: GPL-2.0-only

//! An entry of conntrack, as `conntrack -L` and `/proc/net/nf_conntrack` print it.

use std::net::IpAddr;
use std::str::FromStr;

use anyhow::{ensure, Context, Error, Result};

use crate::flow::{Flow, Layer4, Protocol};
use crate::ruleset::Tracking;

/// An entry of conntrack: the two directions of a connection, each as its packets have it when they come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The direction of the first packet.
    pub original: Flow,
    /// The direction of replies.
    pub reply: Flow,
    /// The connection's mark, if it is printed.
    pub mark: Option<u32>,
}

impl Entry {
    /// What conntrack knows of a packet of this connection.
    ///
    /// # Errors
    ///
    /// If the flow is neither direction of the entry.
    pub fn tracking(&self, flow: &Flow) -> Result<Tracking> {
        Tracking::of_entry(flow, &self.original, &self.reply, self.mark)
    }

    /// Whether a flow is the direction of replies.
    fn is_reply(&self, flow: &Flow) -> bool {
        let ends = |flow: &Flow| (flow.source, flow.destination, flow.ports());
        ends(flow) == ends(&self.reply)
    }

    /// The destination of a flow's packet after translation, with ports likewise.
    pub fn destination(&self, flow: &Flow) -> (IpAddr, Layer4) {
        let (destination, port) = match self.is_reply(flow) {
            true => (
                self.original.source,
                self.original.ports().map(|(port, _)| port),
            ),
            false => (self.reply.source, self.reply.ports().map(|(port, _)| port)),
        };
        let layer4 = match (flow.layer4, port) {
            (Layer4::Ports { source, .. }, Some(destination)) => Layer4::Ports {
                source,
                destination,
            },
            (layer4, _) => layer4,
        };
        (destination, layer4)
    }

    /// The flow that answers this one, as its packets come in.
    ///
    /// # Errors
    ///
    /// If the flow is neither direction of the entry.
    pub fn answer(&self, flow: &Flow) -> Result<Flow> {
        self.tracking(flow)?;
        Ok(match self.is_reply(flow) {
            true => self.original,
            false => self.reply,
        })
    }
}

impl FromStr for Entry {
    type Err = Error;

    /// Reads a line: a protocol's name, and later `src=`, `dst=`, `sport=` and `dport=` twice, and perhaps
    /// `mark=`.
    ///
    /// # Errors
    ///
    /// A sentence that says which part is missing or wrong.
    fn from_str(line: &str) -> Result<Self> {
        let mut words = line.split_ascii_whitespace();
        // "ipv4 2 tcp 6" in the file, "[NEW] tcp 6" of `conntrack -E`, "unknown 115" without a name.
        let protocol = words.find_map(|word| match word {
            "ipv4" | "ipv6" | "unknown" => None,
            word if word.starts_with('[') => None,
            "2" | "10" if line.starts_with("ipv") => None,
            word => Some(Protocol::named(word)),
        });
        let protocol = protocol
            .flatten()
            .context("no protocol at the beginning of the entry")?;
        let (mut directions, mut mark) = (Vec::new(), None);
        for word in words {
            let Some((name, value)) = word.split_once('=') else {
                continue;
            };
            match name {
                "src" => directions.push(Direction {
                    source: Some(address(value)?),
                    ..Direction::default()
                }),
                "mark" => mark = Some(value.parse().with_context(|| format!("mark={value}"))?),
                _ => {
                    let Some(direction) = directions.last_mut() else {
                        continue;
                    };
                    direction.set(name, value)?;
                }
            }
        }
        ensure!(
            directions.len() == 2,
            "the entry has not two directions, each with src="
        );
        let mut flows = directions
            .into_iter()
            .map(|direction| direction.flow(protocol));
        let (Some(original), Some(reply)) = (flows.next(), flows.next()) else {
            anyhow::bail!("the entry has not two directions");
        };
        Ok(Self {
            original: original?,
            reply: reply?,
            mark,
        })
    }
}

/// The fields of a direction.
#[derive(Default)]
struct Direction {
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    sport: Option<u16>,
    dport: Option<u16>,
    kind: Option<u8>,
    code: Option<u8>,
    id: Option<u16>,
}

fn address(value: &str) -> Result<IpAddr> {
    value
        .parse()
        .with_context(|| format!("\"{value}\" is no address"))
}

impl Direction {
    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let wrong = || format!("{name}={value} is no number in its range");
        match name {
            "dst" => self.destination = Some(address(value)?),
            "sport" => self.sport = Some(value.parse().with_context(wrong)?),
            "dport" => self.dport = Some(value.parse().with_context(wrong)?),
            "type" => self.kind = Some(value.parse().with_context(wrong)?),
            "code" => self.code = Some(value.parse().with_context(wrong)?),
            "id" => self.id = Some(value.parse().with_context(wrong)?),
            _ => {}
        }
        Ok(())
    }

    fn flow(self, protocol: Protocol) -> Result<Flow> {
        let source = self.source.context("the entry has no src=")?;
        let destination = self.destination.context("the entry has no dst=")?;
        let layer4 = match (self.sport, self.dport, self.kind) {
            (Some(source), Some(destination), _) => Layer4::Ports {
                source,
                destination,
            },
            (_, _, Some(kind)) => Layer4::Icmp {
                kind,
                code: self.code.unwrap_or(0),
                id: self.id.unwrap_or(0),
            },
            _ => Layer4::None,
        };
        let flow = Flow::new(protocol, source, destination, layer4);
        flow.with_context(|| format!("{source} and {destination} are not of one family"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_from_both_files() {
        let listed =
            "tcp      6 431999 ESTABLISHED src=10.3.0.11 dst=203.0.113.80 sport=1 dport=80 \
            src=203.0.113.80 dst=198.51.100.1 sport=80 dport=1024 [ASSURED] mark=7 use=1";
        let entry: Entry = listed.parse().unwrap();
        assert_eq!(
            entry.original.to_string(),
            "tcp 10.3.0.11:1 203.0.113.80:80"
        );
        assert_eq!(
            entry.reply.to_string(),
            "tcp 203.0.113.80:80 198.51.100.1:1024"
        );
        assert_eq!(entry.mark, Some(7));
        let file: Entry = format!("ipv4     2 {listed}").parse().unwrap();
        assert_eq!(file, entry);
        let unnamed: Entry = "unknown 47 29 src=10.0.0.1 dst=10.0.0.2 src=10.0.0.2 dst=10.0.0.1"
            .parse()
            .unwrap();
        assert_eq!(unnamed.original.to_string(), "gre 10.0.0.1 10.0.0.2");
        let (destination, layer4) = entry.destination(&entry.reply);
        assert_eq!(destination, entry.original.source);
        let back = Layer4::Ports {
            source: 80,
            destination: 1,
        };
        assert_eq!(layer4, back);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, part) in [
            ("", "no protocol"),
            (
                "tcp 6 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2",
                "two directions",
            ),
            ("tcp src=10.0.0.1 dst=a", "no address"),
            ("tcp src=10.0.0.1 sport=99999", "no number"),
            ("tcp src=10.0.0.1 src=10.0.0.2 dst=10.0.0.1", "no dst="),
            (
                "tcp src=10.0.0.1 dst=::1 src=10.0.0.2 dst=10.0.0.1",
                "one family",
            ),
        ] {
            let error = line.parse::<Entry>().unwrap_err().to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
