// SPDX-License-Identifier: GPL-2.0-only

//! Reads the packets that NFLOG rules log, with their marks.

use anyhow::{bail, ensure, Context, Result};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_netfilter::nflog::{
    config_request, ConfigCmd, ConfigFlags, ConfigMode, ConfigNla, PacketNla, Timeout, ULogMessage,
};
use netlink_packet_netfilter::{NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily};
use netlink_sys::{constants::NETLINK_NETFILTER, Socket};
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use testbed::patience::PATIENCE;

/// The NFLOG group of the rules.
pub const GROUP: u16 = 5;

/// Kernel memory for unread messages, in bytes.
const SOCKET_BUFFER: usize = 32 << 20;
/// Number of messages that the kernel puts into one datagram, and its buffer for them in bytes.
const BATCH: u32 = 200;
const BATCH_BUFFER: u32 = 128 << 10;
/// Time that a datagram waits for more messages, in hundredths of a second.
const BATCH_DELAY: u32 = 1;

/// A packet as a rule logged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The rule's `--nflog-prefix`.
    pub rule: String,
    /// The packet from its network header on.
    pub packet: Vec<u8>,
    /// Its mark.
    pub mark: u32,
}

/// A socket that receives the messages to [`GROUP`] in the namespace in which it was made.
pub struct Nflog {
    socket: Socket,
    buffer: Vec<u8>,
    /// Sequence number of the next message.
    next: u32,
}

impl Nflog {
    /// Starts to receive.
    pub fn open() -> Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        setsockopt(&socket, sockopt::RcvBufForce, &SOCKET_BUFFER)?;
        setsockopt(
            &socket,
            sockopt::ReceiveTimeout,
            &TimeVal::seconds(PATIENCE.as_secs() as i64),
        )?;
        let mut nflog = Self {
            socket,
            buffer: vec![0; 2 * BATCH_BUFFER as usize],
            next: 0,
        };
        nflog.configure(vec![ConfigCmd::Bind.into()])?;
        nflog.configure(vec![
            ConfigMode::PACKET_MAX.into(),
            ConfigFlags::SEQ.into(),
            ConfigNla::NlBufSiz(BATCH_BUFFER),
            ConfigNla::QThresh(BATCH),
            Timeout::new(BATCH_DELAY).into(),
        ])?;
        Ok(nflog)
    }

    fn configure(&mut self, settings: Vec<ConfigNla>) -> Result<()> {
        let request = config_request(NetfilterProtoFamily::Unspec, GROUP, settings);
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let length = self.socket.recv(&mut &mut self.buffer[..], 0)?;
        let answer = NetlinkMessage::<NetfilterMessage>::deserialize(&self.buffer[..length])?;
        match answer.payload {
            NetlinkPayload::Error(error) if error.code.is_none() => Ok(()),
            other => bail!("the kernel refuses NFLOG group {GROUP}: {other:?}"),
        }
    }

    /// Waits for a datagram, and appends its packets to `logged` in the order of logging.
    ///
    /// # Errors
    /// If none comes, or if the kernel had to drop one.
    pub fn receive(&mut self, logged: &mut Vec<Logged>) -> Result<()> {
        let length = self
            .socket
            .recv(&mut &mut self.buffer[..], 0)
            .context("NFLOG: messages lost, or none came")?;
        let mut rest = &self.buffer[..length];
        while !rest.is_empty() {
            let message = NetlinkMessage::<NetfilterMessage>::deserialize(rest)?;
            let aligned = (message.header.length as usize).next_multiple_of(4);
            rest = rest.get(aligned..).unwrap_or_default();
            let NetlinkPayload::InnerMessage(NetfilterMessage {
                inner: NetfilterMessageInner::ULog(ULogMessage::Packet(attributes)),
                ..
            }) = message.payload
            else {
                continue;
            };
            let (sequence, entry) = read(attributes)?;
            ensure!(
                sequence == self.next,
                "NFLOG: message {} is missing",
                self.next
            );
            self.next += 1;
            logged.push(entry);
        }
        Ok(())
    }
}

fn read(attributes: Vec<PacketNla>) -> Result<(u32, Logged)> {
    let mut sequence = None;
    let mut logged = Logged {
        rule: String::new(),
        packet: Vec::new(),
        // The kernel sends no attribute for the mark 0.
        mark: 0,
    };
    for attribute in attributes {
        match attribute {
            PacketNla::Seq(number) => sequence = Some(number),
            PacketNla::Prefix(prefix) => logged.rule = prefix.into_string()?,
            PacketNla::Payload(packet) => logged.packet = packet,
            PacketNla::Mark(mark) => logged.mark = mark,
            _ => {}
        }
    }
    Ok((sequence.context("NFLOG: no sequence number")?, logged))
}
