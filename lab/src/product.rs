// SPDX-License-Identifier: GPL-2.0-only
//! Products: what is built of this repository, and tested. All are in `target/lab`.

use crate::architecture::Architecture;
use crate::command::make;
use crate::iptables::Release;
use crate::kernel::Kernel;
use crate::lab::Lab;
use crate::need::Need;
use crate::progress::Step;
use anyhow::{Context, Result};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Something that is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// The library for the chroot's iptables.
    Library,
    /// The library for the iptables of another release.
    LibraryFor(Release),
    /// The library for another architecture.
    ForeignLibrary(Architecture),
    /// The library that stands in for a kernel where iptables of another architecture runs.
    Tables(Architecture),
    /// `hmark`, the operator's tool.
    Tool,
    /// A module for a kernel.
    Module(Module, Kernel),
    /// A program of `tests/`.
    Program(&'static str),
    /// The same for another architecture.
    ForeignProgram(&'static str, Architecture),
}

/// A kernel module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Module {
    /// `xt_HMARK.ko`
    Hmark,
    /// The same, optimised for size as kernels may be
    HmarkForSize,
    /// The same with the glue in C, for kernels that take no Rust modules
    HmarkByC,
    /// `hmark_fuzz.ko`, which compares the C target and ours, and `hmark_bench.ko`
    Fuzz,
    /// `hmark_init.ko`, which fails to load
    Init,
}

/// The folder of products, as the lab names it: from the repository on.
pub const FOLDER: &str = "target/lab";

/// Where a package has the files that pkg-config reads.
const PKG_CONFIG: &str = "usr/lib/x86_64-linux-gnu/pkgconfig";

/// The file of the library.
const LIBRARY: &str = "libxt_HMARK.so";

/// The folder of a library that is for another iptables than the chroot's: that of a release, or
/// for an architecture.
pub fn library_folder(iptables: impl fmt::Display) -> PathBuf {
    Path::new(FOLDER).join(handover::library_folder(Some(&iptables.to_string())))
}

/// The file of a program.
pub fn program(name: &str) -> String {
    format!("{FOLDER}/tools/{name}")
}

/// The file of a program for another architecture.
pub fn foreign_program(name: &str, architecture: Architecture) -> String {
    format!("{FOLDER}/{}/tools/{name}", architecture.target())
}

impl Product {
    /// What must be there to build it.
    pub fn needs(self) -> Vec<Need> {
        match self {
            Product::LibraryFor(release) => vec![Need::Iptables(release)],
            Product::ForeignLibrary(architecture) => vec![Need::ForeignIptables(architecture)],
            Product::Module(_, kernel) => vec![Need::Tree(kernel)],
            _ => vec![],
        }
    }

    /// The folder that cargo locks while it builds the product.
    pub fn uses(self) -> Option<&'static str> {
        match self {
            Product::Library
            | Product::LibraryFor(_)
            | Product::ForeignLibrary(_)
            | Product::Tool => Some("release"),
            Product::Tables(architecture) => Some(architecture.machine()),
            Product::Program(_) | Product::ForeignProgram(..) => Some("tools"),
            Product::Module(..) => None,
        }
    }

    /// Builds it.
    pub fn build(self, lab: &Lab) -> Result<()> {
        let mut step = Step::begin(&self.log(), format!("building {self}"))?;
        match self {
            Product::Library => step.run(make().arg("lib"))?,
            Product::LibraryFor(release) => {
                let packages = lab.iptables(release)?;
                step.run(
                    make()
                        .arg("lib")
                        .env("PKG_CONFIG_SYSROOT_DIR", &packages)
                        .env("PKG_CONFIG_LIBDIR", packages.join(PKG_CONFIG)),
                )?;
                let own = handover::library_folder(None);
                copy(
                    &Path::new(FOLDER).join(own).join(LIBRARY),
                    &library_folder(release),
                )?;
            }
            Product::ForeignLibrary(architecture) => {
                let packages = lab.foreign_iptables(architecture)?;
                let pkg_config = format!("usr/lib/{}/pkgconfig", architecture.triplet());
                let target = architecture.target();
                step.run(
                    cargo_with_std("build --release --locked --package libxt_HMARK")
                        .args(["-Zbuild-std=core", "--target", &target])
                        .env("PKG_CONFIG_ALLOW_CROSS", "1")
                        .env("PKG_CONFIG_SYSROOT_DIR", &packages)
                        .env("PKG_CONFIG_LIBDIR", packages.join(pkg_config)),
                )?;
                let built = Path::new(FOLDER).join(target).join("release").join(LIBRARY);
                copy(&built, &library_folder(architecture))?;
            }
            Product::Tables(architecture) => {
                step.run(&mut cross("build --locked --package tables", architecture))?;
                let built = Path::new(FOLDER)
                    .join(architecture.machine())
                    .join(architecture.target())
                    .join("debug/libtables.so");
                copy(&built, &library_folder(architecture))?;
            }
            Product::Tool => step.run(make().arg("hmark"))?,
            Product::Module(module, kernel) => {
                let (tree, folder) = (lab.tree(kernel)?, module.folder_for(kernel));
                let arguments = kernel.arguments();
                match kernel.older() {
                    // These kernels build modules where the source is.
                    Some(_) => module.build_in_copy(&mut step, &tree, &folder, arguments)?,
                    None => step.run(module.make(&tree, &folder)?.args(arguments))?,
                }
            }
            Product::Program(name) => {
                let mut cargo = Command::new("cargo");
                cargo.args(["build", "--profile", "tools", "--locked"]);
                step.run(cargo.args(["--package", name]))?;
            }
            Product::ForeignProgram(name, architecture) => step.run(
                cargo_with_std("build --profile tools --locked")
                    .args(["--package", name, "-Zbuild-std=std,panic_abort", "--target"])
                    .arg(architecture.target()),
            )?,
        }
        step.end("done");
        Ok(())
    }

    /// The name of its log.
    fn log(self) -> String {
        match self {
            Product::Library => "library".to_owned(),
            Product::LibraryFor(release) => format!("library-{release}"),
            Product::ForeignLibrary(architecture) => format!("library-{architecture}"),
            Product::Tables(architecture) => format!("tables-{architecture}"),
            Product::Tool => "hmark".to_owned(),
            Product::Module(module, kernel) => format!("{}-{kernel}", module.folder()),
            Product::Program(name) => name.to_owned(),
            Product::ForeignProgram(name, architecture) => format!("{name}-{architecture}"),
        }
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Product::Library => write!(f, "{LIBRARY}"),
            Product::LibraryFor(release) => write!(f, "{LIBRARY} for {release}"),
            Product::ForeignLibrary(architecture) => write!(f, "{LIBRARY} for {architecture}"),
            Product::Tables(architecture) => write!(f, "libtables.so for {architecture}"),
            Product::Tool => f.write_str("hmark"),
            Product::Module(module, kernel) => match module {
                Module::HmarkForSize => write!(f, "{} for {kernel}, for size", module.file()),
                Module::HmarkByC => write!(f, "{} for {kernel}, by C", module.file()),
                _ => write!(f, "{} for {kernel}", module.file()),
            },
            Product::Program(name) => f.write_str(name),
            Product::ForeignProgram(name, architecture) => write!(f, "{name} for {architecture}"),
        }
    }
}

impl Module {
    /// The name that its build folders begin with.
    pub fn folder(self) -> &'static str {
        match self {
            Module::Hmark => "kmod",
            Module::HmarkForSize => "kmod-for-size",
            Module::HmarkByC => "kmod-c",
            Module::Fuzz => "fuzz",
            Module::Init => "init",
        }
    }

    /// The folder that it is built in for a kernel.
    pub fn folder_for(self, kernel: Kernel) -> String {
        let folder = handover::module_folder(self.folder(), &kernel.to_string());
        format!("{FOLDER}/{folder}")
    }

    fn file(self) -> &'static str {
        match self {
            Module::Hmark | Module::HmarkForSize | Module::HmarkByC => "xt_HMARK.ko",
            Module::Fuzz => "hmark_fuzz.ko",
            Module::Init => "hmark_init.ko",
        }
    }

    /// The `make` that builds it against a kernel's tree into `folder`.
    pub fn make(self, tree: &Path, folder: &str) -> Result<Command> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {folder}"))?;
        let mut make = make();
        let source = match self {
            // As a user builds it.
            Module::Hmark | Module::HmarkForSize | Module::HmarkByC => {
                make.arg("kmod").arg(format!("KDIR={}", tree.display()));
                let glue = if self == Module::HmarkByC {
                    "c"
                } else {
                    "rust"
                };
                make.arg(format!("GLUE={glue}"));
                make.arg(format!("MO=/srv/hmark/{folder}"));
                if self == Module::HmarkForSize {
                    make.arg("KRUSTFLAGS=-Copt-level=s");
                }
                return Ok(make);
            }
            Module::Fuzz => "tests/kmod",
            Module::Init => "tests/kmod-init",
        };
        make.arg("-C")
            .arg(tree)
            .arg(format!("M=/srv/hmark/{source}"))
            .arg("modules")
            .arg(format!("MO=/srv/hmark/{folder}"));
        Ok(make)
    }

    /// Builds the module with the glue in C in a copy of its source, which is in `folder`.
    fn build_in_copy(
        self,
        step: &mut Step,
        tree: &Path,
        folder: &str,
        arguments: &[&str],
    ) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {folder}"))?;
        step.run(
            Command::new("cp")
                .args([
                    "--recursive",
                    "--update",
                    "Cargo.toml",
                    "Makefile",
                    "include",
                ])
                .args(["hmark", "xt_hmark_kmod", "xt_hmark_shim", folder]),
        )?;
        step.run(
            make()
                .args(["-C", folder, "kmod", "GLUE=c"])
                .arg(format!("KDIR={}", tree.display()))
                .args(arguments),
        )?;
        let folder = Path::new(folder);
        copy(&folder.join("xt_hmark_shim").join(self.file()), folder)
    }
}

/// Copies a file into a folder, under its own name.
fn copy(file: &Path, folder: &Path) -> Result<()> {
    let name = file.file_name().context("no file")?;
    let cannot = || format!("cannot copy {} to {}", file.display(), folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    fs::copy(file, folder.join(name)).with_context(cannot)?;
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
        .arg(format!("--target-dir={FOLDER}/{}", architecture.machine()))
        .env("CARGO_PROFILE_DEV_PANIC", "unwind");
    cargo
}
