// SPDX-License-Identifier: GPL-2.0-only
//! The lab: the kernels, and what guests and builds need for them.

use crate::architecture::Architecture;
use crate::guest::{Machine, AMD64};
use crate::iptables::{self, Release};
use crate::kernel::{self, Kernel};
use crate::store::Store;
use crate::uml::{self, Part};
use crate::{accelerator, arm64, initramfs, x86};
use anyhow::Result;
use clap::ValueEnum;
use std::fmt;
use std::path::{Path, PathBuf};

/// Which kernel to boot, or to build the module for.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Boot {
    /// The unmodified Debian kernel, in qemu
    Stock,
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

/// The chroot's own, which needs no library.
const BUSYBOX: &str = "/bin/busybox";

impl Boot {
    /// The kernels that lack what the module can do without.
    pub const SWITCHED: [Boot; 3] = [
        Boot::UmlNoConntrack,
        Boot::UmlNoIpv6,
        Boot::UmlNoConntrackNoIpv6,
    ];

    /// The kernels that watch themselves.
    pub const DEBUG: [Boot; 2] = [Boot::UmlDebug, Boot::X86Debug];

    /// Whether it is a process, which runs at native speed.
    pub fn is_uml(self) -> bool {
        !matches!(self, Boot::Stock | Boot::X86Debug | Boot::Arm64)
    }

    /// What `make` must be told to build a module for it.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Boot::Stock => &[],
            Boot::UmlDebug => uml::DEBUG_ARGUMENTS,
            Boot::X86Debug => x86::ARGUMENTS,
            Boot::Arm64 => arm64::ARGUMENTS,
            _ => uml::ARGUMENTS,
        }
    }
}

impl fmt::Display for Boot {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// The stock kernel and what is made from its packages. The UML kernel takes
/// longest, so it is made when it is first asked for.
pub struct Lab {
    stock: Kernel,
    initramfs: PathBuf,
    accelerator: &'static str,
    source: PathBuf,
    metadata: PathBuf,
}

impl Lab {
    /// Makes every product that is missing, half-made or outdated, but for UML.
    pub fn up() -> Result<Lab> {
        let store = Store::lab()?;
        let stock = Kernel::newest(Path::new("/"))?;
        kernel::check_rust(&stock)?;
        let source = kernel::source(&store, &stock)?;
        let metadata = kernel::metadata(&store, "metadata", &stock, &source, &[])?;
        let initramfs = initramfs::image(&store, "initramfs", &stock, Path::new(BUSYBOX))?;
        let accelerator = accelerator::choose(&store, &stock, &initramfs)?;
        Ok(Lab {
            stock,
            initramfs,
            accelerator,
            source,
            metadata,
        })
    }

    /// The tree to build modules against. That of UML has the kernel as `linux`.
    pub fn tree(&self, kernel: Boot) -> Result<PathBuf> {
        let store = Store::lab()?;
        let (stock, source) = (&self.stock, &self.source);
        let without = |parts| uml::without(&store, stock, source, parts);
        match kernel {
            Boot::Stock => Ok(self.metadata.clone()),
            Boot::Uml => uml::kernel(&store, stock, source),
            Boot::UmlNoConntrack => without(&[Part::Conntrack]),
            Boot::UmlNoIpv6 => without(&[Part::Ipv6]),
            Boot::UmlNoConntrackNoIpv6 => without(&[Part::Conntrack, Part::Ipv6]),
            Boot::UmlSize => uml::for_size(&store, stock, source),
            Boot::UmlDebug => uml::debug(&store, stock, source),
            Boot::X86Debug => x86::debug(&store, stock, source),
            Boot::Arm64 => arm64::tree(&store, stock, source),
        }
    }

    /// The iptables packages of another release, unpacked.
    pub fn iptables(&self, release: Release) -> Result<PathBuf> {
        iptables::unpacked(&Store::lab()?, release)
    }

    /// The iptables packages for another architecture, unpacked.
    pub fn foreign_iptables(&self, architecture: Architecture) -> Result<PathBuf> {
        iptables::foreign(&Store::lab()?, architecture)
    }

    /// What a guest runs on that boots the Debian which the kernel is of, by the initramfs `name`.
    pub fn machine_with_root(&self, name: &str, kernel: &Kernel) -> Result<Machine> {
        Ok(Machine::Qemu {
            platform: &AMD64,
            kernel: kernel.image(),
            initramfs: initramfs::image(&Store::lab()?, name, kernel, Path::new(BUSYBOX))?,
            accelerator: self.accelerator,
            root: kernel.root().to_path_buf(),
            init: Some("/sbin/init"),
        })
    }

    /// What a guest with this kernel runs on.
    pub fn machine(&self, kernel: Boot) -> Result<Machine> {
        let qemu = |kernel| Machine::Qemu {
            platform: &AMD64,
            kernel,
            initramfs: self.initramfs.clone(),
            accelerator: self.accelerator,
            root: "/".into(),
            init: None,
        };
        Ok(match kernel {
            Boot::Stock => qemu(self.stock.image()),
            Boot::X86Debug => qemu(self.tree(kernel)?.join(x86::IMAGE)),
            Boot::Arm64 => arm64::machine(&Store::lab()?, &self.stock)?,
            _ => Machine::Uml {
                kernel: self.tree(kernel)?.join("linux"),
                // Built by clang, its processes end by SIGSEGV at once without ptrace.
                seccomp: if kernel == Boot::UmlDebug {
                    "off"
                } else {
                    "auto"
                },
            },
        })
    }
}
