// SPDX-License-Identifier: GPL-2.0-only
//! The iptables of other Debian releases, which the extension is tested with beside
//! that of the chroot: unpacked packages that a guest puts over its own.

use crate::progress::Step;
use crate::store::Store;
use anyhow::{Context, Result};
use clap::ValueEnum;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Debian release. The chroot's libraries are new enough for the iptables of each.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Release {
    /// Debian 12
    Bookworm,
    /// The release to come, as far as it is
    Testing,
}

impl Release {
    pub const ALL: [Release; 2] = [Release::Bookworm, Release::Testing];
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

/// The file that the archive of the chroot is named in.
pub const SOURCES: &str = "/etc/apt/sources.list";

/// The packages of a release, unpacked: a folder with `usr` in it.
pub fn unpacked(store: &Store, release: Release) -> Result<PathBuf> {
    let name = format!("iptables-{release}");
    store.product(&name, &PACKAGES.join(" "), |folder| {
        let mut step = Step::begin(&name, format!("unpacking iptables of Debian {release}"))?;
        // apt and dpkg of the chroot itself learn nothing of this.
        let apt = folder.with_extension("apt");
        let sources = fs::read_to_string(SOURCES)?;
        let source =
            source(&sources, release).with_context(|| format!("no archive in {SOURCES}"))?;
        prepare(&apt, &source).with_context(|| format!("cannot write {}", apt.display()))?;
        step.run(apt_get(&apt).arg("update"))?;
        step.run(apt_get(&apt).arg("download").args(PACKAGES))?;
        for file in fs::read_dir(&apt)? {
            let file = file?.path();
            if file.extension().is_some_and(|extension| extension == "deb") {
                step.run(Command::new("dpkg-deb").arg("-x").arg(file).arg(folder))?;
            }
        }
        fs::remove_dir_all(&apt)?;
        step.end("done");
        Ok(())
    })
}

/// The first line of a sources list, of another release.
pub fn source(sources: &str, release: Release) -> Option<String> {
    let words: Vec<_> = sources.lines().next()?.split(' ').collect();
    let [deb, key, archive, _, component] = words[..] else {
        return None;
    };
    Some(format!("{deb} {key} {archive} {release} {component}\n"))
}

/// Fills a folder for apt: a source, and that no package is installed.
fn prepare(apt: &Path, source: &str) -> Result<()> {
    if apt.exists() {
        fs::remove_dir_all(apt)?;
    }
    for folder in [
        "etc/apt/preferences.d",
        "var/lib/dpkg",
        "var/lib/apt",
        "var/cache/apt",
    ] {
        fs::create_dir_all(apt.join(folder))?;
    }
    fs::write(apt.join("etc/apt/sources.list"), source)?;
    Ok(fs::write(apt.join("var/lib/dpkg/status"), "")?)
}

/// apt-get with all that it keeps below a folder, but configured as in the chroot.
fn apt_get(apt: &Path) -> Command {
    let mut command = Command::new("apt-get");
    command
        .current_dir(apt)
        .arg("--quiet")
        .arg(format!("--option=Dir={}", apt.display()))
        // Its own user may not write there.
        .arg("--option=APT::Sandbox::User=root");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_is_of_the_same_archive() {
        let sources = "deb [signed-by=/key.gpg] file:/archive trixie main\n\n\
            deb [signed-by=/key.gpg arch=amd64] file:/archive trixie-backports main\n";
        assert_eq!(
            source(sources, Release::Testing).as_deref(),
            Some("deb [signed-by=/key.gpg] file:/archive testing main\n")
        );
        assert_eq!(source("", Release::Bookworm), None);
    }
}
