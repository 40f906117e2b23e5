// SPDX-License-Identifier: GPL-2.0-only
//! The kernels of the lab, each by one name: guests boot them, and modules are built for them.

use crate::older::Older;
use crate::{arm64, uml, x86};
use clap::ValueEnum;
use std::fmt;

/// A kernel to boot, or to build a module for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kernel {
    /// The unmodified Debian kernel, in qemu
    Stock,
    /// The unmodified kernel of Debian 13 itself, in qemu: it takes no Rust modules
    Debian13,
    /// That of Debian 12
    Debian12,
    /// A UML kernel of the same source, as a process
    Uml,
    /// The UML kernel without conntrack
    UmlNoConntrack,
    /// The UML kernel without IPv6
    UmlNoIpv6,
    /// The UML kernel without either
    UmlNoConntrackNoIpv6,
    /// The UML kernel optimised for size, as its default configuration is
    UmlSize,
    /// A UML kernel with KASAN, UBSAN and kmemleak
    UmlDebug,
    /// A small x86 kernel with lockdep, KASAN and kmemleak, in qemu
    X86Debug,
    /// The unmodified Debian kernel for arm64, in qemu
    Arm64,
}

impl Kernel {
    /// Whether it is a process, which runs at native speed.
    pub fn is_uml(self) -> bool {
        !(self.is_debian() || self == Kernel::X86Debug)
    }

    /// Whether it watches itself.
    pub fn is_debug(self) -> bool {
        matches!(self, Kernel::UmlDebug | Kernel::X86Debug)
    }

    /// Whether it is compiled here. Debian compiled the others.
    pub fn is_compiled(self) -> bool {
        !self.is_debian()
    }

    /// Whether Debian compiled it.
    fn is_debian(self) -> bool {
        self.older().is_some() || matches!(self, Kernel::Stock | Kernel::Arm64)
    }

    /// The release whose unpacked packages it is of, if it takes no Rust modules.
    pub fn older(self) -> Option<Older> {
        match self {
            Kernel::Debian13 => Some(Older::DEBIAN13),
            Kernel::Debian12 => Some(Older::DEBIAN12),
            _ => None,
        }
    }

    /// The kernel whose build tree that of this one begins as a copy of: about half of the objects
    /// are not built again. (Of those that lack both parts, a tree that lacks one has few more.)
    pub fn base(self) -> Option<Kernel> {
        match self {
            Kernel::UmlNoConntrack | Kernel::UmlNoIpv6 | Kernel::UmlNoConntrackNoIpv6 => {
                Some(Kernel::Uml)
            }
            _ => None,
        }
    }

    /// The arguments of `make` that build a module for it.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Kernel::Stock | Kernel::Debian13 => &[],
            // Its headers ask for gcc-12, which Debian 13 need not have.
            Kernel::Debian12 => &["CC=gcc"],
            Kernel::UmlDebug => uml::DEBUG_ARGUMENTS,
            Kernel::X86Debug => x86::ARGUMENTS,
            Kernel::Arm64 => arm64::ARGUMENTS,
            _ => uml::ARGUMENTS,
        }
    }

    /// The `nm` that reads its modules.
    pub fn nm(self) -> &'static str {
        match self {
            Kernel::Arm64 => "aarch64-linux-gnu-nm",
            _ => "nm",
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}
