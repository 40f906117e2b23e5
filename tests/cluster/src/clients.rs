// SPDX-License-Identifier: GPL-2.0-only

//! Clients with many connections, each asked and answered as often as a test wants.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use socket2::{Domain, Protocol, Socket, Type};
use testbed::patience::PATIENCE;

use crate::flow::{Flow, Transport};
use crate::host::Host;

/// Maximum length of an answer.
const LONGEST: usize = 1 << 16;

/// Connections that send their question before the first answer is read.
const AT_ONCE: usize = 100;

/// An open connection.
pub struct Connection {
    pub flow: Flow,
    socket: Socket,
    asked: usize,
    /// Bytes that questions over UDP and SCTP have in addition to their text.
    pub padding: usize,
    /// The server that answered last.
    server: Option<String>,
}

/// Chooses distinct flows to `server` from clients' `addresses`: the same ones for the same seed.
pub fn choose(
    transport: Transport,
    addresses: &[IpAddr],
    server: SocketAddr,
    count: usize,
    seed: u64,
) -> Vec<Flow> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut taken = HashSet::new();
    let mut flows = Vec::with_capacity(count);
    while flows.len() < count {
        let address = addresses[random.usize(..addresses.len())];
        let flow = Flow {
            transport,
            source: SocketAddr::new(address, random.u16(1024..)),
            destination: server,
        };
        if taken.insert(flow) {
            flows.push(flow);
        }
    }
    flows
}

/// Opens the connections from `host`, one after the other.
///
/// # Errors
/// If one is refused or gets no answer.
pub fn open(host: &Host, flows: &[Flow]) -> Result<Vec<Connection>> {
    host.netns()
        .enter(|| flows.iter().map(|flow| Connection::open(*flow)).collect())
}

/// Opens the connections from `host`, each of which asks as soon as those of its chunk are open, so
/// that none is silent for long and servers keep up.
///
/// # Errors
/// As [`open`] and [`ask`].
pub fn open_and_ask(host: &Host, flows: &[Flow]) -> Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(flows.len());
    for flows in flows.chunks(AT_ONCE) {
        let mut opened = open(host, flows)?;
        ask(&mut opened)?;
        connections.extend(opened);
    }
    Ok(connections)
}

/// Makes each connection ask once and get an answer, which must come from the same server as
/// before.
///
/// # Errors
/// If one gets no answer, or an answer from another server than before.
pub fn ask(connections: &mut [Connection]) -> Result<()> {
    for connections in connections.chunks_mut(AT_ONCE) {
        for connection in &mut *connections {
            let flow = connection.flow;
            connection
                .ask()
                .with_context(|| format!("{flow}: cannot ask"))?;
        }
        for connection in connections {
            let flow = connection.flow;
            connection
                .hear()
                .with_context(|| format!("{flow}: no answer"))?;
        }
    }
    Ok(())
}

/// A socket bound to a flow's source, which sends nothing yet.
///
/// # Errors
/// If this host has no such address, or the port is taken.
pub fn bind(flow: &Flow) -> Result<Socket> {
    let (kind, protocol) = match flow.transport {
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
        Transport::Sctp => (Type::STREAM, Protocol::SCTP),
    };
    let domain = Domain::for_address(flow.source);
    let socket = Socket::new(domain, kind, Some(protocol))?;
    socket.bind(&flow.source.into()).context("bind")?;
    Ok(socket)
}

impl Connection {
    fn open(flow: Flow) -> Result<Self> {
        let connect = || -> Result<Socket> {
            let socket = bind(&flow)?;
            // The socket is gone as soon as it is closed, so that its port is free for the next
            // test.
            socket.set_linger(Some(Duration::ZERO))?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.set_write_timeout(Some(PATIENCE))?;
            socket.connect(&flow.destination.into())?;
            Ok(socket)
        };
        Ok(Self {
            flow,
            socket: connect().with_context(|| format!("{flow}: cannot connect"))?,
            asked: 0,
            padding: 0,
            server: None,
        })
    }

    /// Sends a question, without waiting for the answer.
    ///
    /// # Errors
    /// If the question cannot be sent.
    pub fn ask(&mut self) -> Result<()> {
        self.asked += 1;
        let message = match self.flow.transport {
            Transport::Tcp => "GET / HTTP/1.1\r\nHost: cluster\r\n\r\n".to_owned(),
            Transport::Udp | Transport::Sctp => self.message(),
        };
        Ok(self.socket.write_all(message.as_bytes())?)
    }

    fn hear(&mut self) -> Result<()> {
        let mut answer = Vec::new();
        let mut buffer = vec![0; LONGEST];
        loop {
            let length = self.socket.read(&mut buffer)?;
            ensure!(length > 0, "the server closed the connection");
            answer.extend(&buffer[..length]);
            if self.flow.transport != Transport::Tcp || is_whole(&answer) {
                break;
            }
        }
        let answer = String::from_utf8(answer)?;
        let server = match self.flow.transport {
            Transport::Tcp => {
                ensure!(answer.starts_with("HTTP/1.1 200 "), "it answered: {answer}");
                answer.lines().last().unwrap_or_default()
            }
            Transport::Udp | Transport::Sctp => {
                let (server, message) = answer.split_once(' ').context("no server's name")?;
                ensure!(message == self.message(), "it answered: {answer}");
                server
            }
        };
        if let Some(before) = &self.server {
            ensure!(before == server, "{before} answered before, now {server}");
        }
        self.server = Some(server.to_owned());
        Ok(())
    }

    /// Whether an answer has come by now.
    ///
    /// # Errors
    /// If the socket cannot be changed.
    pub fn is_answered(&mut self) -> Result<bool> {
        self.socket.set_nonblocking(true)?;
        // The first read may return the error that an ICMP message reported.
        let answered = (0..2).any(|_| self.socket.read(&mut [0]).is_ok());
        self.socket.set_nonblocking(false)?;
        Ok(answered)
    }

    fn message(&self) -> String {
        let padding = "+".repeat(self.padding);
        format!("question {} of {}{padding}", self.asked, self.flow)
    }
}

/// Whether an HTTP answer is complete.
fn is_whole(answer: &[u8]) -> bool {
    let answer = String::from_utf8_lossy(answer);
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse::<usize>().ok())?
    });
    length == Some(body.len())
}
