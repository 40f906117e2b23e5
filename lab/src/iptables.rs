// SPDX-License-Identifier: GPL-2.0-only
//! The iptables of other Debian releases, which a guest puts over its own, and of other
//! architectures: unpacked packages, which the extension is tested with beside that of the chroot.

use crate::architecture::Architecture;
use crate::packages::Archive;
use crate::store::Store;
use anyhow::Result;
use clap::ValueEnum;
use std::fmt;
use std::path::PathBuf;

/// A Debian release. The chroot's libraries are new enough for the iptables of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Release {
    /// Debian 12
    Bookworm,
    /// The release to come, as far as it is
    Testing,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Release::Bookworm => "bookworm",
            Release::Testing => "testing",
        })
    }
}

/// iptables, and what extensions are built with. What else it depends on is in the
/// chroot.
const PACKAGES: [&str; 5] = [
    "iptables",
    "libip4tc2",
    "libip6tc2",
    "libxtables-dev",
    "libxtables12",
];

/// The packages of a release, unpacked: a folder with `usr` in it.
pub fn unpacked(store: &Store, release: Release) -> Result<PathBuf> {
    let name = format!("iptables-{release}");
    let what = format!("unpacking iptables of Debian {release}");
    store.entry_by_step(&name, &PACKAGES.join(" "), &what, |step, folder| {
        let archive = Archive {
            release: Some(release),
            ..Archive::default()
        };
        archive.unpack(step, &PACKAGES, folder)
    })
}

/// The packages for another architecture, with the libraries that they need.
pub fn foreign(store: &Store, architecture: Architecture) -> Result<PathBuf> {
    let release = match architecture {
        Architecture::Arm64 => None,
        // Mirrors may have no valid index of Debian 13 for them.
        Architecture::I386 | Architecture::S390x => Some(Release::Testing),
    };
    let name = format!("iptables-{architecture}");
    // Where libraries are looked for, there are links of base-files.
    let packages = [&PACKAGES[..], &["base-files"]].concat();
    let mut key = packages.join(" ");
    if let Some(release) = release {
        key += &format!(" of {release}");
    }
    let what = format!("unpacking iptables for {architecture}");
    store.entry_by_step(&name, &key, &what, |step, folder| {
        let archive = Archive {
            release,
            architecture: Some(architecture),
        };
        archive.unpack_whole(step, &packages, folder)
    })
}
