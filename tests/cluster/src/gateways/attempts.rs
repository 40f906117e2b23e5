// SPDX-License-Identifier: GPL-2.0-only

//! Connections that are all tried at once, and may fail.

use std::io::{self, ErrorKind, Read, Write};

use anyhow::{Context, Result};
use nix::errno::Errno;
use socket2::Socket;

use crate::clients;
use crate::flow::{Flow, Transport};
use crate::host::Host;

/// A connection that may get an answer.
pub struct Attempt {
    flow: Flow,
    socket: Socket,
    outcome: Outcome,
}

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Waiting,
    Answered,
    /// An ICMP error said that nobody listens.
    Refused,
}

/// Tries to open connections. Those over UDP send nothing yet.
///
/// # Errors
/// If the blade cannot send.
pub fn begin(blade: &Host, flows: &[Flow]) -> Result<Vec<Attempt>> {
    blade
        .netns()
        .enter(|| flows.iter().map(|flow| Attempt::begin(*flow)).collect())
}

/// The outcome of each attempt so far. A datagram without an answer is sent again each time, since
/// the server's socket can queue only a limited number.
pub fn outcomes(attempts: &mut [Attempt]) -> Vec<Outcome> {
    attempts.iter_mut().map(Attempt::outcome).collect()
}

impl Attempt {
    fn begin(flow: Flow) -> Result<Self> {
        let begin = || -> Result<Socket> {
            let socket = clients::bind(&flow)?;
            socket.set_nonblocking(true)?;
            match socket.connect(&flow.destination.into()) {
                Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
                connected => connected?,
            }
            Ok(socket)
        };
        Ok(Self {
            flow,
            socket: begin().with_context(|| format!("{flow}: cannot try"))?,
            outcome: Outcome::Waiting,
        })
    }

    fn outcome(&mut self) -> Outcome {
        if self.outcome == Outcome::Waiting {
            self.outcome = self.look();
        }
        self.outcome
    }

    fn look(&mut self) -> Outcome {
        if self.flow.transport != Transport::Udp {
            return match self.socket.peer_addr() {
                Ok(_) => Outcome::Answered,
                Err(_) => Outcome::Waiting,
            };
        }
        let is_refused =
            |error: io::Error| error.raw_os_error() == Some(Errno::ECONNREFUSED as i32);
        let sent = match self.socket.read(&mut [0; 2048]) {
            Ok(_) => return Outcome::Answered,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.socket.write_all(b"question")
            }
            Err(error) => Err(error),
        };
        match sent.is_err_and(is_refused) {
            true => Outcome::Refused,
            false => Outcome::Waiting,
        }
    }
}
