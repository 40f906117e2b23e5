// SPDX-License-Identifier: GPL-2.0-only

//! Users of the kernel's GTP-U devices, who are added by generic netlink: iproute2 makes the devices
//! alone.
//!
//! C headers: `include/uapi/linux/gtp.h`, `include/uapi/linux/genetlink.h`

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{bail, ensure, Context, Result};
use netlink_sys::{constants::NETLINK_GENERIC, Socket};

/// A user: `struct pdp_ctx`, of GTP version 1.
pub struct User {
    pub address: Ipv4Addr,
    /// The other end of the tunnel.
    pub peer: IpAddr,
    /// Identifier of the tunnel to this end.
    pub receives: u32,
    /// Identifier of the tunnel to the other end.
    pub sends: u32,
}

const NLMSG_ERROR: u16 = 2;
const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

const GTP_CMD_NEWPDP: u8 = 0;
const GTPA_LINK: u16 = 1;
const GTPA_VERSION: u16 = 2;
const GTPA_PEER_ADDRESS: u16 = 4;
const GTPA_MS_ADDRESS: u16 = 5;
const GTPA_I_TEI: u16 = 8;
const GTPA_O_TEI: u16 = 9;

/// Adds a user to the device of this index, in the namespace of this thread.
pub fn add(device: u32, user: &User) -> Result<()> {
    let IpAddr::V4(peer) = user.peer else {
        bail!("the kernel's tunnels have ends of IPv4");
    };
    let family = request(
        GENL_ID_CTRL,
        CTRL_CMD_GETFAMILY,
        &[(CTRL_ATTR_FAMILY_NAME, b"gtp\0")],
    )?;
    let family = attribute(&family, CTRL_ATTR_FAMILY_ID).context("the kernel has no GTP")?;
    let answer = request(
        u16::from_ne_bytes(family.get(..2).context("no number")?.try_into()?),
        GTP_CMD_NEWPDP,
        &[
            (GTPA_LINK, &device.to_ne_bytes()),
            (GTPA_VERSION, &1u32.to_ne_bytes()),
            (GTPA_PEER_ADDRESS, &peer.octets()),
            (GTPA_MS_ADDRESS, &user.address.octets()),
            (GTPA_I_TEI, &user.receives.to_ne_bytes()),
            (GTPA_O_TEI, &user.sends.to_ne_bytes()),
        ],
    )?;
    let error = answer.get(16..20).context("no answer")?;
    ensure!(
        error == [0; 4],
        "error {}",
        i32::from_ne_bytes(error.try_into()?)
    );
    Ok(())
}

/// Sends a command with attributes, and returns the first message of the answer.
fn request(family: u16, command: u8, attributes: &[(u16, &[u8])]) -> Result<Vec<u8>> {
    const REQUEST_AND_ACK: u16 = 1 | 4;

    // struct genlmsghdr: command, version, reserved.
    let mut body = vec![command, 1, 0, 0];
    for (kind, value) in attributes {
        body.extend((value.len() as u16 + 4).to_ne_bytes());
        body.extend(kind.to_ne_bytes());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    // struct nlmsghdr: length, type, flags, sequence number, sender.
    let mut message = (body.len() as u32 + 16).to_ne_bytes().to_vec();
    message.extend(family.to_ne_bytes());
    message.extend(REQUEST_AND_ACK.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);

    let mut socket = Socket::new(NETLINK_GENERIC)?;
    socket.bind_auto()?;
    socket.send(&message, 0)?;
    let mut answer = vec![0; 8192];
    let length = socket.recv(&mut &mut answer[..], 0)?;
    answer.truncate(length);
    Ok(answer)
}

/// The value of an attribute of an answer that is no error.
fn attribute(answer: &[u8], kind: u16) -> Option<&[u8]> {
    if answer.get(4..6)? == NLMSG_ERROR.to_ne_bytes() {
        return None;
    }
    let mut rest = answer.get(20..)?;
    loop {
        let number = |at: usize| Some(u16::from_ne_bytes(rest.get(at..at + 2)?.try_into().ok()?));
        let (length, this) = (usize::from(number(0)?), number(2)?);
        if this == kind {
            return rest.get(4..length);
        }
        rest = rest.get(length.next_multiple_of(4).max(4)..)?;
    }
}
