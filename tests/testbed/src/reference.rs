// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's own C module next to ours, with another name and its code unchanged.

use std::fs;
use std::path::Path;

use anyhow::{ensure, Context, Result};

use crate::command::run;
use crate::module;

/// Name of the module, and of its target, instead of `xt_HMARK` and `HMARK`.
const NAME: &str = "xt_CMARK";

const FILE: &str = "/run/xt_CMARK.ko";

/// The file that `xz` decompresses to [`FILE`].
const COMPRESSED: &str = "/run/xt_CMARK.ko.xz";

/// The end of a signed module file, after a signature and 12 bytes that describe it.
const SIGNED: &[u8] = b"~Module signature appended~\n";

/// Loads the C module with `CMARK` wherever it has `HMARK`: in its own name and in those of its
/// targets.
///
/// # Errors
/// If the kernel has no such module, or the module does not load.
pub fn load() -> Result<()> {
    let file = module::c_file()?;
    let compressed = file.extension().is_some_and(|extension| extension == "xz");
    let copy = if compressed { COMPRESSED } else { FILE };
    fs::copy(&file, copy)?;
    if compressed {
        run(&format!("xz --decompress {COMPRESSED}"))?;
    }
    let mut contents = fs::read(FILE)?;
    drop_signature(&mut contents)?;
    rename(&mut contents);
    fs::write(FILE, contents)?;
    module::insert(Path::new(FILE))?;

    let taint = fs::read_to_string(format!("/sys/module/{NAME}/taint"))?;
    ensure!(
        !taint.contains('O'),
        "{} is not of the kernel's own build",
        file.display()
    );
    Ok(())
}

/// Unloads the renamed C module.
///
/// # Errors
/// If a rule uses it, or it is not loaded.
pub fn unload() -> Result<()> {
    run(&format!("rmmod {NAME}")).map(drop)
}

/// Cuts off the signature, which would no longer be valid.
fn drop_signature(contents: &mut Vec<u8>) -> Result<()> {
    let Some(signed) = contents.strip_suffix(SIGNED) else {
        return Ok(());
    };
    let (rest, len) = signed
        .split_last_chunk::<4>()
        .context("the module's signature is cut off")?;
    let len = rest
        .len()
        .checked_sub(8 + u32::from_be_bytes(*len) as usize)
        .context("the module's signature is longer than the module")?;
    contents.truncate(len);
    Ok(())
}

fn rename(contents: &mut [u8]) {
    for at in 0..contents.len() {
        if contents[at..].starts_with(b"HMARK") {
            contents[at] = b'C';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_is_cut_off() {
        let plain = b"\x7fELF module".to_vec();
        let mut contents = plain.clone();
        drop_signature(&mut contents).unwrap();
        assert_eq!(contents, plain);
        contents.extend(b"signature\0\0\0\0\0\0\0\0\0\0\0\x09");
        contents.extend(SIGNED);
        drop_signature(&mut contents).unwrap();
        assert_eq!(contents, plain);
    }

    #[test]
    fn names_are_changed() {
        let mut contents = b"name=xt_HMARK\0HMARK\0HMAR".to_vec();
        rename(&mut contents);
        assert_eq!(contents, b"name=xt_CMARK\0CMARK\0HMAR");
    }
}
