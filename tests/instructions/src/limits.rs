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
    ("ipv4-udp", [114, 112]),
    ("ipv4-tcp", [114, 112]),
    ("ipv6-udp", [120, 118]),
    ("ipv6-tcp", [120, 118]),
    ("ipv4-l3", [86, 84]),
    ("ipv6-l3", [101, 99]),
    ("ipv4-options", [114, 112]),
    ("ipv4-error", [150, 148]),
    ("ipv4-fragment", [93, 91]),
    ("ipv6-options", [216, 221]),
    ("ipv6-ah", [173, 182]),
    ("ipv6-error", [193, 195]),
    ("ipv6-fragment", [168, 173]),
    ("ipv4-ct", [114, 114]),
    ("ipv6-ct", [118, 112]),
    ("buckets-1", [114, 112]),
    ("buckets-2", [114, 112]),
    ("buckets-70", [114, 112]),
    ("buckets-1000", [114, 112]),
    ("buckets-65536", [114, 112]),
    ("buckets-4294967295", [114, 112]),
    ("extensions-0", [120, 118]),
    ("extensions-1", [191, 194]),
    ("extensions-2", [216, 221]),
    ("extensions-3", [241, 248]),
    ("extensions-4", [266, 275]),
    ("extensions-5", [291, 302]),
    ("extensions-6", [316, 329]),
    ("extensions-7", [341, 356]),
    ("extensions-8", [366, 383]),
    ("v1-ipv4-udp", [123, 126]),
    ("v1-ipv6-udp", [129, 132]),
    ("v1-mask", [123, 126]),
    ("v1-mask-ipv6", [129, 132]),
    ("v1-one-out", [136, 139]),
    ("v1-grown", [171, 188]),
    ("v1-key-ipv4", [212, 218]),
    ("v1-key-ipv6", [283, 446]),
    ("v1-gtpu", [244, 252]),
    ("v1-gtpu-ipv6", [263, 270]),
    ("v1-no-tunnel", [169, 175]),
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
