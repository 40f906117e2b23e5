// SPDX-License-Identifier: GPL-2.0-only

//! The registration of an extension, when libxtables loads it.

use core::cell::UnsafeCell;
use core::ffi::{c_int, c_uint, CStr};
use core::mem::{offset_of, MaybeUninit};
use core::ptr::addr_of_mut;

use hmark::Family;
use once_cell::unsync::OnceCell;

use super::bindings::*;
use super::version::has_base;
use super::{callbacks, output, Extension, Revision};

/// Whether options have no `base` in the `xtables.h` of this build. If so, it is of iptables 1.8.10
/// or older, and so is the iptables that uses this library.
const IS_OLD: bool =
    size_of::<xt_option_entry>() <= offset_of!(xt_option_entry, max) + size_of::<c_uint>();

/// A program that translates the rules that it lists, and parses none: any table of options will do.
/// It has a version of its own.
const NFT: &CStr = c"nft";

/// An extension that is registered.
pub trait Registered: Extension {
    /// Its targets, which belong to libxtables.
    fn targets() -> *mut Targets;
}

/// The targets of an extension that libxtables knows.
///
/// libxtables itself would take the newest revision that the kernel has for all rules, and register no other.
/// Then iptables-legacy could not show rules of the older revision. So here the first target, which libxtables
/// finds by the name, parses and shows rules of both revisions; [`Targets::be`] says of which the rule at hand
/// is. The second one is there for iptables-legacy, which goes on from the first to the target that has the
/// revision of the rule that it shows.
pub struct Targets {
    /// Of each family, the target that is found by its name.
    first: [xtables_target; 2],
    /// Of each family, the target of the other revision.
    second: [xtables_target; 2],
    /// Whether the kernel has the newer revision.
    has_new: Answer,
    /// Whether a rule of the newer revision was checked.
    was_new: bool,
}

/// The answer of a kernel. The first is all zeros, so that the library's file has no room for targets.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    NotAsked,
    No,
    Yes,
}

impl Targets {
    /// Whether the kernel has the newer revision. It is asked the first time that a rule needs it.
    ///
    /// # Safety
    ///
    /// The extension must be registered.
    pub unsafe fn has_new<E: Registered>(family: Family) -> bool {
        let question = match family {
            Family::Ipv4 => IPT_SO_GET_REVISION_TARGET,
            Family::Ipv6 => IP6T_SO_GET_REVISION_TARGET,
        };
        // SAFETY: libxtables does not know this member, nor threads.
        let answer = unsafe { &mut (*E::targets()).has_new };
        if *answer == Answer::NotAsked {
            // SAFETY: libxtables sets its parameters before it loads an extension; the name is a string.
            let has_new = unsafe {
                (*xt_params).compat_rev.is_none_or(|has_revision| {
                    has_revision(E::NAME.as_ptr(), E::NEW.number, question as c_int) != 0
                })
            };
            *answer = if has_new { Answer::Yes } else { Answer::No };
        }
        *answer == Answer::Yes
    }

    /// Has the first target be of the revision of a rule that was checked. With `-v`, iptables-legacy looks for
    /// the revision of a rule in a copy of the first target, and would look for another one for ever.
    ///
    /// iptables-nft keeps deletions until the end of its input, and compares as many bytes of rules as the first
    /// target then has: see [`Self::compare`], which iptables before 1.8.11 does not call for them. There, all
    /// bytes of the newer revision are compared once there was a rule of it, so that at worst a rule of the
    /// older one is not found.
    ///
    /// # Safety
    ///
    /// The extension must be registered.
    pub unsafe fn be<E: Registered>(revision: Revision, family: Family) {
        let is_new = revision.number == E::NEW.number;
        let other = if is_new { E::OLD } else { E::NEW };
        // SAFETY: the extension is registered, and libxtables is not at work on its targets now.
        unsafe {
            let [first, second] = Self::of::<E>(family);
            (*first).revision = revision.number;
            (*second).revision = other.number;
            let was_new = &mut (*E::targets()).was_new;
            *was_new |= is_new;
            (*first).userspacesize = if *was_new { E::NEW.size } else { E::OLD.size };
        }
    }

    /// Has rules be compared over the size of this one, if it is that of the first target: it is the one that the
    /// kernel's are compared with, and they are parsed into copies of the first target. Rules of two revisions
    /// differ in their flags.
    ///
    /// # Safety
    ///
    /// The extension must be registered, and `rule` must be a target of it with its header.
    pub unsafe fn compare<E: Registered>(rule: *mut xt_entry_target, family: Family) {
        // SAFETY: by this function's own contract.
        unsafe {
            let [first, _] = Self::of::<E>(family);
            if (*first).t == rule {
                (*first).userspacesize = callbacks::revision::<E>(rule).size;
            }
        }
    }

    /// The targets of a family.
    ///
    /// # Safety
    ///
    /// The extension must be registered.
    unsafe fn of<E: Registered>(family: Family) -> [*mut xtables_target; 2] {
        let place = match family {
            Family::Ipv4 => 0,
            Family::Ipv6 => 1,
        };
        let targets = E::targets();
        // SAFETY: by this function's own contract; both families are there.
        unsafe {
            [
                addr_of_mut!((*targets).first)
                    .cast::<xtables_target>()
                    .add(place),
                addr_of_mut!((*targets).second)
                    .cast::<xtables_target>()
                    .add(place),
            ]
        }
    }
}

/// Memory that libxtables keeps for an extension: targets, which it links into its lists, writes to and
/// never lets go of, and a table of up to `N` - 1 names of options.
///
/// It is filled when the library is loaded: tables made by the compiler, with their relocations,
/// would make the library a tenth larger.
///
/// # Invariants
///
/// Once `is_filled` is set, `memory` belongs to libxtables.
pub struct Room<const N: usize> {
    is_filled: OnceCell<()>,
    memory: UnsafeCell<(Targets, [xt_option_entry; N])>,
}

// SAFETY: only the loader uses it, in `register`, and after that libxtables; neither knows threads.
unsafe impl<const N: usize> Sync for Room<N> {}

impl<const N: usize> Room<N> {
    /// Memory that is not yet filled.
    pub const fn new() -> Self {
        // SAFETY: the members are numbers, and pointers and functions that may be null. How many
        // there are depends on the version of libxtables.
        let targets = unsafe { MaybeUninit::zeroed().assume_init() };
        // SAFETY: likewise.
        let options = unsafe { MaybeUninit::zeroed().assume_init() };
        let [first, second] = targets;
        let targets = Targets {
            first,
            second,
            has_new: Answer::NotAsked,
            was_new: false,
        };
        Self {
            is_filled: OnceCell::new(),
            memory: UnsafeCell::new((targets, options)),
        }
    }

    /// The targets.
    pub fn targets(&self) -> *mut Targets {
        // SAFETY: the place of a member; nothing is read.
        unsafe { addr_of_mut!((*self.memory.get()).0) }
    }

    /// Tells libxtables of an extension, the first time that it is called.
    ///
    /// # Safety
    ///
    /// Must be called by the loader, and only if [`is_for_this_version`].
    pub unsafe fn register<E: Registered>(&'static self) {
        if self.is_filled.set(()).is_err() {
            return;
        }
        // INVARIANT: from here on the memory is filled and handed over.
        // SAFETY: this is the first call, so that nobody else uses the memory yet.
        let (Targets { first, second, .. }, options) = unsafe { &mut *self.memory.get() };
        // The last entry stays all zeros, and so ends the table.
        let mut entries = options.iter_mut().take(N - 1);
        E::names(|name, number, has_value| {
            if let Some(entry) = entries.next() {
                entry.name = name.as_ptr();
                entry.type_ = match has_value {
                    true => XTTYPE_STRING,
                    false => XTTYPE_NONE,
                };
                entry.id = number;
            }
        });
        for (targets, revision) in [(&mut *first, E::OLD), (&mut *second, E::NEW)] {
            let [ipv4, ipv6] = targets;
            fill::<E, { NFPROTO_IPV4 as u16 }>(ipv4, revision, options);
            fill::<E, { NFPROTO_IPV6 as u16 }>(ipv6, revision, options);
        }
        // SAFETY: they live for ever, and from here on belong to libxtables. It does not know the second
        // one of a family, which is put after the first in its list.
        unsafe {
            xtables_register_targets(first.as_mut_ptr(), 2);
            let found = xtables_find_target(E::NAME.as_ptr(), XTF_DONT_LOAD);
            for (first, second) in first.iter_mut().zip(second) {
                if found == addr_of_mut!(*first) {
                    second.next = first.next;
                    first.next = second;
                }
            }
        }
    }
}

/// Describes an extension to libxtables, for one family.
fn fill<E: Registered, const NFPROTO: u16>(
    target: &mut xtables_target,
    revision: Revision,
    options: &'static [xt_option_entry],
) {
    target.version = XTABLES_VERSION.as_ptr();
    target.name = E::NAME.as_ptr();
    target.revision = revision.number;
    target.family = NFPROTO;
    // Rules are read into the newer layout, before it is known whether they need it.
    target.size = E::NEW.size;
    target.userspacesize = E::NEW.size;
    target.help = Some(callbacks::help::<E>);
    target.init = Some(callbacks::init::<E, NFPROTO>);
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

/// Registers an extension when libxtables loads the library. If the library was built for another version
/// of iptables, it prints the warning `wrong_version` instead.
macro_rules! register {
    (extension: $extension:ty, wrong_version: $wrong_version:expr $(,)?) => {
        static ROOM: $crate::ffi::registration::Room<
            { <$extension as $crate::ffi::Extension>::NAMES + 1 },
        > = $crate::ffi::registration::Room::new();

        impl $crate::ffi::registration::Registered for $extension {
            fn targets() -> *mut $crate::ffi::registration::Targets {
                ROOM.targets()
            }
        }

        /// The loader calls this as iptables opens the library.
        extern "C" fn register() {
            use $crate::ffi::{registration, Extension};
            if registration::is_for_this_version(<$extension>::NAME, $wrong_version) {
                // SAFETY: only the loader calls this, and the version was just checked.
                unsafe { ROOM.register::<$extension>() };
            }
        }

        // A test has no iptables around it.
        #[used]
        #[cfg_attr(not(test), link_section = ".init_array")]
        static INIT: extern "C" fn() = register;
    };
}
pub(crate) use register;
