// SPDX-License-Identifier: GPL-2.0-only

//! Entries of conntrack: the two directions of a connection, and a packet's place in it.

mod read;

use std::net::IpAddr;

use anyhow::{ensure, Context, Error, Result};

pub use self::read::{read, Printed};
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

impl Entry {
    /// Reads the entry of a connection of this protocol: a line, as [`read`] does, or the part of it from the
    /// first `src=` on, which is all that counts. It may be wrapped, and the line with the number of entries may follow.
    ///
    /// # Errors
    ///
    /// A sentence that says which part is missing or wrong.
    pub fn read(text: &str, protocol: Protocol) -> Result<Self> {
        let lines = text.lines().map(str::trim_ascii);
        let lines = lines.filter(|line| !line.starts_with("conntrack v"));
        let line = lines.collect::<Vec<_>>().join(" ");
        let line = line.trim_ascii();
        let sources = line.split_ascii_whitespace();
        let sources = sources.filter(|word| word.starts_with("src=")).count();
        ensure!(!line.is_empty(), "there is no entry");
        ensure!(sources <= 2, "there are several entries: give one");
        let line = match line.starts_with("src=") {
            true => format!("{} {line}", protocol.0),
            false => line.to_owned(),
        };
        let printed = read(&line).map_err(Error::msg)?;
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
        let read = |line: &str| Entry::read(line, Protocol::TCP).unwrap();
        let entry = read(listed);
        assert_eq!(
            entry.original.to_string(),
            "tcp 10.3.0.11:1 203.0.113.80:80"
        );
        assert_eq!(
            entry.reply.to_string(),
            "tcp 203.0.113.80:80 198.51.100.1:1024"
        );
        assert_eq!(entry.mark, Some(7));
        assert_eq!(read(&format!("ipv4     2 {listed}")), entry);
        // The addresses and ports alone, as a script cuts them out, and with a protocol before them.
        let (_, ends) = listed.split_once("ESTABLISHED ").unwrap();
        let (ends, _) = ends.split_once(" [ASSURED]").unwrap();
        for line in [
            ends.to_owned(),
            format!("tcp {ends}"),
            format!("6 {ends}\n"),
        ] {
            assert_eq!(
                read(&line),
                Entry {
                    mark: None,
                    ..entry
                },
                "{line}"
            );
        }
        let count = "conntrack v1.4.8 (conntrack-tools): 1 flow entries have been shown.";
        assert_eq!(read(&format!("{listed}\n{count}\n")), entry);
        assert_eq!(read(&listed.replace(" src", "\nsrc")), entry);
        let unnamed = "unknown 47 29 src=10.0.0.1 dst=10.0.0.2 src=10.0.0.2 dst=10.0.0.1";
        let unnamed = read(unnamed);
        assert_eq!(unnamed.original.to_string(), "gre 10.0.0.1 10.0.0.2");
        // With `-o id`, entries have a number of their own.
        let echo =
            "icmp 1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=77 src=10.0.0.2 dst=10.0.0.1 \
            type=0 code=0 id=77 use=1 id=2871936000";
        let echo = read(echo);
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
            ("", "there is no entry"),
            (
                "tcp src=10.0.0.1 src=10.0.0.1\ntcp src=10.0.0.1",
                "there are several entries",
            ),
            ("203.0.113.80:80 10.0.0.1:5555", "is no entry"),
            (
                "conntrack v1.4.8 (conntrack-tools): 1 flow",
                "there is no entry",
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
            let error = Entry::read(line, Protocol::TCP).unwrap_err().to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
