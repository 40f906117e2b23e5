// SPDX-License-Identifier: GPL-2.0-only
//! A fresh Debian as a user has it: systemd, iptables, and the newest stock kernel with what
//! modules are built for it with. It boots in a guest.

use crate::iptables::Release;
use crate::packages::{self, SOURCES};
use crate::progress::Step;
use crate::store::Store;
use anyhow::{Context, Result};
use clap::ValueEnum;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Debian release that the packages are for.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Debian {
    /// Debian 13, with the kernel of its backports
    Trixie,
    /// Debian 13, with the kernel that it came with, which takes no Rust modules
    TrixieOwn,
    /// The release to come, as far as it is
    Testing,
}

/// What makes it one that boots.
const PACKAGES: &str =
    "systemd-sysv,udev,kmod,iproute2,iptables,iptables-persistent,netfilter-persistent";

/// The kernel, and what modules are built for it with.
const KERNEL: [&str; 2] = ["linux-image-amd64", "linux-headers-amd64"];

/// What Rust metadata is made from.
const KERNEL_SOURCE: &str = "linux-source";

/// What the lab runs in it, once it has booted.
const SERVICE: &str = "lab/guest/command.service";

impl fmt::Display for Debian {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Debian::Trixie => "trixie",
            Debian::TrixieOwn => "trixie-own",
            Debian::Testing => "testing",
        })
    }
}

impl Debian {
    /// Makes a new copy of it at `root`.
    pub fn copy_to(self, root: &Path) -> Result<()> {
        let base = self.base(&Store::lab()?)?;
        let name = format!("{self}-root");
        let mut step = Step::begin(&name, format!("copying a fresh Debian {self}"))?;
        step.run(
            Command::new("rm")
                .args(["-rf", "--one-file-system"])
                .arg(root),
        )?;
        step.run(
            Command::new("cp")
                .args(["-a", "--reflink=auto"])
                .arg(base)
                .arg(root),
        )?;
        // An emulated machine takes a minute to make anew, at its first boot, what is up to date.
        step.run(
            Command::new("touch")
                .arg("--reference")
                .arg(root.join("usr"))
                .args(["etc/.updated", "var/.updated"].map(|file| root.join(file))),
        )?;
        step.end("done");
        Ok(())
    }

    fn base(self, store: &Store) -> Result<PathBuf> {
        let service = fs::read_to_string(SERVICE).with_context(|| format!("no {SERVICE}"))?;
        let packages = self.packages();
        let sources = self.sources()?;
        let name = format!("debian-{self}");
        let key = format!("{packages}\n{sources}\n{service}");
        let what = format!("making a fresh Debian {self}");
        store.entry_by_step(&name, &key, &what, |step, root| {
            step.run(
                Command::new("mmdebstrap")
                    .args(["--variant=minbase", "--architectures=amd64"])
                    .arg(format!("--include={packages}"))
                    .arg("--aptopt=/etc/apt/apt.conf.d/99mmdebstrap")
                    .arg(self.suite())
                    .arg(root)
                    .args(sources.lines()),
            )?;
            let units = root.join("etc/systemd/system");
            fs::write(units.join("command.service"), &service)?;
            // chroot.sh shows the lab's certificates there.
            fs::create_dir_all(root.join("etc/ssl/certs"))?;
            step.run(&mut in_root(root, "systemctl enable command.service"))
        })
    }

    /// As its archive calls it.
    fn suite(self) -> &'static str {
        match self {
            Debian::Trixie | Debian::TrixieOwn => "trixie",
            Debian::Testing => "testing",
        }
    }

    /// True if its kernel takes Rust modules.
    pub fn has_rust(self) -> bool {
        self != Debian::TrixieOwn
    }

    fn packages(self) -> String {
        let mut packages = PACKAGES.to_string();
        let source = self.has_rust().then_some(KERNEL_SOURCE);
        for package in KERNEL.into_iter().chain(source) {
            packages += &match self {
                Debian::Trixie => format!(",{package}/trixie-backports"),
                Debian::TrixieOwn | Debian::Testing => format!(",{package}"),
            };
        }
        packages
    }

    /// Its lines for apt, from the archive that the chroot is of.
    fn sources(self) -> Result<String> {
        let own = fs::read_to_string(SOURCES)?;
        match self {
            Debian::Trixie | Debian::TrixieOwn => Ok(own),
            Debian::Testing => packages::source(&own, Release::Testing)
                .with_context(|| format!("no archive in {SOURCES}")),
        }
    }
}

/// A command in a Debian that sees the repository, as the lab's chroot does.
pub fn in_root(root: &Path, script: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--propagation=unchanged",
        ])
        .args(["--", "lab/chroot.sh"])
        .arg(root)
        .args(["sh", "-c", script]);
    command
}
