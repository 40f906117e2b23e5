// SPDX-License-Identifier: GPL-2.0-only
//! Machines that are not amd64, and what each is called.

use std::fmt;

/// An architecture that the chroot has a cross compiler and qemu for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    Arm64,
    /// 32-bit
    I386,
    /// Big-endian
    S390x,
}

impl Architecture {
    /// As qemu and Rust call the machine.
    pub fn machine(self) -> &'static str {
        match self {
            Architecture::Arm64 => "aarch64",
            Architecture::I386 => "i386",
            Architecture::S390x => "s390x",
        }
    }

    /// As Debian's library folders call it.
    pub fn triplet(self) -> String {
        format!("{}-linux-gnu", self.machine())
    }

    /// As Rust calls what it builds for it.
    pub fn target(self) -> String {
        let machine = match self {
            Architecture::I386 => "i686",
            _ => self.machine(),
        };
        format!("{machine}-unknown-linux-gnu")
    }
}

/// As Debian calls it.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Architecture::Arm64 => "arm64",
            Architecture::I386 => "i386",
            Architecture::S390x => "s390x",
        })
    }
}
