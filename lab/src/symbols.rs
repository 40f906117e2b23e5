// SPDX-License-Identifier: GPL-2.0-only
//! The symbols that `xt_HMARK.ko` takes from the kernel: none may be one that panics.

use crate::command::output;
use crate::kernel::Kernel;
use crate::product::Module;
use anyhow::{ensure, Result};

/// Every module of ours refers to a symbol that begins so: without it the file is not ours, or was
/// not read.
const REGISTRATION: &str = "xt_register_target";

/// The symbols that remain in the debug kernels, and what refers to them: checks that rustc inserts
/// for `CONFIG_RUST_DEBUG_ASSERTIONS`, which no other kernel has. They are of raw pointers, which
/// only the layers next to C use.
const DEBUG_CHECKS: [(&str, &str); 3] = [
    (
        "panic_nounwind",
        "preconditions of unsafe functions of core, such as read_unaligned",
    ),
    (
        "panic_misaligned_pointer_dereference",
        "each raw pointer that is dereferenced",
    ),
    (
        "panic_null_pointer_dereference",
        "the same, from rustc 1.86 on",
    ),
];

/// The builds of the module for a kernel that are looked at.
pub fn builds(kernel: Kernel) -> &'static [Module] {
    match kernel {
        Kernel::Uml => &[Module::Hmark, Module::HmarkForSize],
        _ => &[Module::Hmark],
    }
}

/// Looks at the module for each kernel; prints the symbols. An error names those that panic.
pub fn check(kernels: &[Kernel]) -> Result<u8> {
    let builds = |&kernel: &Kernel| builds(kernel).iter().map(move |&build| (kernel, build));
    for (kernel, build) in kernels.iter().flat_map(builds) {
        let file = format!("{}/xt_HMARK.ko", build.folder_for(kernel));
        let symbols = output(
            kernel.nm(),
            &["--undefined-only", "--format=just-symbols", &file],
        )?;
        println!("{file}:\n{symbols}");
        ensure!(
            symbols
                .lines()
                .any(|symbol| symbol.starts_with(REGISTRATION)),
            "{file} does not refer to {REGISTRATION}"
        );
        let panics = panics(&symbols, kernel.is_debug());
        ensure!(
            panics.is_empty(),
            "{file} refers to {}",
            panics.join(" and ")
        );
    }
    Ok(0)
}

/// The symbols that panic, but for those which remain in a debug kernel.
fn panics(symbols: &str, is_debug: bool) -> Vec<&str> {
    let remains = |symbol: &str| {
        is_debug
            && DEBUG_CHECKS
                .iter()
                .any(|(check, _)| symbol.ends_with(check))
    };
    symbols
        .lines()
        .filter(|symbol| symbol.to_lowercase().contains("panic") && !remains(symbol))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: &str = "_RNvNtCs5VUmBPAn4PY_4core9panicking18panic_bounds_check";
    const NULL: &str = "_RNvNtCs5VUmBPAn4PY_4core9panicking30panic_null_pointer_dereference";

    #[test]
    fn panics_are_found() {
        let symbols = format!("skb_copy_bits\n{BOUNDS}\nxt_register_targets\n{NULL}");
        assert_eq!(panics(&symbols, false), [BOUNDS, NULL]);
        assert_eq!(panics(&symbols, true), [BOUNDS]);
        assert!(panics("skb_copy_bits\nxt_register_targets", false).is_empty());
    }

    #[test]
    fn unreadable_file_is_an_error() {
        assert!(check(&[Kernel::Stock]).is_err());
    }
}
