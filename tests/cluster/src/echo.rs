// SPDX-License-Identifier: GPL-2.0-only

//! A server for UDP and SCTP: it answers each message with its name, a blank and the message.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::thread;

use anyhow::{Context, Result};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use crate::host::Host;

/// Maximum length of a message.
const LONGEST: usize = 1 << 16;

/// Buffer for datagrams that were received but not answered yet.
const BUFFER: usize = 16 << 20;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;

/// Starts a server on `address` of a host, which ends with the process.
///
/// # Errors
/// If the host has no such address, or the kernel has no SCTP.
pub fn serve(host: &Host, address: SocketAddr) -> Result<()> {
    let name = host.name().to_owned();
    host.netns().enter(|| {
        let datagrams = UdpSocket::bind(address).context("echo server, UDP")?;
        setsockopt(&datagrams, sockopt::RcvBufForce, &BUFFER)?;
        let domain = Domain::for_address(address);
        let listener = Socket::new(domain, Type::STREAM, Some(Protocol::SCTP))?;
        listener
            .bind(&address.into())
            .context("echo server, SCTP")?;
        listener.listen(BACKLOG)?;
        let streams = Streams::of(listener)?;
        let datagrams_of = name.clone();
        thread::spawn(move || answer_datagrams(&datagrams, &datagrams_of));
        thread::spawn(move || streams.answer(&name));
        Ok(())
    })
}

fn answer(name: &str, message: &[u8]) -> Vec<u8> {
    [name.as_bytes(), b" ", message].concat()
}

/// If a message cannot be answered, its client misses the answer and reports that.
fn answer_datagrams(socket: &UdpSocket, name: &str) {
    let mut buffer = vec![0; LONGEST];
    loop {
        if let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&answer(name, &buffer[..length]), client);
        }
    }
}

/// A listener, and the connections that it accepted, by their epoll tokens.
struct Streams {
    epoll: Epoll,
    listener: Socket,
    connections: HashMap<u64, Socket>,
}

/// The listener's epoll token.
const LISTENER: u64 = 0;

impl Streams {
    fn of(listener: Socket) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::empty())?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        Ok(Self {
            epoll,
            listener,
            connections: HashMap::new(),
        })
    }

    fn answer(mut self, name: &str) {
        let mut events = [EpollEvent::empty(); 64];
        let mut buffer = vec![0; LONGEST];
        let mut last = LISTENER;
        loop {
            let ready = self.epoll.wait(&mut events, EpollTimeout::NONE);
            for event in &events[..ready.unwrap_or(0)] {
                if event.data() == LISTENER {
                    last += 1;
                    self.accept(last);
                    continue;
                }
                let Some(connection) = self.connections.get_mut(&event.data()) else {
                    continue;
                };
                match connection.read(&mut buffer) {
                    Ok(length @ 1..) => {
                        let _ = connection.write_all(&answer(name, &buffer[..length]));
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    _ => drop(self.connections.remove(&event.data())),
                }
            }
        }
    }

    fn accept(&mut self, token: u64) {
        if let Ok((connection, _)) = self.listener.accept() {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, token);
            if self.epoll.add(&connection, event).is_ok() {
                self.connections.insert(token, connection);
            }
        }
    }
}
