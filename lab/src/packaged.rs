// SPDX-License-Identifier: GPL-2.0-only
//! The stock kernel: which one it is, its source, and the Rust metadata that
//! Debian's headers package lacks.

use crate::command::{make, output};
use crate::progress::Step;
use crate::store::Store;
use anyhow::{bail, ensure, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    fn headers(&self) -> PathBuf {
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

    /// What follows the upstream version in the release.
    fn suffix(&self) -> &str {
        self.release
            .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
    }
}

/// The numbers in a release, to compare it by.
fn numbers(release: &str) -> Vec<u64> {
    release
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

/// The value of a string or tristate option in a kernel configuration.
fn option<'a>(config: &'a str, name: &str) -> Option<&'a str> {
    config.lines().find_map(|line| {
        let value = line.strip_prefix(name)?.strip_prefix('=')?;
        Some(value.trim_matches('"'))
    })
}

/// Checks that the kernel takes Rust modules, and that this rustc can build them:
/// symbol names and metadata differ between compilers.
pub fn check_rust(kernel: &PackagedKernel) -> Result<()> {
    let path = kernel.headers().join(".config");
    let config =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    check_rust_config(&kernel.release, &config, &output("rustc", &["--version"])?)
}

fn check_rust_config(release: &str, config: &str, rustc: &str) -> Result<()> {
    ensure!(
        option(config, "CONFIG_RUST") == Some("y"),
        "kernel {release} is built without CONFIG_RUST and loads no Rust module: use one that has it"
    );
    let built_with = option(config, "CONFIG_RUSTC_VERSION_TEXT").unwrap_or("an unknown rustc");
    ensure!(
        built_with == rustc,
        "kernel {release} is built with {built_with}, and here is {rustc}: install the kernel's own"
    );
    Ok(())
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
    store.entry("source", &version, |tree| {
        let mut step = Step::begin("source", format!("unpacking {package}"))?;
        fs::create_dir(tree)?;
        step.run(
            Command::new("tar")
                .arg("--extract")
                .arg(format!("--file=/usr/src/{package}.tar.xz"))
                .arg("--strip-components=1")
                .arg("--directory")
                .arg(tree),
        )?;
        step.end("done");
        Ok(())
    })
}

/// A build tree like that of the headers package, which has Rust metadata too, under this name
/// in the store. `arguments` is what `make` is told for another architecture.
pub fn metadata(
    store: &Store,
    name: &str,
    kernel: &PackagedKernel,
    source: &Path,
    arguments: &[&str],
) -> Result<PathBuf> {
    let headers = kernel.headers();
    let tools = tools()?;
    let key = format!("{} {}\n{tools}", kernel.release, kernel.version);
    store.entry(name, &key, |tree| {
        let what = format!("making Rust metadata for {}", kernel.release);
        let mut step = Step::begin(name, what)?;
        fs::create_dir(tree)?;
        for file in [".config", "Module.symvers"] {
            fs::copy(headers.join(file), tree.join(file))
                .with_context(|| format!("{} lacks {file}", headers.display()))?;
        }
        step.run(
            make()
                .arg("-C")
                .arg(source)
                .args(arguments)
                .arg(format!("O={}", tree.display()))
                .arg(format!("LOCALVERSION={}", kernel.suffix()))
                .args(["olddefconfig", "prepare", "modules_prepare"]),
        )?;
        let release = release(tree)?;
        if release != kernel.release {
            bail!("the metadata is for {release}, not for {}", kernel.release);
        }
        let config = fs::read_to_string(tree.join(".config"))?;
        ensure!(
            option(&config, "CONFIG_RUST") == Some("y"),
            "the source turned CONFIG_RUST off: 'make rustavailable' in {} says why",
            source.display()
        );
        step.end("done");
        Ok(())
    })
}

/// The release that a build tree is of.
pub fn release(tree: &Path) -> Result<String> {
    let path = tree.join("include/config/kernel.release");
    let release =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(release.trim().to_string())
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

    const RUSTC: &str = "rustc 1.85.1 (4eb161250 2025-03-15)";

    fn kernel(release: &str) -> PackagedKernel {
        PackagedKernel {
            root: PathBuf::new(),
            release: release.into(),
            version: String::new(),
        }
    }

    #[test]
    fn release_is_taken_apart() {
        let kernel = kernel("7.3.4+deb13-amd64");
        assert_eq!(kernel.series(), "7.3");
        assert_eq!(kernel.suffix(), "+deb13-amd64");
    }

    #[test]
    fn releases_compare_by_number() {
        assert!(numbers("7.10.1+deb13-amd64") > numbers("7.9.12+deb13-amd64"));
        assert!(numbers("7.3.4+deb14-amd64") > numbers("7.3.4+deb13-amd64"));
    }

    #[test]
    fn rust_is_checked() {
        let config = format!("CONFIG_RUST=y\nCONFIG_RUSTC_VERSION_TEXT=\"{RUSTC}\"\n");
        assert!(check_rust_config("7.3", &config, RUSTC).is_ok());
        let error = check_rust_config("7.3", &config, "rustc 1.90.0").unwrap_err();
        assert!(error.to_string().contains("rustc 1.90.0"));
        let config = "# CONFIG_RUST is not set\nCONFIG_RUST_IS_AVAILABLE=y\n";
        let error = check_rust_config("7.3", config, RUSTC).unwrap_err();
        assert!(error.to_string().contains("without CONFIG_RUST"));
    }
}
