// SPDX-License-Identifier: GPL-2.0-only

//! Rules, families and connections of `hmark`, as the naive implementation takes them.

use hmark::rule::{v0, v1};
use hmark::{Connection, Ends, Family};

/// A rule as it lies in memory.
pub(crate) fn rule(rule: &v0::Info) -> naive::Rule {
    naive::Rule::v0(&bytes(rule))
}

/// A rule of revision 1 as it lies in memory.
pub(crate) fn rule_v1(rule: &v1::Info) -> naive::Rule {
    let v1::Info {
        masked: v1::Masked { v0, mark_mask },
        from,
        key,
        gtpu_port,
        vxlan_port,
        geneve_port,
        inner,
        reserved,
        less,
    } = rule;
    let mut all = [0; 352];
    all[..60].copy_from_slice(&bytes(v0));
    all[60..64].copy_from_slice(&mark_mask.to_ne_bytes());
    all[64..68].copy_from_slice(&from.to_ne_bytes());
    all[68..84].copy_from_slice(key);
    for (at, port) in [(84, gtpu_port), (86, vxlan_port), (88, geneve_port)] {
        all[at..at + 2].copy_from_slice(&port.to_ne_bytes());
    }
    all[90] = *inner;
    all[91..96].copy_from_slice(reserved);
    all[96..].copy_from_slice(less);
    naive::Rule::v1(&all)
}

fn bytes(rule: &v0::Info) -> [u8; 60] {
    let v0::Info {
        src_mask,
        dst_mask,
        port_mask,
        port_set,
        flags,
        proto_mask,
        hashrnd,
        hmodulus,
        hoffset,
    } = rule;
    let mut all = [0; 60];
    all[..16].copy_from_slice(&address(*src_mask));
    all[16..32].copy_from_slice(&address(*dst_mask));
    all[44..46].copy_from_slice(&proto_mask.to_ne_bytes());
    for (at, number) in [
        (32, port_mask),
        (36, port_set),
        (40, flags),
        (48, hashrnd),
        (52, hmodulus),
        (56, hoffset),
    ] {
        all[at..at + 4].copy_from_slice(&number.to_ne_bytes());
    }
    all
}

/// The family.
pub(crate) fn family(family: Family) -> naive::Family {
    match family {
        Family::Ipv4 => naive::Family::Ipv4,
        Family::Ipv6 => naive::Family::Ipv6,
    }
}

/// The connection.
pub(crate) fn connection(connection: &Connection) -> naive::Connection {
    let (l3num, original, reply) = match connection.ends {
        Ends::None => (0, [0; 4], [0; 4]),
        Ends::Ipv4 { original, reply } => (2, [original, 0, 0, 0], [reply, 0, 0, 0]),
        Ends::Ipv6 { original, reply } => (10, original, reply),
    };
    naive::Connection {
        l3num,
        addresses: [original, reply].map(address),
        ports: [connection.original_port, connection.reply_port].map(u16::to_ne_bytes),
        protocol: connection.protocol,
    }
}

/// Words in network byte order, as bytes.
fn address(words: [u32; 4]) -> [u8; 16] {
    let bytes = words.map(u32::to_ne_bytes);
    std::array::from_fn(|n| bytes[n / 4][n % 4])
}
