// SPDX-License-Identifier: GPL-2.0-only
//! Builds what is tested: the library, the module, the tests.

use crate::command::make;
use crate::iptables::Release;
use crate::lab::{Boot, Lab};
use crate::progress::Step;
use anyhow::{Context, Result};
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Where a package has the files that pkg-config reads.
const PKG_CONFIG: &str = "usr/lib/x86_64-linux-gnu/pkgconfig";

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
        let folder = Path::new("target/lab").join(format!("iptables-{release}"));
        fs::create_dir_all(&folder)?;
        fs::copy(LIBRARY, folder.join("libxt_HMARK.so"))
            .with_context(|| format!("cannot copy {LIBRARY} to {}", folder.display()))?;
        step.end("done");
    }
    Ok(())
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
