// SPDX-License-Identifier: GPL-2.0-only
//! Unmodified kernels that Debian releases came with. They take no Rust modules. Their packages are
//! unpacked, and guests boot them on the chroot.

use crate::arm64::leave_out;
use crate::iptables::Release;
use crate::packaged::PackagedKernel;
use crate::packages::Archive;
use crate::store::Store;
use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages that depend on the newest of their release.
const NEWEST: [&str; 2] = ["linux-image-amd64", "linux-headers-amd64"];

/// The release of a kernel's packages; none for that of the chroot.
#[derive(Clone, Copy)]
pub struct Older(Option<Release>);

/// The files that the chroot leaves out of its packages.
const LEFT_OUT: &str = "lab/dpkg.cfg";

/// In Linux 6.1, these are modules, which 9p over virtio needs.
const NEEDED: &str = "path-include=/usr/lib/modules/*/kernel/fs/fscache/*\n\
                      path-include=/usr/lib/modules/*/kernel/drivers/virtio/*\n";

/// Where headers look for what several of them share.
const SHARED: &str = "/usr/src";

impl Older {
    /// That of Debian 13, which the chroot is.
    pub const DEBIAN13: Older = Older(None);
    /// That of Debian 12.
    pub const DEBIAN12: Older = Older(Some(Release::Bookworm));

    /// The kernel, in a folder of its packages.
    pub fn kernel(self, store: &Store) -> Result<PackagedKernel> {
        let root = self.root(store)?;
        let release = fs::read_to_string(root.join("release"))?;
        Ok(PackagedKernel::unpacked(
            &root,
            release.trim().to_owned(),
            String::new(),
        ))
    }

    /// The tree to build modules against: that of the headers.
    pub fn tree(self, store: &Store) -> Result<PathBuf> {
        let kernel = self.kernel(store)?;
        share(kernel.root())?;
        Ok(kernel.headers())
    }

    fn name(self) -> &'static str {
        match self.0 {
            Some(Release::Bookworm) => "debian12",
            _ => "debian13",
        }
    }

    fn root(self, store: &Store) -> Result<PathBuf> {
        let name = self.name();
        let left_out =
            fs::read_to_string(LEFT_OUT).with_context(|| format!("cannot read {LEFT_OUT}"))?;
        let left_out = left_out + NEEDED;
        let what = format!("unpacking the kernel of {name}");
        store.entry_by_step(name, &left_out, &what, |step, root| {
            let archive = Archive {
                release: self.0,
                architecture: None,
            };
            archive.unpack_newest(step, &NEWEST, "linux-", root)?;
            // Packages of Debian 12 have them in /lib.
            let old = root.join("lib");
            if old.exists() {
                fs::rename(old.join("modules"), root.join("usr/lib/modules"))?;
                fs::remove_dir_all(&old)?;
            }
            symlink("usr/lib", old)?;
            let release = only(&root.join("usr/lib/modules"))?;
            step.run(&mut leave_out(root, &left_out))?;
            step.run(
                Command::new("depmod")
                    .arg("--basedir")
                    .arg(root)
                    .arg(&release),
            )?;
            Ok(fs::write(root.join("release"), release)?)
        })
    }
}

/// The name of the only file in a folder.
fn only(folder: &Path) -> Result<String> {
    let mut names = fs::read_dir(folder)?;
    let name = names.next().context("no kernel in its package")??;
    Ok(name.file_name().to_string_lossy().into_owned())
}

/// Links the folders of headers to where each other's Makefiles look for them.
fn share(root: &Path) -> Result<()> {
    for folder in fs::read_dir(root.join("usr/src"))? {
        let folder = folder?;
        let link = Path::new(SHARED).join(folder.file_name());
        if fs::symlink_metadata(&link).is_ok() {
            fs::remove_file(&link)?;
        }
        symlink(folder.path(), link)?;
    }
    Ok(())
}
