// SPDX-License-Identifier: GPL-2.0-only

//! Rules, families and connections of `hmark`, as the naive implementation takes them.

use hmark::rule::{v0, v1};
use hmark::{Connection, Ends, Family};
use packets::wire;

/// A rule of revision 0.
pub(crate) fn rule(rule: &v0::Info) -> naive::Rule {
    naive::Rule::v0(&wire::rule(rule))
}

/// A rule of revision 1.
pub(crate) fn rule_v1(rule: &v1::Info) -> naive::Rule {
    naive::Rule::v1(&wire::rule_v1(rule))
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
        addresses: [original, reply].map(wire::address),
        ports: [connection.original_port, connection.reply_port].map(u16::to_ne_bytes),
        protocol: connection.protocol,
    }
}
