// SPDX-License-Identifier: GPL-2.0-only

//! What libxtables learns of extensions as it loads them.

use core::cell::UnsafeCell;
use core::ffi::{c_uint, CStr};
use core::mem::{offset_of, MaybeUninit};

use hmark::Family;

use super::bindings::*;
use super::version::has_base;
use super::{callbacks, output, Extension};

/// Whether options have no `base` in the `xtables.h` of this build: it is of iptables 1.8.10 or
/// older, and so is the iptables that uses this library.
pub const IS_OLD: bool =
    size_of::<xt_option_entry>() <= offset_of!(xt_option_entry, max) + size_of::<c_uint>();

/// Translates rules that it lists, and parses none: any table of options will do. Its version is
/// not that of iptables.
const NFT: &CStr = c"nft";

/// Targets, each of a revision and a family. libxtables links them into its lists, writes to them
/// and never lets go of them.
pub struct Targets<const N: usize>(UnsafeCell<[xtables_target; N]>);

// SAFETY: only libxtables, which knows no threads, touches what is in it.
unsafe impl<const N: usize> Sync for Targets<N> {}

impl<const N: usize> Targets<N> {
    /// Targets that libxtables does not yet know.
    pub const fn new(targets: [Target; N]) -> Self {
        let mut all = [NOTHING; N];
        let mut place = 0;
        while place < N {
            let Target(target) = targets[place];
            all[place] = target;
            place += 1;
        }
        Self(UnsafeCell::new(all))
    }

    /// Tells libxtables of the targets, unless it lays out options in another way than the
    /// `xtables.h` of this build does. A warning then says `wrong_version` of the target `name`.
    ///
    /// # Safety
    ///
    /// Must be called once, as libxtables loads the library.
    pub unsafe fn register(&'static self, name: &CStr, wrong_version: &str) {
        // SAFETY: libxtables sets its parameters before it loads an extension; both are strings.
        let (program, version) = unsafe {
            let params = &*xt_params;
            (
                CStr::from_ptr(params.program_name),
                CStr::from_ptr(params.program_version),
            )
        };
        if program != NFT && has_base(version.to_bytes()) == IS_OLD {
            output::warn(name, wrong_version.as_bytes());
            return;
        }
        // SAFETY: the targets live for ever, and from here on belong to libxtables.
        unsafe { xtables_register_targets(self.0.get().cast(), N as c_uint) };
    }
}

/// What an extension tells libxtables about itself, for one family.
#[derive(Clone, Copy)]
pub struct Target(xtables_target);

// SAFETY: the members are numbers, and pointers and functions that may be null.
const NOTHING: xtables_target = unsafe { MaybeUninit::zeroed().assume_init() };

impl Target {
    /// The target of an extension for a family.
    pub const fn new<E: Extension>(family: Family) -> Self {
        match family {
            Family::Ipv4 => Self::of::<E, { NFPROTO_IPV4 as u16 }>(),
            Family::Ipv6 => Self::of::<E, { NFPROTO_IPV6 as u16 }>(),
        }
    }

    const fn of<E: Extension, const NFPROTO: u16>() -> Self {
        Self(xtables_target {
            version: XTABLES_VERSION.as_ptr(),
            name: E::NAME.as_ptr(),
            revision: E::REVISION,
            family: NFPROTO,
            size: E::Rule::SIZE,
            userspacesize: E::Rule::SIZE,
            help: Some(callbacks::help::<E>),
            print: Some(callbacks::print::<E, NFPROTO>),
            save: Some(callbacks::save::<E, NFPROTO>),
            xlate: Some(callbacks::xlate::<E, NFPROTO>),
            x6_parse: Some(callbacks::parse::<E, NFPROTO>),
            x6_fcheck: Some(callbacks::check::<E, NFPROTO>),
            x6_options: E::OPTIONS.0,
            ..NOTHING
        })
    }
}

/// Has libxtables use extensions of one target, each for both families, as it loads the library.
/// Where that was built for another version of iptables, `wrong_version` says so instead.
macro_rules! register {
    (extensions: [$($extension:ty),+], wrong_version: $wrong_version:expr $(,)?) => {
        /// The loader calls this as iptables opens the library.
        extern "C" fn register() {
            use $crate::ffi::registration::{Target, Targets};
            static TARGETS: Targets<{ [$(stringify!($extension)),+].len() * Family::ALL.len() }> =
                Targets::new([$(
                    Target::new::<$extension>(Family::Ipv4),
                    Target::new::<$extension>(Family::Ipv6),
                )+]);
            const NAMES: &[&CStr] = &[$(<$extension as $crate::ffi::Extension>::NAME),+];
            // SAFETY: the loader calls this once, and nothing else does.
            unsafe { TARGETS.register(NAMES[0], $wrong_version) };
        }

        // A test has no iptables around it.
        #[used]
        #[cfg_attr(not(test), link_section = ".init_array")]
        static INIT: extern "C" fn() = register;
    };
}
pub(crate) use register;
