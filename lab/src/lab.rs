// SPDX-License-Identifier: GPL-2.0-only
//! The lab: the kernels, and all that guests and builds need for them. Each part is made when it is
//! first asked for, and kept in the store.

use crate::architecture::Architecture;
use crate::guest::{Machine, AMD64};
use crate::iptables::{self, Release};
use crate::keepalived;
use crate::kernel::Kernel;
use crate::older::Older;
use crate::packaged::{self, PackagedKernel};
use crate::store::Store;
use crate::uml;
use crate::{accelerator, ansible, arm64, initramfs, x86};
use anyhow::Result;
use handover::Part;
use std::path::{Path, PathBuf};

/// The chroot's own, which needs no library.
const BUSYBOX: &str = "/bin/busybox";

/// The stock kernel, and the store of what is made from its packages.
pub struct Lab {
    stock: PackagedKernel,
    store: Store,
}

impl Lab {
    /// Finds the stock kernel; makes nothing.
    pub fn open() -> Result<Lab> {
        Ok(Lab {
            stock: PackagedKernel::newest(Path::new("/"))?,
            store: Store::lab()?,
        })
    }

    /// The stock kernel's source.
    pub fn source(&self) -> Result<PathBuf> {
        packaged::source(&self.store, &self.stock)
    }

    /// The tree to build modules for a kernel against.
    pub fn tree(&self, kernel: Kernel) -> Result<PathBuf> {
        let (store, stock) = (&self.store, &self.stock);
        let source = || self.source();
        let without = |parts| {
            let base = self.tree(kernel.base().unwrap_or(Kernel::Uml))?;
            uml::without(store, stock, &source()?, &base, parts)
        };
        match kernel {
            Kernel::Debian13 => Older::DEBIAN13.tree(store),
            Kernel::Debian12 => Older::DEBIAN12.tree(store),
            // These are made as packages make them, which have headers to begin with. The others
            // are configured here.
            Kernel::Stock => packaged::tree(store, "tree", stock, &[]),
            Kernel::Arm64 => arm64::tree(store, stock),
            Kernel::Uml => uml::kernel(store, stock, &source()?),
            Kernel::UmlNoConntrack => without(&[Part::Conntrack]),
            Kernel::UmlNoIpv6 => without(&[Part::Ipv6]),
            Kernel::UmlNoConntrackNoIpv6 => without(&[Part::Conntrack, Part::Ipv6]),
            Kernel::UmlSize => uml::for_size(store, stock, &source()?),
            Kernel::UmlDebug => uml::debug(store, stock, &source()?),
            Kernel::X86Debug => x86::debug(store, stock, &source()?),
        }
    }

    /// The iptables packages of another release, unpacked.
    pub fn iptables(&self, release: Release) -> Result<PathBuf> {
        iptables::unpacked(&self.store, release)
    }

    /// The packages of Ansible, unpacked.
    pub fn ansible(&self) -> Result<PathBuf> {
        ansible::unpacked(&self.store)
    }

    /// The iptables packages for another architecture, unpacked.
    pub fn foreign_iptables(&self, architecture: Architecture) -> Result<PathBuf> {
        iptables::foreign(&self.store, architecture)
    }

    /// keepalived, unpacked.
    pub fn keepalived(&self) -> Result<PathBuf> {
        keepalived::unpacked(&self.store)
    }

    fn initramfs(&self) -> Result<PathBuf> {
        initramfs::image(&self.store, "initramfs", &self.stock, Path::new(BUSYBOX))
    }

    fn accelerator(&self) -> Result<&'static str> {
        accelerator::choose(&self.store, &self.stock, &self.initramfs()?)
    }

    /// The machine of a guest that boots the Debian which the kernel is of, by the initramfs `name`.
    pub fn machine_with_root(&self, name: &str, kernel: &PackagedKernel) -> Result<Machine> {
        Ok(Machine::Qemu {
            platform: &AMD64,
            kernel: kernel.image(),
            initramfs: initramfs::image(&self.store, name, kernel, Path::new(BUSYBOX))?,
            accelerator: self.accelerator()?,
            root: kernel.root().to_path_buf(),
            init: Some("/sbin/init"),
        })
    }

    /// The machine of a guest with this kernel.
    pub fn machine(&self, kernel: Kernel) -> Result<Machine> {
        let qemu = |image, initramfs| -> Result<Machine> {
            Ok(Machine::Qemu {
                platform: &AMD64,
                kernel: image,
                initramfs,
                accelerator: self.accelerator()?,
                root: "/".into(),
                init: None,
            })
        };
        if let Some(older) = kernel.older() {
            let packages = older.kernel(&self.store)?;
            let name = format!("initramfs-{kernel}");
            let initramfs = initramfs::image(&self.store, &name, &packages, Path::new(BUSYBOX))?;
            return qemu(packages.image(), initramfs);
        }
        let tree = match kernel {
            Kernel::Stock => return qemu(self.stock.image(), self.initramfs()?),
            Kernel::X86Debug => {
                return qemu(self.tree(kernel)?.join(x86::IMAGE), self.initramfs()?)
            }
            Kernel::Arm64 => return arm64::machine(&self.store, &self.stock),
            _ => self.tree(kernel)?,
        };
        Ok(Machine::Uml {
            kernel: tree.join("linux"),
            // Built by clang, its processes end by SIGSEGV at once without ptrace.
            seccomp: if kernel == Kernel::UmlDebug {
                "off"
            } else {
                "auto"
            },
        })
    }
}
