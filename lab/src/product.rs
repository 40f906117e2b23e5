// SPDX-License-Identifier: GPL-2.0-only
//! Builds what is tested: the library, the module, the tests.

use crate::command::make;
use crate::lab::{Boot, Lab};
use crate::progress::Step;
use anyhow::Result;
use std::process::Command;

/// Builds all of it under `target/lab`, the module for each of `kernels`.
pub fn build(lab: &Lab, kernels: &[Boot]) -> Result<()> {
    let mut step = Step::begin("library", "building libxt_HMARK.so")?;
    step.run(make().arg("lib"))?;
    step.end("done");

    for &kernel in kernels {
        let (name, folder, architecture) = match kernel {
            Boot::Stock => ("stock", "kmod-stock", None),
            Boot::Uml => ("UML", "kmod-uml", Some("ARCH=um")),
        };
        let tree = lab.tree(kernel)?;
        let what = format!("building xt_HMARK.ko for the {name} kernel");
        let mut step = Step::begin(folder, what)?;
        step.run(
            make()
                .arg("kmod")
                .args(architecture)
                .arg(format!("KDIR={}", tree.display()))
                .arg(format!("MO=/srv/hmark/target/lab/{folder}")),
        )?;
        step.end("done");
    }

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
