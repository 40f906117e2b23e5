// SPDX-License-Identifier: GPL-2.0-only

//! The fuzz target of routing rules and routes. With `cfg(fuzzing)` it is libFuzzer's; without, it checks the
//! given files.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    hmark_libfuzzer::check_routing(input);
});

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    for path in std::env::args().skip(1) {
        let checked = hmark_libfuzzer::check_routing(&std::fs::read(&path)?);
        println!("{path}: {checked:?}");
    }
    Ok(())
}
