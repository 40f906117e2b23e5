// SPDX-License-Identifier: GPL-2.0-only
//! The unmodified Debian kernel for arm64, in qemu: of the stock kernel's version, with a root of
//! unpacked packages, since none of that architecture can be installed here.

use crate::accelerator::TCG;
use crate::architecture::Architecture;
use crate::command::shell;
use crate::guest::{Machine, ARM64};
use crate::initramfs;
use crate::packaged::{self, PackagedKernel};
use crate::packages::Archive;
use crate::store::Store;
use anyhow::{ensure, Context, Result};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `make` is told to build modules for it.
pub const ARGUMENTS: &[&str] = &["ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"];

/// Its packages, but for the release that each name ends in.
const KERNEL: [&str; 4] = [
    "linux-base",
    "linux-binary",
    "linux-headers",
    "linux-modules",
];

/// What guests and the tests run.
const PROGRAMS: [&str; 19] = [
    "base-files",
    "binutils",
    "busybox-static",
    "conntrack",
    "coreutils",
    "dash",
    "dpkg",
    "grep",
    "iproute2",
    "iptables",
    "kmod",
    "libxtables-dev",
    "make",
    "mount",
    "nftables",
    "pkgconf",
    "sed",
    "util-linux",
    "xz-utils",
];

/// Folders that guests mount on, which no package has.
const FOLDERS: [&str; 2] = ["mnt", "srv/hmark"];

/// What the packages' scripts would have linked, and where to.
const LINKS: [(&str, &str); 6] = [
    ("iptables", "iptables-nft"),
    ("iptables-restore", "iptables-nft-restore"),
    ("iptables-save", "iptables-nft-save"),
    ("ip6tables", "ip6tables-nft"),
    ("ip6tables-restore", "ip6tables-nft-restore"),
    ("ip6tables-save", "ip6tables-nft-save"),
];

/// What the chroot leaves out of its packages.
const LEFT_OUT: &str = "lab/dpkg.cfg";

/// Where a guest's root is put together.
const VIEW: &str = "/mnt";

/// The tree to build modules against.
pub fn tree(store: &Store, stock: &PackagedKernel) -> Result<PathBuf> {
    packaged::tree(store, "tree-arm64", &kernel(store, stock)?, ARGUMENTS)
}

/// What a guest runs on.
pub fn machine(store: &Store, stock: &PackagedKernel) -> Result<Machine> {
    let kernel = kernel(store, stock)?;
    let root = kernel.root();
    // In a place of its own the repository is not in the root when that is made anew.
    let view = format!(
        "mountpoint -q {VIEW}/srv/hmark && exit
        mount --bind {} {VIEW}
        mount --bind /srv/hmark {VIEW}/srv/hmark",
        root.display()
    );
    let _lock = store.lock("arm64-view")?;
    let status = shell(&view).status()?;
    ensure!(
        status.success(),
        "cannot mount {} at {VIEW}",
        root.display()
    );
    Ok(Machine::Qemu {
        platform: &ARM64,
        kernel: root
            .join("usr/lib/modules")
            .join(&kernel.release)
            .join("vmlinuz"),
        initramfs: initramfs(store, stock)?,
        accelerator: TCG,
        root: VIEW.into(),
        init: None,
    })
}

/// The image that takes it to its root.
pub fn initramfs(store: &Store, stock: &PackagedKernel) -> Result<PathBuf> {
    let kernel = kernel(store, stock)?;
    let busybox = kernel.root().join("bin/busybox");
    initramfs::image(store, "initramfs-arm64", &kernel, &busybox)
}

/// The kernel of the stock kernel's version, in a root of its packages.
fn kernel(store: &Store, stock: &PackagedKernel) -> Result<PackagedKernel> {
    let release = stock.release.replace("amd64", "arm64");
    let root = root(store, &release, &stock.version)?;
    Ok(PackagedKernel::unpacked(
        &root,
        release,
        stock.version.clone(),
    ))
}

/// The packages, unpacked.
fn root(store: &Store, release: &str, version: &str) -> Result<PathBuf> {
    let left_out =
        fs::read_to_string(LEFT_OUT).with_context(|| format!("cannot read {LEFT_OUT}"))?;
    let key = format!("{release} {version}\n{PROGRAMS:?} {FOLDERS:?} {LINKS:?}\n{left_out}");
    let what = "unpacking a Debian for arm64";
    store.entry_by_step("arm64", &key, what, |step, root| {
        let archive = Archive {
            release: None,
            architecture: Some(Architecture::Arm64),
        };
        let packages = KERNEL.map(|package| format!("{package}-{release}={version}"));
        let packages = packages.each_ref().map(String::as_str);
        archive.unpack_whole(step, &PROGRAMS, root)?;
        archive.unpack(step, &packages, root)?;
        step.run(&mut leave_out(root, &left_out))?;
        step.run(
            Command::new("depmod")
                .arg("--basedir")
                .arg(root)
                .arg(release),
        )?;
        for (link, program) in LINKS {
            symlink(program, root.join("usr/sbin").join(link))?;
        }
        for folder in FOLDERS {
            fs::create_dir_all(root.join(folder))?;
        }
        Ok(())
    })
}

/// Removes the files that a dpkg configuration excludes.
pub fn leave_out(root: &Path, configuration: &str) -> Command {
    let mut find = Command::new("find");
    find.arg(root).args(["-type", "f", "(", "-false"]);
    for pattern in patterns(configuration, "path-exclude=") {
        find.arg("-o").arg("-path").arg(in_root(root, pattern));
    }
    find.arg(")");
    for pattern in patterns(configuration, "path-include=") {
        find.args(["!", "-path"]).arg(in_root(root, pattern));
    }
    find.arg("-delete");
    find
}

fn patterns<'a>(configuration: &'a str, option: &'static str) -> impl Iterator<Item = &'a str> {
    let lines = configuration.lines();
    lines.filter_map(move |line| line.strip_prefix(option))
}

fn in_root(root: &Path, pattern: &str) -> String {
    format!("{}{pattern}", root.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dpkg_leaves_out_is_left_out() {
        let root = std::env::temp_dir().join(format!("hmark-lab-arm64-{}", std::process::id()));
        let folder = root.join("usr/lib/modules/7.3/kernel/drivers/net");
        fs::create_dir_all(&folder).unwrap();
        for name in ["tun.ko.xz", "tulip.ko.xz"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let configuration = fs::read_to_string("../lab/dpkg.cfg").unwrap();
        let status = leave_out(&root, &configuration).status().unwrap();
        let left = [folder.join("tun.ko.xz"), folder.join("tulip.ko.xz")].map(|file| file.exists());
        fs::remove_dir_all(&root).unwrap();
        assert!(status.success());
        assert_eq!(left, [true, false]);
    }
}
