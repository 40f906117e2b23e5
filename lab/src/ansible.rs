// SPDX-License-Identifier: GPL-2.0-only
//! Ansible, and the ssh that it reaches hosts by: unpacked packages, which a guest puts below what it has.

use crate::packages::Archive;
use crate::store::Store;
use anyhow::Result;
use std::path::PathBuf;

/// Debian's packages.
const PACKAGES: [&str; 3] = ["ansible-core", "openssh-client", "openssh-server"];

/// The packages with all that they need: a folder with `usr` in it.
pub fn unpacked(store: &Store) -> Result<PathBuf> {
    let key = PACKAGES.join(" ");
    store.entry_by_step("ansible", &key, "unpacking Ansible", |step, folder| {
        Archive::default().unpack_whole(step, &PACKAGES, folder)
    })
}
