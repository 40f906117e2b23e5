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

/// A part of the network stack that a kernel may be built without.
#[derive(Clone, Copy)]
pub enum Part {
    Conntrack,
    Ipv6,
}

impl Part {
    /// The line of the configuration that leaves it out.
    fn line(self) -> &'static str {
        match self {
            Part::Conntrack => "# CONFIG_NF_CONNTRACK is not set",
            Part::Ipv6 => "# CONFIG_IPV6 is not set",
        }
    }

    /// What a release without it ends in.
    fn suffix(self) -> &'static str {
        match self {
            Part::Conntrack => "-no-conntrack",
            Part::Ipv6 => "-no-ipv6",
        }
    }
}

/// The build tree of the UML kernel, with the kernel as `linux` in it. Its modules
/// are put where the chroot has those of any other kernel.
pub fn kernel(store: &Store, stock: &Kernel, source: &Path) -> Result<PathBuf> {
    let wanted = config()?;
    store.product("uml", &key(stock, &wanted)?, |tree| {
        let mut step = Step::begin("uml", "building the UML kernel (6 minutes on 2 CPUs)")?;
        fs::create_dir(tree)?;
        step.run(&mut um(source, tree, "defconfig"))?;
        build(&mut step, stock, source, tree, &wanted)?;
        step.end("done");
        Ok(())
    })
}

/// The same without some parts, which its release names. Most of it is not built again.
pub fn without(store: &Store, stock: &Kernel, source: &Path, parts: &[Part]) -> Result<PathBuf> {
    let whole = kernel(store, stock, source)?;
    let suffix = parts.iter().map(|part| part.suffix()).collect::<String>();
    let mut lines = format!("CONFIG_LOCALVERSION=\"{suffix}\"\n");
    for part in parts {
        lines += part.line();
        lines.push('\n');
    }
    let key = format!("{}{lines}", key(stock, &config()?)?);
    store.product(&format!("uml{suffix}"), &key, |tree| {
        let what = format!("building the UML kernel{suffix} (3 minutes on 2 CPUs)");
        let mut step = Step::begin(&format!("uml{suffix}"), what)?;
        step.run(Command::new("cp").arg("--archive").arg(&whole).arg(tree))?;
        build(&mut step, stock, source, tree, &lines)?;
        step.end("done");
        Ok(())
    })
}

/// What the UML kernel is made from.
fn key(stock: &Kernel, wanted: &str) -> Result<String> {
    Ok(format!("{}\n{}{wanted}", stock.version, kernel::tools()?))
}

fn config() -> Result<String> {
    fs::read_to_string(CONFIG).with_context(|| format!("cannot read {CONFIG}"))
}

/// Builds what a configured tree becomes with the configuration that is `wanted` beside its own.
fn build(step: &mut Step, stock: &Kernel, source: &Path, tree: &Path, wanted: &str) -> Result<()> {
    let config = tree.join(".config");
    let fragment = tree.join("wanted.config");
    fs::write(&fragment, wanted)?;
    step.run(
        Command::new(source.join("scripts/kconfig/merge_config.sh"))
            .arg("-m")
            .arg("-O")
            .args([tree, &config, &fragment]),
    )?;
    step.run(&mut um(source, tree, "olddefconfig"))?;
    let lost = not_taken(wanted, &fs::read_to_string(&config)?);
    ensure!(
        lost.is_empty(),
        "kernel {} does not take: {}",
        stock.version,
        lost.join(", ")
    );
    step.run(&mut um(source, tree, "all"))?;
    step.run(&mut um(source, tree, "modules_install"))
}

/// `make` of a target of the kernel's source, for UML.
fn um(source: &Path, tree: &Path, target: &str) -> Command {
    let mut make = make();
    make.arg("-C").arg(source).arg("ARCH=um");
    make.arg(format!("O={}", tree.display())).arg(target);
    make
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
