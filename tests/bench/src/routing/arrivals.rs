// SPDX-License-Identifier: GPL-2.0-only

//! Frames that arrive behind a router: how many there are, and for which gateways.

use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{ensure, Context, Result};
use nix::errno::Errno;
use nix::sys::socket::{
    recvmmsg, setsockopt, socket, sockopt, AddressFamily, MsgFlags, MultiHeaders, SockFlag,
    SockProtocol, SockType,
};
use serde_json::Value;
use testbed::command::run;

/// First bytes of the hardware address of each gateway, before its number.
const GATEWAY: [u8; 4] = [2, 1, 0, 0];

/// Buffer for frames that have not been read yet.
const BUFFER: usize = 64 << 20;

/// Frames that are read by one call.
const AT_ONCE: usize = 512;

/// How much of its share a gateway may have less or more: 5 standard deviations with 256 gateways
/// and 32,768 flows.
const DEVIATION: f64 = 0.45;

/// The hardware address of a gateway.
pub fn hardware_address(gateway: usize) -> String {
    let [a, b, c, d] = GATEWAY;
    let [high, low] = (gateway as u16).to_be_bytes();
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{high:02x}:{low:02x}")
}

/// The number of frames that the stack of this namespace has dropped, since they came in by `in`
/// and were for another hardware address.
///
/// # Errors
/// If iproute2 does not say.
pub fn dropped() -> Result<u64> {
    let said = run("ip -json -statistics -statistics link show dev in")?;
    let links: Value = serde_json::from_str(&said)?;
    let number = links[0]["stats64"]["rx"]["otherhost"].as_u64();
    number.with_context(|| format!("no count of frames for others: {said}"))
}

/// A socket that hears all frames of its namespace.
pub struct Ear(OwnedFd);

impl Ear {
    /// Begins to listen.
    ///
    /// # Errors
    /// If the kernel has no packet sockets.
    pub fn open() -> Result<Self> {
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_NONBLOCK,
            SockProtocol::EthAll,
        )?;
        setsockopt(&socket, sockopt::RcvBufForce, &BUFFER)?;
        Ok(Self(socket))
    }

    /// The number of frames heard for each gateway that there were any for.
    ///
    /// # Errors
    /// If the socket cannot be read.
    pub fn counts(self) -> Result<BTreeMap<usize, u64>> {
        let mut counts = BTreeMap::new();
        let mut headers = MultiHeaders::<()>::preallocate(AT_ONCE, None);
        loop {
            let mut destinations = [[0; 6]; AT_ONCE];
            let mut parts: Vec<_> = destinations
                .iter_mut()
                .map(|destination| [IoSliceMut::new(destination)])
                .collect();
            let flags = MsgFlags::empty();
            let read = recvmmsg(self.0.as_raw_fd(), &mut headers, &mut parts, flags, None);
            let read = match read {
                Err(Errno::EAGAIN) => return Ok(counts),
                read => read.context("cannot hear what arrives")?.count(),
            };
            for destination in &destinations[..read] {
                // IPv6 also says who it is to all hosts.
                if let Some([high, low]) = destination.strip_prefix(&GATEWAY) {
                    let gateway = u16::from_be_bytes([*high, *low]);
                    *counts.entry(gateway.into()).or_default() += 1;
                }
            }
        }
    }
}

/// Checks that all `flows` frames arrived, and that each of the first `gateways` gateways got about
/// the same share.
pub fn check_even(counts: &BTreeMap<usize, u64>, gateways: usize, flows: u64) -> Result<()> {
    let arrived: u64 = counts.values().sum();
    ensure!(
        arrived == flows,
        "of {flows} packets, {arrived} came through"
    );
    ensure!(
        counts.keys().copied().eq(0..gateways),
        "{} of {gateways} gateways got packets",
        counts.len()
    );
    let share = flows as f64 / gateways as f64;
    for (gateway, count) in counts {
        ensure!(
            (*count as f64 - share).abs() <= DEVIATION * share,
            "gateway {gateway} got {count} of {flows} packets, where its share is {share:.0}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uneven_shares_are_refused() {
        let check = |counts: &[u64], gateways, flows| {
            check_even(
                &counts.iter().copied().enumerate().collect(),
                gateways,
                flows,
            )
        };
        check(&[10, 8, 12], 3, 30).unwrap();
        check(&[30], 1, 30).unwrap();
        // Lost, one for all, a gateway left out, one that is not there, and uneven ones.
        for counts in [
            &[10, 8, 11][..],
            &[30],
            &[15, 15],
            &[8, 7, 7, 8],
            &[5, 12, 13],
        ] {
            check(counts, 3, 30).unwrap_err();
        }
    }

    #[test]
    fn gateways_have_hardware_addresses_of_their_own() {
        assert_eq!(hardware_address(3), "02:01:00:00:00:03");
        assert_eq!(hardware_address(258), "02:01:00:00:01:02");
    }
}
