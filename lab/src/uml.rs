// SPDX-License-Identifier: GPL-2.0-only
//! The UML kernel: the stock kernel's source as a plain process.

use crate::command::make;
use crate::kernel::{self, Kernel};
use crate::progress::Step;
use crate::store::Store;
use anyhow::{ensure, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the kernel has beyond its default configuration.
const CONFIG: &str = "lab/uml.config";

/// The build tree of the UML kernel, with the kernel as `linux` in it. Its modules
/// are put where the chroot has those of any other kernel.
pub fn kernel(store: &Store, stock: &Kernel, source: &Path) -> Result<PathBuf> {
    let wanted = fs::read_to_string(CONFIG).with_context(|| format!("cannot read {CONFIG}"))?;
    let key = format!("{}\n{}{wanted}", stock.version, kernel::tools()?);
    store.product("uml", &key, |tree| {
        let mut step = Step::begin("uml", "building the UML kernel (6 minutes on 2 CPUs)")?;
        fs::create_dir(tree)?;
        let um = |target: &str| {
            let mut make = make();
            make.arg("-C").arg(source).arg("ARCH=um");
            make.arg(format!("O={}", tree.display())).arg(target);
            make
        };
        let config = tree.join(".config");
        step.run(&mut um("defconfig"))?;
        step.run(
            Command::new(source.join("scripts/kconfig/merge_config.sh"))
                .arg("-m")
                .arg("-O")
                .arg(tree)
                .arg(&config)
                .arg(CONFIG),
        )?;
        step.run(&mut um("olddefconfig"))?;
        let lost = not_taken(&wanted, &fs::read_to_string(&config)?);
        ensure!(
            lost.is_empty(),
            "kernel {} does not take from {CONFIG}: {}",
            stock.version,
            lost.join(", ")
        );
        step.run(&mut um("all"))?;
        step.run(&mut um("modules_install"))?;
        step.end("done");
        Ok(())
    })
}

/// The lines of a configuration fragment that the configuration has not.
fn not_taken<'a>(fragment: &'a str, config: &str) -> Vec<&'a str> {
    fragment
        .lines()
        .filter(|line| line.starts_with("CONFIG_") || line.ends_with(" is not set"))
        .filter(|line| !config.lines().any(|taken| taken == *line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_options_are_named() {
        let fragment = "# Rust\nCONFIG_RUST=y\n\n# CONFIG_WERROR is not set\nCONFIG_TUN=y\n";
        let config = "CONFIG_RUST=y\nCONFIG_TUN=m\nCONFIG_WERROR=y\n";
        assert_eq!(
            not_taken(fragment, config),
            ["# CONFIG_WERROR is not set", "CONFIG_TUN=y"]
        );
        assert!(not_taken(fragment, fragment).is_empty());
    }
}
