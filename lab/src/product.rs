// SPDX-License-Identifier: GPL-2.0-only
//! Builds what is tested: the library, the module for both kernels, the tests.

use crate::command::make;
use crate::progress::Step;
use crate::state::Lab;
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// Builds all of it, under `target/lab`.
pub fn build(lab: &Lab) -> Result<()> {
    let mut step = Step::begin("library", "building libxt_HMARK.so")?;
    step.run(make().arg("lib"))?;
    step.end("done");

    let mut step = Step::begin(
        "module",
        "building xt_HMARK.ko for the stock and the UML kernel",
    )?;
    step.run(&mut module(&lab.metadata, "kmod-stock"))?;
    step.run(module(&lab.uml, "kmod-uml").arg("ARCH=um"))?;
    step.end("done");

    let mut step = Step::begin("tests", "building the tests")?;
    step.run(Command::new("cargo").args(["build", "--release", "--package", "tests"]))?;
    step.end("done");
    Ok(())
}

fn module(tree: &Path, folder: &str) -> Command {
    let mut make = make();
    make.arg("kmod")
        .arg(format!("KDIR={}", tree.display()))
        .arg(format!("MO=/srv/hmark/target/lab/{folder}"));
    make
}
