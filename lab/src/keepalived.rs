// SPDX-License-Identifier: GPL-2.0-only
//! keepalived, which a test puts into its guest as if it were installed: unpacked packages.

use crate::packages::Archive;
use crate::store::Store;
use anyhow::Result;
use std::path::PathBuf;

/// keepalived, and what it depends on beside what is in the chroot.
const PACKAGES: [&str; 5] = [
    "keepalived",
    "libpci3",
    "libsensors5",
    "libsnmp40t64",
    "libwrap0",
];

/// The name of the entry: tests find it in [`handover::KEEPALIVED`].
const NAME: &str = "keepalived";

/// The packages, unpacked: a folder with `usr` in it.
pub fn unpacked(store: &Store) -> Result<PathBuf> {
    store.entry_by_step(
        NAME,
        &PACKAGES.join(" "),
        "unpacking keepalived",
        |step, folder| Archive::default().unpack(step, &PACKAGES, folder),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::FOLDER;

    #[test]
    fn tests_find_it() {
        assert_eq!(format!("{FOLDER}/{NAME}"), handover::KEEPALIVED);
    }
}
