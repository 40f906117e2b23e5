// SPDX-License-Identifier: GPL-2.0-only

//! Entries of conntrack: the two directions of a connection, and a packet's place in it.

mod read;

use std::net::IpAddr;
use std::str::FromStr;

use anyhow::{Context, Error, Result};

pub use self::read::{read, Printed};
use crate::flow::{Flow, Layer4};
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

    /// Reads a line, as [`read`] does.
    ///
    /// # Errors
    ///
    /// A sentence that says which part is missing or wrong.
    fn from_str(line: &str) -> Result<Self> {
        let printed = read(line.trim_ascii()).map_err(Error::msg)?;
        Ok(printed.context("it is no entry of conntrack")?.entry)
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
        // With `-o id`, entries have a number of their own.
        let echo =
            "icmp 1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=77 src=10.0.0.2 dst=10.0.0.1 \
            type=0 code=0 id=77 use=1 id=2871936000";
        let echo: Entry = echo.parse().unwrap();
        assert_eq!(echo.reply.to_string(), "icmp 10.0.0.2 10.0.0.1 0/0 id 77");
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
            ("", "\"\" is no entry"),
            (
                "conntrack v1.4.8 (conntrack-tools): 1 flow",
                "it is no entry",
            ),
            (
                "tcp 6 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2",
                "in the reply's direction there is no src=",
            ),
            ("tcp src=10.0.0.1 dst=a", "dst=a cannot be"),
            ("tcp src=10.0.0.1 sport=99999", "sport=99999 cannot be"),
            (
                "tcp src=10.0.0.1 src=10.0.0.2 dst=10.0.0.1",
                "there is no dst=",
            ),
            (
                "gre src=10.0.0.1 dst=::1 src=10.0.0.2 dst=10.0.0.1",
                "one family",
            ),
        ] {
            let error = line.parse::<Entry>().unwrap_err().to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
