// SPDX-License-Identifier: GPL-2.0-only

//! Most instructions that a packet of each kind may take.

/// What a packet took, with the loop around the walk, when this was last looked at: on x86-64, as
/// Debian 13's rustc 1.85.1 builds it.
const COUNTED: [(&str, u64); 30] = [
    ("ipv4-udp", 124),
    ("ipv4-tcp", 124),
    ("ipv6-udp", 133),
    ("ipv6-tcp", 133),
    ("ipv4-l3", 93),
    ("ipv6-l3", 112),
    ("ipv4-options", 124),
    ("ipv4-error", 151),
    ("ipv4-fragment", 96),
    ("ipv6-options", 214),
    ("ipv6-ah", 173),
    ("ipv6-error", 175),
    ("ipv6-fragment", 149),
    ("ipv4-ct", 103),
    ("ipv6-ct", 110),
    ("buckets-1", 124),
    ("buckets-2", 124),
    ("buckets-70", 124),
    ("buckets-1000", 124),
    ("buckets-65536", 124),
    ("buckets-4294967295", 124),
    ("extensions-0", 133),
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
