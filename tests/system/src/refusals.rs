// SPDX-License-Identifier: GPL-2.0-only

//! A build or the lab refuses what it cannot work with, with one clear line and a non-zero status.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::command::run;
use testbed::kernel;
use testbed::trial::single;
use testbed::trials;

/// The folder for the inputs of these tests.
const FOLDER: &str = "/run/hmark-refusals";

/// The script that checks a kernel tree for `make kmod`.
const CHECK_TREE: &str = "xt_hmark_kmod/check-tree.sh";

/// The configuration of a kernel that takes rules of iptables.
const IPTABLES: &str = "CONFIG_NETFILTER_XTABLES=m\nCONFIG_NFT_COMPAT=m\n";

/// The tests here.
pub fn trials() -> Vec<Trial> {
    match kernel::is_foreign() {
        true => trials![single(nothing_built)],
        false => trials![single(nothing_built, kernel_tree, kernel_tree_for_c, lab)],
    }
}

/// A kernel tree is refused if it is missing, not configured, without Rust, without all of its
/// metadata, or built with another compiler.
fn kernel_tree() -> Result<()> {
    let tree = Path::new(FOLDER).join("tree");
    let path = tree.to_str().context("not UTF-8")?;
    let check = |expected: &str| refused(Command::new(CHECK_TREE).args(["rust", path]), expected);
    fs::create_dir_all(tree.join("include/config"))?;
    fs::create_dir_all(tree.join("rust"))?;

    check("no kernel tree at")?;
    fs::write(tree.join("Makefile"), "")?;
    check("is not configured")?;
    let config = tree.join("include/config/auto.conf");
    fs::write(&config, IPTABLES)?;
    check("was built without CONFIG_RUST")?;
    let with_rustc = |rustc: &str| {
        let text = format!("{IPTABLES}CONFIG_RUST=y\nCONFIG_RUSTC_VERSION_TEXT=\"{rustc}\"\n");
        fs::write(&config, text)
    };
    with_rustc("rustc 1.2.3 (old)")?;
    check("has no Rust metadata")?;
    fs::write(tree.join("rust/libkernel.rmeta"), "")?;
    check("has no Rust metadata, or not all")?;
    for part in ["libcore.rmeta", "libbindings.rmeta", "libmacros.so"] {
        fs::write(tree.join("rust").join(part), "")?;
    }
    check("was built with 'rustc 1.2.3 (old)', but rustc is 'rustc 1.")?;
    with_rustc(run("rustc --version")?.trim())?;
    run(&format!("{CHECK_TREE} rust {path}")).context("a tree that has it all")?;
    let text = fs::read_to_string(&config)?;
    fs::write(&config, text.clone() + "CONFIG_CC_IS_CLANG=y\n")?;
    check("was built by clang: add LLVM=1")?;
    run(&format!("env LLVM=1 {CHECK_TREE} rust {path}")).context("a tree for clang")?;
    fs::write(&config, text)?;

    let mut no_rustc = Command::new(CHECK_TREE);
    let no_rustc = no_rustc.args(["rust", path]).env("RUSTC", "/nowhere/rustc");
    refused(no_rustc, "there is no /nowhere/rustc")?;
    refused(
        Command::new(CHECK_TREE).args(["rust", &running_tree()?]),
        "install linux-headers-",
    )
}

/// For the glue in C, a kernel tree is refused if it is missing, not configured, without xtables, for another
/// machine, of a kernel with CFI, or if there is no compiler for it.
fn kernel_tree_for_c() -> Result<()> {
    let tree = Path::new(FOLDER).join("tree-for-c");
    let path = tree.to_str().context("not UTF-8")?;
    let check = |expected: &str| refused(Command::new(CHECK_TREE).args(["c", path]), expected);
    fs::create_dir_all(tree.join("include/config"))?;

    check("no kernel tree at")?;
    fs::write(tree.join("Makefile"), "")?;
    check("is not configured")?;
    let config = tree.join("include/config/auto.conf");
    fs::write(&config, "CONFIG_X86_64=y\n")?;
    check("was built without xtables")?;
    fs::write(&config, "CONFIG_NETFILTER_XTABLES=m\n")?;
    check("takes no rules of iptables")?;
    fs::write(&config, IPTABLES)?;
    check("is not for x86-64")?;
    let has_all = format!("{IPTABLES}CONFIG_X86_64=y\n");
    fs::write(&config, &has_all)?;
    run(&format!("{CHECK_TREE} c {path}")).context("a tree that has it all")?;
    fs::write(&config, format!("{has_all}CONFIG_CC_IS_CLANG=y\n"))?;
    check("was built by clang: add LLVM=1")?;
    run(&format!("env LLVM=1 {CHECK_TREE} c {path}")).context("a tree for clang")?;
    fs::write(
        &config,
        format!("{has_all}CONFIG_CC_IS_CLANG=y\nCONFIG_CFI=y\n"),
    )?;
    refused(
        Command::new(CHECK_TREE).args(["c", path]).env("LLVM", "1"),
        "has CFI",
    )?;
    fs::write(&config, has_all)?;
    for (variable, program) in [("RUSTC", "/nowhere/rustc"), ("CC", "/nowhere/gcc")] {
        let mut without = Command::new(CHECK_TREE);
        let without = without.args(["c", path]).env(variable, program);
        refused(without, &format!("there is no {program}"))?;
    }
    Ok(())
}

/// The path that the headers of the running kernel would have if they were installed.
fn running_tree() -> Result<String> {
    let release = run("uname -r")?;
    let tree = format!("/lib/modules/{}/build", release.trim());
    // The lab's chroot has them. This removes them from the guest.
    run(&format!("rm -f {tree}"))?;
    Ok(tree)
}

/// `make install-files` refuses to install what was not built.
fn nothing_built() -> Result<()> {
    let mut make = Command::new("make");
    make.args(["-s", "install-files", "CARGO_TARGET_DIR=/nowhere"]);
    refused(&mut make, "is not built: run 'make lib'")
}

/// The lab refuses to run without root, without space, and without a network.
fn lab() -> Result<()> {
    let mut nobody = Command::new("setpriv");
    nobody.args(["--reuid=65534", "--clear-groups", "lab/enter.sh", "true"]);
    refused(&mut nobody, "lab: error: must run as root")?;

    for (size, expected) in [
        ("1G", "GB free and the lab needs"),
        ("64G", "is there a network?"),
    ] {
        let cache = Path::new(FOLDER).join(size);
        let path = cache.to_str().context("not UTF-8")?;
        fs::create_dir_all(&cache)?;
        run(&format!("mount -t tmpfs -o size={size} tmpfs {path}"))?;
        let mut enter = Command::new("lab/enter.sh");
        refused(enter.arg("true").env("XDG_CACHE_HOME", path), expected)?;
    }
    Ok(())
}

/// Checks that the command fails, and that one line of its standard error says `expected`.
fn refused(command: &mut Command, expected: &str) -> Result<()> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "{command:?} succeeded: {said}");
    let lines = said.lines().filter(|line| line.contains(expected));
    ensure!(
        lines.count() == 1,
        "{command:?} does not say '{expected}': {said}"
    );
    Ok(())
}
