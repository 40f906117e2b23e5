// SPDX-License-Identifier: GPL-2.0-only

//! Tests by name, and the programs that run them.

use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::family::{Commands, Family};
use crate::kernel::{self, Part};
use crate::notes;

/// Runs tests, and prints what they have noted.
pub fn run(arguments: &Arguments, trials: Vec<Trial>) -> ExitCode {
    let conclusion = libtest_mimic::run(arguments, trials);
    notes::print();
    conclusion.exit_code()
}

/// A test.
pub fn test(name: &str, run: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, || {
        run().map_err(|error| Failed::from(format!("{error:#}")))
    })
}

/// A test that is the only one of its function.
pub fn single(name: &str, run: fn() -> Result<()>) -> [Trial; 1] {
    [test(name, run)]
}

/// The same on UML alone: for a test of so many programs that it takes an emulated guest long.
pub fn on_uml(name: &str, run: impl FnOnce() -> Result<()> + Send + 'static) -> Vec<Trial> {
    match kernel::is_uml() {
        true => vec![test(name, run)],
        false => Vec::new(),
    }
}

/// The families that the kernel supports.
pub fn served() -> impl Iterator<Item = Family> {
    let has_ipv6 = kernel::has(Part::Ipv6);
    let families = Family::ALL.into_iter();
    families.filter(move |&family| family == Family::Ipv4 || has_ipv6)
}

/// A test for each family.
pub fn families(name: &str, run: fn(Family) -> Result<()>) -> Vec<Trial> {
    let of = |family: Family| test(&format!("{name}_{}", family.name()), move || run(family));
    served().map(of).collect()
}

/// The tests of functions, each of which has its path as name, such as those of `sets_up`, and of
/// `has_one_mark` for each family: `trials![single(sets_up), families(nat::has_one_mark)]`.
#[macro_export]
macro_rules! trials {
    ($($of:ident($($($function:ident)::+),+ $(,)?)),+ $(,)?) => {{
        let mut trials = ::std::vec::Vec::new();
        $($(trials.extend($of($crate::path!($($function)::+), $($function)::+));)+)+
        trials
    }};
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
