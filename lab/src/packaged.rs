// SPDX-License-Identifier: GPL-2.0-only
//! The stock kernel: which one it is, its source, and the Rust metadata that
//! Debian's headers package lacks.

use crate::command::output;
use crate::store::Store;
use anyhow::{ensure, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The script that makes the Rust metadata, both for DKMS and for the lab.
const TREE: &str = "packaging/dkms/tree.sh";

/// A kernel of a Debian package, unmodified.
pub struct PackagedKernel {
    /// The Debian that it is installed in.
    root: PathBuf,
    /// As `uname -r` says it.
    pub release: String,
    /// The version of the kernel's Debian packages.
    pub version: String,
}

impl PackagedKernel {
    /// The newest kernel of the Debian in a folder.
    pub fn newest(root: &Path) -> Result<PackagedKernel> {
        let mut releases = Vec::new();
        let boot = root.join("boot");
        let cannot = || format!("cannot read {}", boot.display());
        for entry in fs::read_dir(&boot).with_context(cannot)? {
            if let Some(release) = entry?
                .file_name()
                .to_string_lossy()
                .strip_prefix("vmlinuz-")
            {
                releases.push(release.to_string());
            }
        }
        let release = releases
            .into_iter()
            .max_by_key(|release| numbers(release))
            .with_context(|| format!("{} has no kernel", boot.display()))?;
        let database = format!("--root={}", root.display());
        let package = format!("linux-image-{release}");
        let version = output(
            "dpkg-query",
            &[&database, "-W", "-f", "${Version}", &package],
        )?;
        Ok(PackagedKernel::unpacked(root, release, version))
    }

    /// A kernel whose packages are unpacked in a folder.
    pub fn unpacked(root: &Path, release: String, version: String) -> PackagedKernel {
        PackagedKernel {
            root: root.to_path_buf(),
            release,
            version,
        }
    }

    /// The boot image.
    pub fn image(&self) -> PathBuf {
        self.root.join(format!("boot/vmlinuz-{}", self.release))
    }

    /// The Debian that it is installed in.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The build tree of the headers package.
    pub fn headers(&self) -> PathBuf {
        let headers = format!("usr/src/linux-headers-{}", self.release);
        self.root.join(headers)
    }

    /// `X.Y`, as in the source package's name.
    fn series(&self) -> String {
        self.release
            .split('.')
            .take(2)
            .collect::<Vec<_>>()
            .join(".")
    }
}

/// The numbers in a release, to compare it by.
fn numbers(release: &str) -> Vec<u64> {
    release
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

/// The kernel's source, unpacked.
pub fn source(store: &Store, kernel: &PackagedKernel) -> Result<PathBuf> {
    let package = format!("linux-source-{}", kernel.series());
    let version = output("dpkg-query", &["-W", "-f", "${Version}", &package])?;
    ensure!(
        version == kernel.version,
        "{package} is of version {version} and the kernel of {}: remove the chroot, and enter.sh makes it again",
        kernel.version
    );
    let what = format!("unpacking {package}");
    store.entry_by_step("source", &version, &what, |step, tree| {
        fs::create_dir(tree)?;
        step.run(
            Command::new("tar")
                .arg("--extract")
                .arg(format!("--file=/usr/src/{package}.tar.xz"))
                .arg("--strip-components=1")
                .arg("--directory")
                .arg(tree),
        )
    })
}

/// A build tree like that of the headers package, which has Rust metadata too, under this name
/// in the store: made as the packages make it. `variables` are for `make`, for another
/// architecture.
pub fn tree(
    store: &Store,
    name: &str,
    kernel: &PackagedKernel,
    variables: &[&str],
) -> Result<PathBuf> {
    let script = fs::read_to_string(TREE).with_context(|| format!("cannot read {TREE}"))?;
    let key = format!(
        "{} {}\n{}{script}",
        kernel.release,
        kernel.version,
        tools()?
    );
    let what = format!("making Rust metadata for {}", kernel.release);
    let cache = store.entry_by_step(name, &key, &what, |step, cache| {
        step.run(
            Command::new("env")
                .args(variables)
                .arg(format!("HMARK_CACHE={}", cache.display()))
                .args([TREE, "make", &kernel.release])
                .arg(kernel.headers()),
        )
    })?;
    Ok(cache.join(&kernel.release))
}

/// The tools that kernel builds depend on, for keys.
pub fn tools() -> Result<String> {
    let mut tools = String::new();
    for program in ["rustc", "bindgen", "gcc"] {
        tools += &output(program, &["--version"])?;
        tools.push('\n');
    }
    Ok(tools)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_names_its_series() {
        let kernel = PackagedKernel {
            root: PathBuf::new(),
            release: "7.3.4+deb13-amd64".into(),
            version: String::new(),
        };
        assert_eq!(kernel.series(), "7.3");
    }

    #[test]
    fn releases_compare_by_number() {
        assert!(numbers("7.10.1+deb13-amd64") > numbers("7.9.12+deb13-amd64"));
        assert!(numbers("7.3.4+deb14-amd64") > numbers("7.3.4+deb13-amd64"));
    }
}
