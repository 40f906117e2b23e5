// SPDX-License-Identifier: GPL-2.0-only

//! The upper limits on instructions for a packet of each kind.

/// The goal that the compiler optimises for.
pub struct Optimisation {
    /// `speed` or `size`.
    pub name: &'static str,
    /// Its column in [`COUNTED`].
    column: usize,
}

/// The optimisation of distributions' kernels, and that of `CONFIG_CC_OPTIMIZE_FOR_SIZE`.
pub static OPTIMISATIONS: [&Optimisation; 2] = [
    &Optimisation {
        name: "speed",
        column: 0,
    },
    &Optimisation {
        name: "size",
        column: 1,
    },
];

/// Instructions for a packet, including the loop around it, when last measured: for speed and for
/// size, on x86-64, with Debian 13's rustc 1.85.1.
const COUNTED: [(&str, [u64; 2]); 41] = [
    ("ipv4-udp", [113, 113]),
    ("ipv4-tcp", [113, 113]),
    ("ipv6-udp", [119, 119]),
    ("ipv6-tcp", [119, 119]),
    ("ipv4-l3", [85, 85]),
    ("ipv6-l3", [100, 100]),
    ("ipv4-options", [113, 113]),
    ("ipv4-error", [149, 149]),
    ("ipv4-fragment", [92, 92]),
    ("ipv6-options", [215, 222]),
    ("ipv6-ah", [172, 183]),
    ("ipv6-error", [192, 196]),
    ("ipv6-fragment", [167, 174]),
    ("ipv4-ct", [113, 115]),
    ("ipv6-ct", [117, 113]),
    ("buckets-1", [113, 113]),
    ("buckets-2", [113, 113]),
    ("buckets-70", [113, 113]),
    ("buckets-1000", [113, 113]),
    ("buckets-65536", [113, 113]),
    ("buckets-4294967295", [113, 113]),
    ("extensions-0", [119, 119]),
    ("extensions-1", [190, 195]),
    ("extensions-2", [215, 222]),
    ("extensions-3", [240, 249]),
    ("extensions-4", [265, 276]),
    ("extensions-5", [290, 303]),
    ("extensions-6", [315, 330]),
    ("extensions-7", [340, 357]),
    ("extensions-8", [365, 384]),
    ("v1-ipv4-udp", [119, 123]),
    ("v1-ipv6-udp", [125, 128]),
    ("v1-mask", [119, 123]),
    ("v1-mask-ipv6", [125, 128]),
    ("v1-one-out", [132, 136]),
    ("v1-grown", [167, 185]),
    ("v1-key-ipv4", [208, 215]),
    ("v1-key-ipv6", [272, 452]),
    ("v1-gtpu", [235, 238]),
    ("v1-gtpu-ipv6", [244, 265]),
    ("v1-no-tunnel", [163, 170]),
];

/// The allowed excess in per cent.
const SLACK: u64 = 3;

impl Optimisation {
    /// The limit of a kind.
    pub fn limit(&self, kind: &str) -> Option<u64> {
        let (_, counted) = COUNTED.iter().find(|(name, _)| *name == kind)?;
        let counted = counted.get(self.column)?;
        Some(counted + counted * SLACK / 100)
    }
}
