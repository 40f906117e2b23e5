// SPDX-License-Identifier: GPL-2.0-only

//! `make uninstall` restores the distribution's files byte for byte.

use std::fs;

use anyhow::{ensure, Result};
use libtest_mimic::Trial;
use testbed::command::run;
use testbed::trial::single;
use testbed::{install, module, trials};

/// The test here.
pub fn trials() -> Vec<Trial> {
    trials![single(there_and_back)]
}

/// Uninstalling brings back the stock library and the kernel's own module; installing, ours.
fn there_and_back() -> Result<()> {
    module::our_file()?;
    run("make -s uninstall")?;
    ensure!(
        fs::read(install::extension()?)? == fs::read(install::stock_extension())?,
        "the stock library is not back"
    );
    let (back, own) = (module::file()?, module::c_file()?);
    ensure!(
        back == own,
        "modprobe would load {}, not {}",
        back.display(),
        own.display()
    );
    install::install()?;
    module::our_file()?;
    Ok(())
}
