// SPDX-License-Identifier: GPL-2.0-only

//! Groups of nexthops, made by rtnetlink itself: `ip` of iproute2 6.15 has no room for more than
//! about 120 members.
//!
//! Kernel header: `include/uapi/linux/nexthop.h`

use std::os::fd::AsRawFd;

use anyhow::{ensure, Context, Result};
use nix::sys::socket::{
    recv, send, socket, AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType,
};

/// `RTM_NEWNEXTHOP`
const NEW_NEXTHOP: u16 = 104;

/// `NLM_F_REQUEST | NLM_F_ACK | NLM_F_EXCL | NLM_F_CREATE`
const CREATE: u16 = 0x605;

/// `NHA_ID`, `NHA_GROUP`, `NHA_GROUP_TYPE` and `NHA_RES_GROUP`
const ID: u16 = 1;
const GROUP: u16 = 2;
const GROUP_TYPE: u16 = 3;
const RESILIENT: u16 = 12;

/// `NHA_RES_GROUP_BUCKETS`, in [`RESILIENT`]
const BUCKETS: u16 = 1;

/// Makes the group `id` of nexthops in this namespace, each with the weight 1; with a number of
/// buckets a resilient one.
///
/// # Errors
/// If the kernel refuses.
pub fn add(id: u32, members: &[u32], buckets: Option<u16>) -> Result<()> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::empty(),
        SockProtocol::NetlinkRoute,
    )?;
    let flags = MsgFlags::empty();
    send(socket.as_raw_fd(), &message(id, members, buckets), flags)?;
    let mut answer = [0; 4096];
    let read = recv(socket.as_raw_fd(), &mut answer, flags)?;
    // The error is after the header of 16 bytes.
    let error = answer[..read].get(16..20).and_then(|it| it.try_into().ok());
    let error = i32::from_ne_bytes(error.context("the kernel's answer is short")?);
    ensure!(
        error == 0,
        "a group of {} nexthops is refused: {}",
        members.len(),
        std::io::Error::from_raw_os_error(-error)
    );
    Ok(())
}

fn message(id: u32, members: &[u32], buckets: Option<u16>) -> Vec<u8> {
    // `struct nhmsg`: no family, scope, protocol or flags.
    let mut body = vec![0; 8];
    attribute(&mut body, ID, &id.to_ne_bytes());
    // `struct nexthop_grp`, whose weight is one less than it counts.
    let members = members.iter().flat_map(|id| {
        let [a, b, c, d] = id.to_ne_bytes();
        [a, b, c, d, 0, 0, 0, 0]
    });
    attribute(&mut body, GROUP, &members.collect::<Vec<_>>());
    if let Some(buckets) = buckets {
        attribute(&mut body, GROUP_TYPE, &1_u16.to_ne_bytes());
        let mut inner = Vec::new();
        attribute(&mut inner, BUCKETS, &buckets.to_ne_bytes());
        attribute(&mut body, RESILIENT | 0x8000, &inner);
    }
    let mut message = Vec::new();
    message.extend((16 + body.len() as u32).to_ne_bytes());
    message.extend(NEW_NEXTHOP.to_ne_bytes());
    message.extend(CREATE.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    message
}

/// Adds an attribute, with what fills it up to a multiple of 4 bytes.
fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend((4 + value.len() as u16).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}
