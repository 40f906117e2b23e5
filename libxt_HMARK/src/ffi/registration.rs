// SPDX-License-Identifier: GPL-2.0-only

//! The registration of extensions, when libxtables loads them.

use core::cell::UnsafeCell;
use core::ffi::{c_uint, CStr};
use core::mem::{offset_of, MaybeUninit};

use once_cell::unsync::OnceCell;

use super::bindings::*;
use super::version::has_base;
use super::{callbacks, output, Extension};

/// Whether options have no `base` in the `xtables.h` of this build. If so, it is of iptables 1.8.10
/// or older, and so is the iptables that uses this library.
const IS_OLD: bool =
    size_of::<xt_option_entry>() <= offset_of!(xt_option_entry, max) + size_of::<c_uint>();

/// A program that translates the rules that it lists, and parses none: any table of options will do.
/// It has a version of its own.
const NFT: &CStr = c"nft";

/// Memory that libxtables keeps for an extension: a target for each family, which it links into its
/// lists, writes to and never lets go of, and a table of up to `N` - 1 names of options.
///
/// It is filled when the library is loaded: tables made by the compiler, with their relocations,
/// would make the library a tenth larger.
///
/// # Invariants
///
/// Once `is_filled` is set, `memory` belongs to libxtables.
pub struct Room<const N: usize> {
    is_filled: OnceCell<()>,
    memory: UnsafeCell<([xtables_target; 2], [xt_option_entry; N])>,
}

// SAFETY: only the loader uses it, in `register`, and after that libxtables; neither knows threads.
unsafe impl<const N: usize> Sync for Room<N> {}

impl<const N: usize> Room<N> {
    /// Memory that is not yet filled.
    pub const fn new() -> Self {
        // SAFETY: the members are numbers, and pointers and functions that may be null. How many
        // there are depends on the version of libxtables.
        let memory = unsafe { MaybeUninit::zeroed().assume_init() };
        Self {
            is_filled: OnceCell::new(),
            memory: UnsafeCell::new(memory),
        }
    }

    /// Tells libxtables of an extension, the first time that it is called.
    ///
    /// # Safety
    ///
    /// Must be called by the loader, and only if [`is_for_this_version`].
    pub unsafe fn register<E: Extension>(&'static self) {
        if self.is_filled.set(()).is_err() {
            return;
        }
        // INVARIANT: from here on the memory is filled and handed over.
        // SAFETY: this is the first call, so that nobody else uses the memory yet.
        let (targets, options) = unsafe { &mut *self.memory.get() };
        // The last entry stays all zeros, and so ends the table.
        let mut entries = options.iter_mut().take(N - 1);
        E::names(|name, number| {
            if let Some(entry) = entries.next() {
                entry.name = name.as_ptr();
                entry.type_ = XTTYPE_STRING;
                entry.id = number;
            }
        });
        let [ipv4, ipv6] = targets;
        fill::<E, { NFPROTO_IPV4 as u16 }>(ipv4, options);
        fill::<E, { NFPROTO_IPV6 as u16 }>(ipv6, options);
        // SAFETY: they live for ever, and from here on belong to libxtables.
        unsafe { xtables_register_targets(targets.as_mut_ptr(), 2) };
    }
}

/// Describes an extension to libxtables, for one family.
fn fill<E: Extension, const NFPROTO: u16>(
    target: &mut xtables_target,
    options: &'static [xt_option_entry],
) {
    target.version = XTABLES_VERSION.as_ptr();
    target.name = E::NAME.as_ptr();
    target.revision = E::REVISION;
    target.family = NFPROTO;
    target.size = E::Rule::SIZE;
    target.userspacesize = E::Rule::SIZE;
    target.help = Some(callbacks::help::<E>);
    target.print = Some(callbacks::print::<E, NFPROTO>);
    target.save = Some(callbacks::save::<E, NFPROTO>);
    target.xlate = Some(callbacks::xlate::<E, NFPROTO>);
    target.x6_parse = Some(callbacks::parse::<E, NFPROTO>);
    target.x6_fcheck = Some(callbacks::check::<E, NFPROTO>);
    target.x6_options = options.as_ptr();
}

/// Whether the iptables that runs lays out options as the `xtables.h` of this build does, or needs
/// none. If not, this prints a warning about the target.
pub fn is_for_this_version(target: &CStr, wrong_version: &str) -> bool {
    // SAFETY: libxtables sets its parameters before it loads an extension; both are strings.
    let (program, version) = unsafe {
        let params = &*xt_params;
        (
            CStr::from_ptr(params.program_name),
            CStr::from_ptr(params.program_version),
        )
    };
    let is_right = program == NFT || has_base(version.to_bytes()) != IS_OLD;
    if !is_right {
        output::warn(target, wrong_version.as_bytes());
    }
    is_right
}

/// Registers extensions of one target when libxtables loads the library. If the library was built for
/// another version of iptables, it prints the warning `wrong_version` instead.
macro_rules! register {
    (
        target: $name:expr,
        extensions: [$($extension:ty),+],
        wrong_version: $wrong_version:expr $(,)?
    ) => {
        /// The loader calls this as iptables opens the library.
        extern "C" fn register() {
            use $crate::ffi::{registration, Extension};
            if registration::is_for_this_version($name, $wrong_version) {
                $({
                    static ROOM: registration::Room<{ <$extension>::NAMES + 1 }> =
                        registration::Room::new();
                    // SAFETY: only the loader calls this, and the version was just checked.
                    unsafe { ROOM.register::<$extension>() };
                })+
            }
        }

        // A test has no iptables around it.
        #[used]
        #[cfg_attr(not(test), link_section = ".init_array")]
        static INIT: extern "C" fn() = register;
    };
}
pub(crate) use register;
