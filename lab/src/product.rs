// SPDX-License-Identifier: GPL-2.0-only
//! Builds what is tested: the library, the module, the tests.

use crate::architecture::Architecture;
use crate::command::make;
use crate::iptables::Release;
use crate::lab::{Boot, Lab};
use crate::progress::Step;
use anyhow::{Context, Result};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a package has the files that pkg-config reads.
const PKG_CONFIG: &str = "usr/lib/x86_64-linux-gnu/pkgconfig";

/// Where a library is kept that is for another iptables than the chroot's: that of a release, or
/// for an architecture.
pub fn library_folder(iptables: impl fmt::Display) -> PathBuf {
    Path::new("target/lab").join(format!("iptables-{iptables}"))
}

/// Where `make lib` leaves the library.
const LIBRARY: &str = "target/lab/release/libxt_HMARK.so";

/// Builds the library for the iptables of other releases, and keeps each under
/// `target/lab`. It is `make lib` all the same, so [`build`] comes after this.
pub fn build_for(lab: &Lab, releases: &[Release]) -> Result<()> {
    for release in releases {
        let packages = lab.iptables(*release)?;
        let name = format!("library-{release}");
        let mut step = Step::begin(&name, format!("building libxt_HMARK.so for {release}"))?;
        step.run(
            make()
                .arg("lib")
                .env("PKG_CONFIG_SYSROOT_DIR", &packages)
                .env("PKG_CONFIG_LIBDIR", packages.join(PKG_CONFIG)),
        )?;
        let folder = library_folder(release);
        fs::create_dir_all(&folder)?;
        copy(Path::new(LIBRARY), &folder)?;
        step.end("done");
    }
    Ok(())
}

/// Builds the library for another architecture, and what stands in for a kernel there.
pub fn build_foreign(lab: &Lab, architecture: Architecture) -> Result<()> {
    let packages = lab.foreign_iptables(architecture)?;
    let folder = library_folder(architecture);
    let target = architecture.target();
    fs::create_dir_all(&folder)?;

    let name = format!("library-{architecture}");
    let mut step = Step::begin(&name, format!("building libxt_HMARK.so for {architecture}"))?;
    let pkg_config = format!("usr/lib/{}/pkgconfig", architecture.triplet());
    step.run(
        cargo_with_std("build --release --locked --package libxt_HMARK")
            .args(["-Zbuild-std=core", "--target", &target])
            .env("PKG_CONFIG_ALLOW_CROSS", "1")
            .env("PKG_CONFIG_SYSROOT_DIR", &packages)
            .env("PKG_CONFIG_LIBDIR", packages.join(pkg_config)),
    )?;
    let built = Path::new("target/lab").join(&target).join("release");
    copy(&built.join("libxt_HMARK.so"), &folder)?;
    step.end("done");

    let name = format!("tables-{architecture}");
    let mut step = Step::begin(&name, format!("building libtables.so for {architecture}"))?;
    step.run(&mut cross("build --locked --package tables", architecture))?;
    let built = Path::new("target/lab").join(architecture.machine());
    copy(&built.join(target).join("debug/libtables.so"), &folder)?;
    step.end("done");
    Ok(())
}

/// Builds the tests for another architecture.
pub fn build_foreign_tests(architecture: Architecture) -> Result<()> {
    let name = format!("tests-{architecture}");
    let mut step = Step::begin(&name, format!("building the tests for {architecture}"))?;
    step.run(
        cargo_with_std("build --profile tools --locked --package tests").args([
            "-Zbuild-std=std,panic_abort",
            "--target",
            &architecture.target(),
        ]),
    )?;
    step.end("done");
    Ok(())
}

/// Where [`build_foreign_tests`] leaves them.
pub fn foreign_tests(architecture: Architecture) -> String {
    format!("target/lab/{}/tools", architecture.target())
}

/// Copies a file into a folder, under its own name.
fn copy(file: &Path, folder: &Path) -> Result<()> {
    let name = file.file_name().context("no file")?;
    fs::copy(file, folder.join(name))
        .with_context(|| format!("cannot copy {} to {}", file.display(), folder.display()))?;
    Ok(())
}

/// Cargo, where Debian's builds std from its source: that is for nightly compilers, without the
/// variable.
fn cargo_with_std(arguments: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments.split(' ')).env("RUSTC_BOOTSTRAP", "1");
    cargo
}

/// Cargo for another architecture, unoptimised. What is built for it has a folder of its own, so
/// that it is not built again with other features. std wants its own way to panic.
pub fn cross(arguments: &str, architecture: Architecture) -> Command {
    let mut cargo = cargo_with_std(arguments);
    cargo
        .args(["-Zbuild-std", "--target", &architecture.target()])
        .arg(format!(
            "--target-dir=target/lab/{}",
            architecture.machine()
        ))
        .env("CARGO_PROFILE_DEV_PANIC", "unwind");
    cargo
}

/// Builds all of it under `target/lab`, the module for each of `kernels`.
pub fn build(lab: &Lab, kernels: &[Boot]) -> Result<()> {
    let mut step = Step::begin("library", "building libxt_HMARK.so")?;
    step.run(make().arg("lib"))?;
    step.end("done");

    build_modules(lab, kernels)?;
    build_test_module(lab, INIT, kernels)?;
    build_tests()
}

/// Builds what runs in guests under `target/lab/tools`.
pub fn build_tests() -> Result<()> {
    let mut step = Step::begin("tests", "building the tests")?;
    step.run(Command::new("cargo").args([
        "build",
        "--profile",
        "tools",
        "--locked",
        "--package",
        "tests",
    ]))?;
    step.end("done");
    Ok(())
}

/// Builds the module for each of `kernels`.
pub fn build_modules(lab: &Lab, kernels: &[Boot]) -> Result<()> {
    for &kernel in kernels {
        let folder = format!("kmod-{kernel}");
        let tree = lab.tree(kernel)?;
        let what = format!("building xt_HMARK.ko for the kernel {kernel}");
        let mut step = Step::begin(&folder, what)?;
        step.run(
            make()
                .arg("kmod")
                .args(kernel.arguments())
                .arg(format!("KDIR={}", tree.display()))
                .arg(format!("MO=/srv/hmark/target/lab/{folder}")),
        )?;
        step.end("done");
    }
    Ok(())
}

/// A module that is for tests and never installed.
#[derive(Clone, Copy)]
pub struct TestModule {
    /// What its build folders begin with.
    name: &'static str,
    source: &'static str,
}

/// Compares the C target and ours.
pub const FUZZ: TestModule = TestModule {
    name: "fuzz",
    source: "tests/kmod",
};

/// Fails to load.
pub const INIT: TestModule = TestModule {
    name: "init",
    source: "tests/kmod-init",
};

impl fmt::Display for TestModule {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Builds the module for each of `kernels`.
pub fn build_test_module(lab: &Lab, module: TestModule, kernels: &[Boot]) -> Result<()> {
    for &kernel in kernels {
        let name = format!("{module}-{kernel}");
        let what = format!("building hmark_{module}.ko for the kernel {kernel}");
        let mut step = Step::begin(&name, what)?;
        let mut make = make_test_module(module, &lab.tree(kernel)?, &format!("target/lab/{name}"))?;
        step.run(make.args(kernel.arguments()))?;
        step.end("done");
    }
    Ok(())
}

/// The `make` that builds the module into `folder`.
pub fn make_test_module(module: TestModule, tree: &Path, folder: &str) -> Result<Command> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {folder}"))?;
    let mut make = make();
    make.arg("-C")
        .arg(tree)
        .arg(format!("M=/srv/hmark/{}", module.source))
        .arg("modules")
        .arg(format!("MO=/srv/hmark/{folder}"));
    Ok(make)
}
