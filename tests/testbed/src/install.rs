// SPDX-License-Identifier: GPL-2.0-only

//! Installs our module and library, and keeps a copy of the stock library.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use handover::{library_folder, module_folder, Variable};

use crate::command::run;
use crate::{iptables, kernel};

const LIBRARY: &str = "libxt_HMARK.so";

/// A folder with all extensions of iptables and the stock library for HMARK, for `XTABLES_LIBDIR`.
pub const STOCK_EXTENSIONS: &str = "/run/hmark-stock-xtables";

/// Installs our module and library with `make install-files`, as `make install` does.
///
/// # Errors
/// If this is not a guest of the lab, or something was not built, or cannot be installed.
pub fn install() -> Result<()> {
    ensure!(
        fs::exists("/run/lab")?,
        "this is no guest of the lab: use `make demo` or `make check`"
    );
    keep_stock_library()?;
    let target = target_folder();
    let target = target.display();
    let kernel = kernel::name();
    let foreign = || kernel::is_foreign().then(|| "arm64".to_owned());
    let library = library_folder(iptables::release().or_else(foreign).as_deref());
    let module = module_folder(module_under_test(), &kernel);
    run(&format!(
        "make -s install-files MO={target}/{module} LIB={target}/{library}/{LIBRARY}"
    ))?;
    ensure!(
        fs::read(extension()?)? != fs::read(stock_extension())?,
        "`make install-files` left the stock {LIBRARY}"
    );
    Ok(())
}

/// Uses the files that packages have installed, and the stock library that they moved aside.
///
/// # Errors
/// If the packages are not installed.
pub fn take_installed() -> Result<()> {
    let aside = extension()?.with_extension("so.distrib");
    link_extensions(STOCK_EXTENSIONS.as_ref(), &aside)
}

/// The library that iptables loads.
///
/// # Errors
/// If iptables is not installed.
pub fn extension() -> Result<PathBuf> {
    Ok(extensions()?.join(LIBRARY))
}

/// The stock library, as it was before [`install`].
pub fn stock_extension() -> PathBuf {
    PathBuf::from(STOCK_EXTENSIONS).join(LIBRARY)
}

/// The folder that iptables loads its extensions from.
///
/// # Errors
/// If iptables is not installed.
pub fn extensions() -> Result<PathBuf> {
    // Debian keeps them below the multiarch folder, other distributions in /usr/lib or /usr/lib64.
    let mut folders = vec![PathBuf::from("/usr/lib"), "/usr/lib64".into()];
    for entry in fs::read_dir("/usr/lib")? {
        folders.push(entry?.path());
    }
    folders
        .into_iter()
        .map(|folder| folder.join("xtables"))
        .find(|folder| folder.join(LIBRARY).exists())
        .with_context(|| format!("iptables is not installed: no xtables/{LIBRARY} in /usr/lib"))
}

/// Fills [`STOCK_EXTENSIONS`], once: the first install replaces the stock library.
fn keep_stock_library() -> Result<()> {
    if fs::exists(STOCK_EXTENSIONS)? {
        return Ok(());
    }
    link_extensions(STOCK_EXTENSIONS.as_ref(), &extension()?)
}

/// Makes `folder`, for `XTABLES_LIBDIR`: all extensions of iptables, with a copy of `library` for
/// HMARK.
///
/// # Errors
/// If `folder` exists, iptables is not installed, or `library` does not exist.
pub fn link_extensions(folder: &Path, library: &Path) -> Result<()> {
    fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for entry in fs::read_dir(extensions()?)? {
        let entry = entry?;
        if entry.file_name() != LIBRARY {
            symlink(entry.path(), folder.join(entry.file_name()))?;
        }
    }
    fs::copy(library, folder.join(LIBRARY))
        .with_context(|| format!("cannot copy {}", library.display()))?;
    Ok(())
}

/// The library as `make lib` built it.
pub fn built_extension() -> PathBuf {
    target_folder().join(library_folder(None)).join(LIBRARY)
}

/// The name of the module under test among those that the lab has built.
pub fn module_under_test() -> &'static str {
    match Variable::GlueC.value() {
        Some(_) => "kmod-c",
        None => "kmod",
    }
}

/// The file of a module that the lab has built as `product`, such as `kmod` or `fuzz`, for the
/// running kernel.
pub fn built_module(product: &str, name: &str) -> PathBuf {
    let folder = module_folder(product, &kernel::name());
    target_folder().join(folder).join(format!("{name}.ko"))
}

/// The folder where cargo builds.
pub fn target_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from)
}
