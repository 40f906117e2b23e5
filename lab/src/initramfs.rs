// SPDX-License-Identifier: GPL-2.0-only
//! The initramfs that takes a kernel in qemu to its root: busybox, the kernel's modules for 9p over
//! virtio and overlayfs, and `guest/initramfs.sh`.

use crate::command::output;
use crate::packaged::PackagedKernel;
use crate::store::Store;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The first program.
const INIT: &str = "lab/guest/initramfs.sh";

/// Modules wanted; those they depend on are found.
const MODULES: [&str; 4] = ["virtio_pci", "9p", "9pnet_virtio", "overlay"];

/// The image, a cpio archive, under this name in the store, with a busybox of the kernel's machine.
pub fn image(
    store: &Store,
    name: &str,
    kernel: &PackagedKernel,
    busybox: &Path,
) -> Result<PathBuf> {
    let init = fs::read_to_string(INIT).with_context(|| format!("cannot read {INIT}"))?;
    let key = format!("{} {} {MODULES:?}\n{init}", kernel.release, kernel.version);
    store.entry_by_step(name, &key, "packing the initramfs", |step, image| {
        let tree = image.with_extension("tree");
        if tree.exists() {
            fs::remove_dir_all(&tree)?;
        }
        let folder = tree.join("modules").join(&kernel.release);
        for folder in [
            &tree.join("bin"),
            &tree.join("dev"),
            &tree.join("root"),
            &folder,
        ] {
            fs::create_dir_all(folder)?;
        }
        fs::copy(busybox, tree.join("bin/busybox"))
            .with_context(|| format!("cannot copy {}", busybox.display()))?;
        fs::copy(INIT, tree.join("init"))?;
        let mut order = String::new();
        for module in modules(kernel)? {
            let mut name = file_name(&module);
            let copy = folder.join(name);
            fs::copy(&module, &copy).with_context(|| format!("cannot copy {module}"))?;
            // busybox takes no compressed module.
            if let Some(plain) = name.strip_suffix(".xz") {
                step.run(Command::new("xz").arg("--decompress").arg(&copy))?;
                name = plain;
            }
            order += &format!("{name}\n");
        }
        fs::write(folder.join("order"), order)?;
        step.run(
            Command::new("sh")
                .current_dir(&tree)
                .args(["-ec", "find . | cpio --create --format=newc > \"$1\"", "sh"])
                .arg(image),
        )?;
        Ok(fs::remove_dir_all(&tree)?)
    })
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Paths of the modules, each after those it depends on.
fn modules(kernel: &PackagedKernel) -> Result<Vec<String>> {
    let root = kernel.root().to_string_lossy();
    let mut arguments = vec!["--dirname", &root, "--all", "--show-depends"];
    arguments.extend(["--set-version", &kernel.release]);
    arguments.extend(MODULES);
    Ok(load_order(&output("/sbin/modprobe", &arguments)?))
}

/// The paths in what `modprobe --show-depends` printed, each once.
fn load_order(depends: &str) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for path in depends
        .lines()
        .filter_map(|line| line.strip_prefix("insmod "))
    {
        let path = path.trim().to_string();
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_load_once_in_order() {
        let depends = "insmod /m/netfs.ko.xz \ninsmod /m/9pnet.ko.xz \ninsmod /m/9p.ko.xz \n\
                       builtin virtio_pci\ninsmod /m/9pnet.ko.xz \ninsmod /m/overlay.ko.xz \n";
        assert_eq!(
            load_order(depends),
            [
                "/m/netfs.ko.xz",
                "/m/9pnet.ko.xz",
                "/m/9p.ko.xz",
                "/m/overlay.ko.xz"
            ]
        );
    }
}
