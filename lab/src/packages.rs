// SPDX-License-Identifier: GPL-2.0-only
//! Debian packages of another release or another architecture, unpacked: apt and dpkg of the
//! chroot itself learn nothing of them.

use crate::architecture::Architecture;
use crate::iptables::Release;
use crate::progress::Step;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The file that the archives of the chroot are named in.
pub const SOURCES: &str = "/etc/apt/sources.list";

/// Where packages come from.
#[derive(Default)]
pub struct Archive {
    /// A release other than the chroot's, which has its backports too.
    pub release: Option<Release>,
    /// An architecture other than the chroot's.
    pub architecture: Option<Architecture>,
}

impl Archive {
    /// Unpacks packages alone into `folder`.
    pub fn unpack(&self, step: &mut Step, packages: &[&str], folder: &Path) -> Result<()> {
        self.unpack_from(step, &["download"], packages, ".", folder)
    }

    /// Unpacks packages and all that they depend on into `folder`.
    pub fn unpack_whole(&self, step: &mut Step, packages: &[&str], folder: &Path) -> Result<()> {
        let words = ["install", "--download-only", "--yes"];
        self.unpack_from(step, &words, packages, "var/cache/apt/archives", folder)
    }

    /// Unpacks what packages depend on, as far as its name begins with a prefix: packages of kernels
    /// have their release in their names.
    pub fn unpack_newest(
        &self,
        step: &mut Step,
        packages: &[&str],
        prefix: &str,
        folder: &Path,
    ) -> Result<()> {
        let apt = self.prepare(step, folder)?;
        let mut depends = self.apt("apt-cache", &apt);
        depends
            .args(["depends", "--recurse", "--important"])
            .args(packages);
        let depends = depends.output().context("cannot run apt-cache")?;
        let depends = String::from_utf8_lossy(&depends.stdout).into_owned();
        // A signed kernel and the one of this name are equal.
        let wanted = |line: &&str| line.starts_with(prefix) && !line.ends_with("-unsigned");
        let names: Vec<_> = depends.lines().filter(wanted).collect();
        self.fetch(step, &apt, &["download"], &names, ".", folder)
    }

    /// Has apt download packages by a command, which leaves them at `place`, and unpacks them.
    fn unpack_from(
        &self,
        step: &mut Step,
        command: &[&str],
        packages: &[&str],
        place: &str,
        folder: &Path,
    ) -> Result<()> {
        let apt = self.prepare(step, folder)?;
        self.fetch(step, &apt, command, packages, place, folder)
    }

    /// Makes a folder for apt, beside the one to unpack into, with the lists of packages.
    fn prepare(&self, step: &mut Step, folder: &Path) -> Result<PathBuf> {
        let apt = folder.with_extension("apt");
        let sources = fs::read_to_string(SOURCES)?;
        let sources = match self.release {
            Some(release) => source(&sources, release),
            None => Some(sources.replace(" arch=amd64", "")),
        };
        let sources = sources.with_context(|| format!("no archive in {SOURCES}"))?;
        prepare(&apt, &sources).with_context(|| format!("cannot write {}", apt.display()))?;
        step.run(self.apt("apt-get", &apt).arg("update"))?;
        Ok(apt)
    }

    fn fetch(
        &self,
        step: &mut Step,
        apt: &Path,
        command: &[&str],
        packages: &[&str],
        place: &str,
        folder: &Path,
    ) -> Result<()> {
        step.run(self.apt("apt-get", apt).args(command).args(packages))?;
        for file in fs::read_dir(apt.join(place))? {
            let file = file?.path();
            if file.extension().is_some_and(|extension| extension == "deb") {
                step.run(Command::new("dpkg-deb").arg("-x").arg(file).arg(folder))?;
            }
        }
        fs::remove_dir_all(apt)?;
        Ok(())
    }

    /// A command of apt with all that it keeps below a folder, but configured as in the chroot.
    fn apt(&self, program: &str, apt: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(apt)
            .arg("--quiet")
            .arg(format!("--option=Dir={}", apt.display()))
            // Its own user may not write there.
            .arg("--option=APT::Sandbox::User=root");
        if let Some(architecture) = self.architecture {
            command
                .arg(format!("--option=APT::Architecture={architecture}"))
                .arg(format!("--option=APT::Architectures={architecture}"));
        }
        command
    }
}

/// The first line of a sources list, of another release.
pub fn source(sources: &str, release: Release) -> Option<String> {
    let words: Vec<_> = sources.lines().next()?.split(' ').collect();
    let [deb, key, archive, _, component] = words[..] else {
        return None;
    };
    Some(format!("{deb} {key} {archive} {release} {component}\n"))
}

/// Fills a folder for apt: its sources, and that no package is installed.
fn prepare(apt: &Path, sources: &str) -> Result<()> {
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
    fs::write(apt.join("etc/apt/sources.list"), sources)?;
    Ok(fs::write(apt.join("var/lib/dpkg/status"), "")?)
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
