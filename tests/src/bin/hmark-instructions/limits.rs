// SPDX-License-Identifier: GPL-2.0-only

//! Most instructions that a packet of each kind may take.

/// What a packet took, with the loop around the walk, when this was last looked at: on x86-64, as
/// Debian 13's rustc 1.85.1 builds it.
const COUNTED: [(&str, u64); 30] = [
    ("ipv4-udp", 128),
    ("ipv4-tcp", 128),
    ("ipv6-udp", 137),
    ("ipv6-tcp", 137),
    ("ipv4-l3", 94),
    ("ipv6-l3", 116),
    ("ipv4-options", 128),
    ("ipv4-error", 152),
    ("ipv4-fragment", 100),
    ("ipv6-options", 214),
    ("ipv6-ah", 173),
    ("ipv6-error", 180),
    ("ipv6-fragment", 151),
    ("ipv4-ct", 103),
    ("ipv6-ct", 110),
    ("buckets-1", 128),
    ("buckets-2", 128),
    ("buckets-70", 128),
    ("buckets-1000", 128),
    ("buckets-65536", 128),
    ("buckets-4294967295", 128),
    ("extensions-0", 137),
    ("extensions-1", 188),
    ("extensions-2", 214),
    ("extensions-3", 240),
    ("extensions-4", 266),
    ("extensions-5", 292),
    ("extensions-6", 318),
    ("extensions-7", 344),
    ("extensions-8", 370),
];

/// How much more is let pass, in per cent.
const SLACK: u64 = 3;

/// The limit of a kind.
pub fn of(kind: &str) -> Option<u64> {
    let (_, counted) = COUNTED.iter().find(|(name, _)| *name == kind)?;
    Some(counted + counted * SLACK / 100)
}
