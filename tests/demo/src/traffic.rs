// SPDX-License-Identifier: GPL-2.0-only

//! Flows over real sockets: many clients talk to an echo server and check its answers.

use std::collections::HashSet;
use std::fmt;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;

use anyhow::{ensure, Context, Result};
use socket2::{Domain, Socket, Type};
use testbed::family::Family;
use testbed::patience::PATIENCE;

use crate::topology::{self, Topology, CLIENTS};

/// The server's port.
const ECHO: u16 = 7;
/// Messages sent and echoed in each flow.
const MESSAGES: usize = 3;
/// Number of clients that work at the same time.
const WORKERS: usize = 8;
/// Seed of the client ports, so that each run of the demo sends the same flows.
const SEED: u64 = 0x4852_4d41;

/// The transport protocol of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    Tcp,
    Udp,
}

/// A flow, as seen from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    pub transport: Transport,
    pub client: SocketAddr,
    pub server: SocketAddr,
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Tcp => "TCP",
            Transport::Udp => "UDP",
        };
        write!(f, "{transport} {} > {}", self.client, self.server)
    }
}

/// Sends `count` TCP and `count` UDP flows from clients to the server, and returns them.
///
/// # Errors
/// If a flow gets no answer, or a different one than it sent.
pub fn run(topology: &Topology, family: Family, count: usize) -> Result<Vec<Flow>> {
    let server = SocketAddr::new(topology::server(family), ECHO);
    topology.server.enter(|| serve(server))?;
    let flows = choose(family, server, count);
    topology.clients.enter(|| {
        thread::scope(|scope| {
            let workers: Vec<_> = flows
                .chunks(flows.len().div_ceil(WORKERS))
                .map(|flows| scope.spawn(|| flows.iter().try_for_each(talk)))
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().expect("a panic ends the process"))
        })
    })?;
    Ok(flows)
}

/// Chooses distinct client addresses and ports.
fn choose(family: Family, server: SocketAddr, count: usize) -> Vec<Flow> {
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut taken = HashSet::new();
    let mut flows = Vec::new();
    for transport in [Transport::Tcp, Transport::Udp] {
        while flows
            .iter()
            .filter(|flow: &&Flow| flow.transport == transport)
            .count()
            < count
        {
            let address = topology::client(family, random.u16(..CLIENTS));
            let flow = Flow {
                transport,
                client: SocketAddr::new(address, random.u16(1024..)),
                server,
            };
            if taken.insert(flow) {
                flows.push(flow);
            }
        }
    }
    flows
}

/// Starts the echo server; its threads end with the process.
fn serve(address: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(address).context("echo server")?;
    let socket = UdpSocket::bind(address).context("echo server")?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || echo(stream));
        }
    });
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        // If a datagram cannot be echoed, its client misses the answer and reports that.
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..length], client);
        }
    });
    Ok(())
}

fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 2048];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..length])?;
    }
}

/// Sends a flow's messages and checks each echo.
fn talk(flow: &Flow) -> Result<()> {
    let (domain, any) = (Domain::for_address(flow.client), flow.client);
    let kind = match flow.transport {
        Transport::Tcp => Type::STREAM,
        Transport::Udp => Type::DGRAM,
    };
    let exchange = || -> Result<()> {
        let socket = Socket::new(domain, kind, None)?;
        socket.bind(&any.into()).context("bind")?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket
            .connect_timeout(&flow.server.into(), PATIENCE)
            .context("connect")?;
        let mut socket = socket;
        for number in 0..MESSAGES {
            let message = format!("message {number} of {flow}");
            socket.write_all(message.as_bytes()).context("send")?;
            let mut answer = vec![0; message.len()];
            socket.read_exact(&mut answer).context("no echo")?;
            ensure!(answer == message.as_bytes(), "the echo differs");
        }
        Ok(())
    };
    exchange().with_context(|| format!("flow {flow}"))
}

/// The first packet of a flow as the selector gets it, from which the mark is made.
pub fn first_packet(flow: &Flow) -> Result<Vec<u8>> {
    use etherparse::PacketBuilder;
    let (sport, dport) = (flow.client.port(), flow.server.port());
    let ip = match (flow.client.ip(), flow.server.ip()) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => PacketBuilder::ipv4(src.octets(), dst.octets(), 64),
        (IpAddr::V6(src), IpAddr::V6(dst)) => PacketBuilder::ipv6(src.octets(), dst.octets(), 64),
        _ => anyhow::bail!("flow {flow} mixes families"),
    };
    let mut packet = Vec::new();
    match flow.transport {
        Transport::Tcp => ip.tcp(sport, dport, 0, 0).write(&mut packet, &[])?,
        Transport::Udp => ip.udp(sport, dport).write(&mut packet, &[])?,
    }
    Ok(packet)
}
