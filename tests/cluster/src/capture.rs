// SPDX-License-Identifier: GPL-2.0-only

//! Captures every packet that hosts receive, by packet sockets on them.

use std::collections::{BTreeMap, HashMap};
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use nix::errno::Errno;
use nix::sys::socket::{
    recvmsg, setsockopt, socket, sockopt, AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags,
    SockFlag, SockProtocol, SockType,
};

use crate::flow::{self, Flow, Kind};
use crate::host::Host;

/// Buffer for packets that a host has received but that have not been read yet. One that stands for 256 gateways
/// gets 256 copies of each that asks for a neighbour.
const BUFFER: usize = 256 << 20;

/// Interval at which packets are read, in addition to reads on request.
const INTERVAL: Duration = Duration::from_millis(20);

/// `PACKET_HOST`: a packet for this host.
const TO_US: u8 = 0;

/// A packet that a host received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sighting {
    pub kind: Kind,
    /// The flow in the packet's own direction.
    pub flow: Flow,
    /// Index of the host in the list given to [`Capture::start`].
    pub host: usize,
    /// Index of the interface in that list.
    pub interface: usize,
    /// The hardware address of the host that sent it.
    pub sender: [u8; 6],
}

/// Captured packets, with the number of each.
pub type Sightings = HashMap<Sighting, u64>;

/// Captures packets on hosts until the process ends.
pub struct Capture {
    state: Arc<Mutex<State>>,
}

struct State {
    ears: Vec<Ear>,
    seen: Sightings,
    buffer: Vec<u8>,
}

/// A socket that receives all packets of its host.
struct Ear {
    socket: OwnedFd,
    /// The interfaces, by the kernel's numbers.
    interfaces: BTreeMap<usize, usize>,
    /// The number of packets that were lost.
    lost: u32,
}

impl Capture {
    /// Starts to capture on the `interfaces` of `hosts`.
    ///
    /// # Errors
    /// If a host lacks such an interface.
    pub fn start(hosts: &[Arc<Host>], interfaces: &[&str]) -> Result<Self> {
        let ears = hosts.iter().map(|host| Ear::open(host, interfaces));
        let state = Arc::new(Mutex::new(State {
            ears: ears.collect::<Result<_>>()?,
            seen: Sightings::new(),
            buffer: vec![0; 1 << 16],
        }));
        let reader = Arc::clone(&state);
        thread::spawn(move || loop {
            // `take` meets an error again, and reports it.
            let _ = reader
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .drain();
            thread::sleep(INTERVAL);
        });
        Ok(Self { state })
    }

    /// Stops to capture on all hosts but the first ones, so many.
    pub fn keep(&self, count: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.ears.truncate(count);
    }

    /// Captures on one more host, which comes after the others.
    ///
    /// # Errors
    /// If it lacks such an interface.
    pub fn add(&self, host: &Host, interfaces: &[&str]) -> Result<()> {
        let ear = Ear::open(host, interfaces)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.ears.push(ear);
        Ok(())
    }

    /// Takes all packets that were received since the last call.
    ///
    /// # Errors
    /// If a packet was lost.
    pub fn take(&self) -> Result<Sightings> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.drain()?;
        let lost: u32 = state.ears.iter().map(|ear| ear.lost).sum();
        ensure!(lost == 0, "{lost} packets were received and not captured");
        Ok(std::mem::take(&mut state.seen))
    }
}

impl State {
    fn drain(&mut self) -> Result<()> {
        for (host, ear) in self.ears.iter_mut().enumerate() {
            while let Some(packet) = ear.hear(&mut self.buffer)? {
                let Some(interface) = packet.interface else {
                    continue;
                };
                if let Some((kind, flow)) = flow::read(&self.buffer[..packet.len]) {
                    let sighting = Sighting {
                        kind,
                        flow,
                        host,
                        interface,
                        sender: packet.sender,
                    };
                    *self.seen.entry(sighting).or_default() += 1;
                }
            }
        }
        Ok(())
    }
}

/// A packet in the buffer.
struct Heard {
    len: usize,
    /// [`None`] if the packet is for another host, or from an interface that is not captured.
    interface: Option<usize>,
    sender: [u8; 6],
}

impl Ear {
    fn open(host: &Host, interfaces: &[&str]) -> Result<Self> {
        host.netns().enter(|| {
            let number = |(place, name): (usize, &&str)| {
                let number = nix::net::if_::if_nametoindex(*name);
                let number = number.with_context(|| format!("{} has no {name}", host.name()))?;
                Ok((number as usize, place))
            };
            let interfaces = interfaces.iter().enumerate().map(number);
            let socket = socket(
                AddressFamily::Packet,
                SockType::Datagram,
                SockFlag::SOCK_NONBLOCK,
                SockProtocol::EthAll,
            )?;
            setsockopt(&socket, sockopt::RcvBufForce, &BUFFER)?;
            setsockopt(&socket, sockopt::RxqOvfl, &1)?;
            Ok(Self {
                socket,
                interfaces: interfaces.collect::<Result<_>>()?,
                lost: 0,
            })
        })
    }

    /// Takes the next packet, if there is one.
    fn hear(&mut self, buffer: &mut [u8]) -> Result<Option<Heard>> {
        let mut control = nix::cmsg_space!(u32);
        let mut parts = [IoSliceMut::new(buffer)];
        let received = recvmsg::<LinkAddr>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::empty(),
        );
        let message = match received {
            Err(Errno::EAGAIN) => return Ok(None),
            message => message.context("cannot capture")?,
        };
        for control in message.cmsgs()? {
            if let ControlMessageOwned::RxqOvfl(lost) = control {
                self.lost = lost;
            }
        }
        let address = message
            .address
            .context("a captured packet has no address")?;
        let interface = self.interfaces.get(&address.ifindex()).copied();
        Ok(Some(Heard {
            len: message.bytes,
            interface: interface.filter(|_| address.pkttype() == TO_US),
            sender: address.addr().unwrap_or_default(),
        }))
    }
}
