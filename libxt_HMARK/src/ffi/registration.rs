// SPDX-License-Identifier: GPL-2.0-only

//! What libxtables learns of the extension as it loads it.

use core::cell::UnsafeCell;
use core::ffi::{c_uint, CStr};
use core::mem::offset_of;
use core::ptr::addr_of;

use once_cell::unsync::OnceCell;

use super::bindings::*;
use super::{callbacks, warn};
use crate::options::OPTIONS;
use crate::version::has_base;

/// What the extension tells libxtables about itself, for one family.
fn target<const NFPROTO: u32>() -> xtables_target {
    xtables_target {
        version: XTABLES_VERSION.as_ptr(),
        name: c"HMARK".as_ptr(),
        family: NFPROTO as u16,
        size: HMARK_TARGET_SIZE as usize,
        userspacesize: HMARK_TARGET_SIZE as usize,
        help: Some(callbacks::help),
        print: Some(callbacks::print::<NFPROTO>),
        save: Some(callbacks::save::<NFPROTO>),
        xlate: Some(callbacks::xlate::<NFPROTO>),
        x6_parse: Some(callbacks::parse::<NFPROTO>),
        x6_fcheck: Some(callbacks::check::<NFPROTO>),
        x6_options: addr_of!(OPTIONS).cast(),
        ..Default::default()
    }
}

/// Both targets. libxtables links them into its lists, writes to them and never lets go of them.
struct Targets(OnceCell<UnsafeCell<[xtables_target; 2]>>);

// SAFETY: set once, by the loader, before anything else here runs; after that only libxtables,
// which knows no threads, touches what is in it.
unsafe impl Sync for Targets {}

static TARGETS: Targets = Targets(OnceCell::new());

/// Whether options have a `base` in the `xtables.h` of this build.
const TABLE_HAS_BASE: bool =
    size_of::<xt_option_entry>() > offset_of!(xt_option_entry, max) + size_of::<c_uint>();

/// Translates rules that it lists, and parses none: any table of options will do. Its version is
/// not that of iptables.
const NFT: &CStr = c"nft";

extern "C" fn register() {
    // SAFETY: libxtables sets its parameters before it loads an extension; both are strings.
    let (program, version) = unsafe {
        let params = &*xt_params;
        (
            CStr::from_ptr(params.program_name),
            CStr::from_ptr(params.program_version),
        )
    };
    if program != NFT && has_base(version.to_bytes()) != TABLE_HAS_BASE {
        warn(
            c"libxt_HMARK.so is for another version of iptables and not used: \
               build it again with this version's xtables.h (Debian package libxtables-dev)",
        );
        return;
    }
    let targets = UnsafeCell::new([target::<NFPROTO_IPV4>(), target::<NFPROTO_IPV6>()]);
    if let Ok(targets) = TARGETS.0.try_insert(targets) {
        // SAFETY: the two targets live for ever, and from here on belong to libxtables.
        unsafe { xtables_register_targets(targets.get().cast(), 2) };
    }
}

/// The loader calls this as iptables opens the extension; a test has no iptables around it.
#[used]
#[cfg_attr(not(test), link_section = ".init_array")]
static INIT: extern "C" fn() = register;
