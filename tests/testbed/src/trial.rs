// SPDX-License-Identifier: GPL-2.0-only

//! Tests that run in a guest, by name.

use anyhow::Result;
use libtest_mimic::{Failed, Trial};

/// A test.
pub fn test(name: &str, run: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, || {
        run().map_err(|error| Failed::from(format!("{error:#}")))
    })
}

/// The path of a function from its program's root on, which is the name of its test: the test
/// `stacks::nat::has_one_mark_ipv4` is the function `has_one_mark` of `stacks/nat.rs`. A suffix,
/// such as a family, tells the tests of one function apart.
#[macro_export]
macro_rules! path {
    ($($function:ident)::+) => {{
        // No name without its function.
        let _ = $($function)::+;
        $crate::trial::in_program(concat!(module_path!(), $("::", stringify!($function)),+))
    }};
}

/// A path without the program that it begins with.
pub fn in_program(path: &str) -> &str {
    path.split_once("::").map_or(path, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use crate as testbed;
    use anyhow::Result;

    fn of_the_family() -> Result<()> {
        Ok(())
    }

    #[test]
    fn name_is_path() {
        assert_eq!(testbed::path!(of_the_family), "trial::tests::of_the_family");
    }
}
