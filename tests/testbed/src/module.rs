// SPDX-License-Identifier: GPL-2.0-only

//! The kernel module `xt_HMARK`: the kernel's own C module, and ours with the same name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{ensure, Context, Result};

use crate::command::run;
use crate::install;
use crate::patience;

/// Name of both modules.
pub const NAME: &str = "xt_HMARK";

/// The loaded module in sysfs.
const SYSFS: &str = "/sys/module/xt_HMARK";

/// Whether a module of this name is loaded.
pub fn loaded() -> bool {
    Path::new(SYSFS).exists()
}

/// An attribute of the loaded module in sysfs, such as `refcnt` or `taint`; empty if there is no
/// such file.
pub fn attribute(name: &str) -> String {
    fs::read_to_string(format!("{SYSFS}/{name}"))
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

/// The number of rules (and other holders) that use the loaded module.
///
/// # Errors
/// If it is not loaded.
pub fn users() -> Result<u32> {
    attribute("refcnt")
        .parse()
        .with_context(|| format!("{NAME} is not loaded"))
}

/// A field of a module file, as modinfo prints it.
///
/// # Errors
/// If modinfo fails.
pub fn field(module: &Path, name: &str) -> Result<String> {
    let text = run(&format!("modinfo -F {name} {}", module.display()))?;
    Ok(text.trim().to_owned())
}

/// The file that `modprobe xt_HMARK` would load.
///
/// # Errors
/// If there is none.
pub fn file() -> Result<PathBuf> {
    Ok(run(&format!("modinfo -n {NAME}"))?.trim().into())
}

/// Our module's file.
///
/// # Errors
/// If modprobe would not load a module from `updates/`.
pub fn our_file() -> Result<PathBuf> {
    let file = file()?;
    ensure!(
        file.components().any(|part| part.as_os_str() == "updates"),
        "modprobe would load {}, not ours from updates/",
        file.display()
    );
    Ok(file)
}

/// The file of the C module that came with the running kernel.
///
/// # Errors
/// If the kernel has none.
pub fn c_file() -> Result<PathBuf> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let release = release.trim();
    // DKMS moves it aside.
    let folders = [
        format!("/lib/modules/{release}/kernel/net/netfilter"),
        format!("/var/lib/dkms/xt-hmark/original_module/{release}/x86_64"),
    ];
    folders
        .iter()
        .flat_map(|folder| ["", ".xz"].map(|packed| format!("{folder}/{NAME}.ko{packed}").into()))
        .find(|file: &PathBuf| file.exists())
        .with_context(|| format!("no {NAME}.ko in {folders:?}: the kernel lacks the C module"))
}

/// Checks that the loaded module is ours: it was not built with the kernel, and if the file has a
/// build ID (a hash of its contents), the loaded module has the same one.
///
/// # Errors
/// If it is not loaded, or is not ours.
pub fn check_ours() -> Result<()> {
    ensure!(loaded(), "{NAME} is not loaded");
    ensure!(out_of_tree(), "the loaded {NAME} is the kernel's own");
    let file = our_file()?;
    let note = fs::read(format!("{SYSFS}/notes/.note.gnu.build-id"))
        .with_context(|| format!("the loaded {NAME} has no build ID"))?;
    let contents = contents(&file)?;
    ensure!(
        contents.windows(note.len()).any(|window| window == note),
        "the loaded {NAME} is not {}: its build ID differs",
        file.display()
    );
    Ok(())
}

/// The contents of a module file, which a package may have compressed.
fn contents(file: &Path) -> Result<Vec<u8>> {
    if file.extension().is_some_and(|extension| extension == "xz") {
        let unpacked = Command::new("xz")
            .args(["--decompress", "--stdout"])
            .arg(file)
            .output()
            .context("cannot run xz")?;
        ensure!(
            unpacked.status.success(),
            "xz failed for {}",
            file.display()
        );
        return Ok(unpacked.stdout);
    }
    Ok(fs::read(file)?)
}

/// Checks that the loaded module is the kernel's own C module.
///
/// # Errors
/// If it is not loaded, or is not the C module.
pub fn check_c() -> Result<()> {
    ensure!(loaded(), "{NAME} is not loaded");
    ensure!(!out_of_tree(), "the loaded {NAME} is not the kernel's own");
    Ok(())
}

fn out_of_tree() -> bool {
    attribute("taint").contains('O')
}

/// Loads our module, in place of the loaded one.
///
/// # Errors
/// If a rule uses the loaded module, or ours does not load.
pub fn load_ours() -> Result<()> {
    unload()?;
    run(&format!("modprobe {NAME}"))?;
    check_ours()
}

/// Loads our module as the lab has built it for the running kernel, without installing it, in place
/// of the loaded one.
///
/// # Errors
/// If a rule uses the loaded module, or ours was not built, or does not load.
pub fn load_built() -> Result<()> {
    unload()?;
    insert(&install::built_module(install::module_under_test(), NAME))?;
    ensure!(out_of_tree(), "the loaded {NAME} is not ours");
    Ok(())
}

/// Loads the kernel's own C module, in place of the loaded one.
///
/// # Errors
/// If a rule uses the loaded module, or the C module does not load.
pub fn load_c() -> Result<()> {
    unload()?;
    // modprobe would load ours from updates/.
    insert(&c_file()?)?;
    check_c()
}

/// Loads a module file, after the modules that it needs.
///
/// # Errors
/// If one of them does not load.
pub fn insert(file: &Path) -> Result<()> {
    let depends = field(file, "depends")?;
    for needed in depends.split(',').filter(|name| !name.is_empty()) {
        run(&format!("modprobe {needed}"))?;
    }
    run(&format!("insmod {}", file.display())).map(drop)
}

/// Unloads the module, if it is loaded, as soon as no rule uses it.
///
/// # Errors
/// If a rule still uses it.
pub fn unload() -> Result<()> {
    if loaded() {
        wait_unused()?;
        run(&format!("rmmod {NAME}"))?;
        ensure!(!loaded(), "{NAME} is still there after rmmod");
    }
    Ok(())
}

/// Waits until no rule uses the loaded module: nftables frees a flushed rule in a worker.
///
/// # Errors
/// If one never lets go.
pub fn wait_unused() -> Result<()> {
    patience::wait("rules still use the module", || Ok(users()? == 0))
}
