// SPDX-License-Identifier: GPL-2.0-only

//! A server for UDP and SCTP: it answers each message with its name, a blank and the message.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::thread;

use anyhow::{Context, Result};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use crate::host::Host;

/// Maximum length of a message.
const LONGEST: usize = 1 << 16;

/// Buffer for messages that were received but not answered yet.
const BUFFER: usize = 16 << 20;

/// Connections over SCTP that wait to be accepted.
const BACKLOG: i32 = 4096;

/// Starts a server on `address` of a host, which ends with the process.
///
/// # Errors
/// If the host has no such address, or the kernel has no SCTP.
pub fn serve(host: &Host, address: SocketAddr) -> Result<()> {
    host.netns().enter(|| {
        // A socket of this type has the messages of all SCTP connections, as one for UDP has.
        for (kind, protocol) in [
            (Type::DGRAM, Protocol::UDP),
            (Type::SEQPACKET, Protocol::SCTP),
        ] {
            let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
            socket.bind(&address.into()).context("echo server")?;
            setsockopt(&socket, sockopt::RcvBufForce, &BUFFER)?;
            if protocol == Protocol::SCTP {
                socket.listen(BACKLOG)?;
            }
            let name = host.name().to_owned();
            thread::spawn(move || answer(&OwnedFd::from(socket).into(), &name));
        }
        Ok(())
    })
}

/// If a message cannot be answered, its client misses the answer and reports that.
fn answer(socket: &UdpSocket, name: &str) {
    let mut buffer = vec![0; LONGEST];
    loop {
        if let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let answer = [name.as_bytes(), b" ", &buffer[..length]].concat();
            let _ = socket.send_to(&answer, client);
        }
    }
}
