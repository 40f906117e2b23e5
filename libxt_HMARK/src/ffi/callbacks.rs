// SPDX-License-Identifier: GPL-2.0-only

//! The functions that libxtables calls, once for each family: each adapts one of an [`Extension`].

use core::ffi::{c_int, c_void, CStr};
use core::mem::{offset_of, MaybeUninit};
use core::ptr::{addr_of, copy_nonoverlapping};

use hmark::Family;
use hmark_text::Line;

use super::bindings::*;
use super::registration::{Registered, Targets};
use super::{output, Extension, Revision};

/// The number of bytes of a target's header, which the rule follows.
const HEADER: usize = offset_of!(xt_entry_target, data);

/// Looks at a rule before it is read: from options, or from the kernel.
///
/// # Safety
///
/// `target` must be as libxtables passes it.
pub unsafe extern "C" fn init<E: Registered, const NFPROTO: u16>(target: *mut xt_entry_target) {
    // SAFETY: by this function's own contract. The extension is registered.
    unsafe { Targets::compare::<E>(target, family::<NFPROTO>()) };
}

/// Puts one option into the rule.
///
/// # Safety
///
/// `call` must be as libxtables passes it.
pub unsafe extern "C" fn parse<E: Extension, const NFPROTO: u16>(call: *mut xt_option_call) {
    // SAFETY: by this function's own contract. Nobody else uses the call meanwhile, and the rule has
    // the size that we registered.
    unsafe { parse_option::<E>(&mut *call, family::<NFPROTO>()) }
}

/// # Safety
///
/// `call` must be of an option of `E`, for a rule of `E`, and neither used by anyone else.
#[inline(never)]
unsafe fn parse_option<E: Extension>(call: &mut xt_option_call, family: Family) {
    // SAFETY: the call is libxtables' own. A `!` before the option, and a missing value, end
    // iptables.
    unsafe { xtables_option_parse(call) };
    // When the rule is complete, libxtables would compare each of these options with all others: a
    // fifth of iptables-restore's time, for conditions that our table does not have.
    call.xflags &= E::ONCE;
    let value = match call.arg.is_null() {
        true => c"",
        // SAFETY: an argument is a string, which lives through the call.
        false => unsafe { CStr::from_ptr(call.arg) },
    };
    // SAFETY: by this function's own contract.
    let (rule, option) = unsafe { (&mut *call.data.cast(), (*call.entry).id) };
    if let Err(error) = E::parse(rule, option, value.to_bytes(), family) {
        output::refuse(E::NAME, &error);
    }
}

/// Looks at the rule once all options are read.
///
/// # Safety
///
/// `call` must be as libxtables passes it.
pub unsafe extern "C" fn check<E: Registered, const NFPROTO: u16>(call: *mut xt_fcheck_call) {
    // SAFETY: by this function's own contract. Nobody else uses the rule meanwhile, which has the size
    // that we registered.
    unsafe { check_rule::<E>((*call).data, family::<NFPROTO>()) }
}

/// # Safety
///
/// `data` must be a rule of `E`, after the header of its target, that nobody else uses.
#[inline(never)]
unsafe fn check_rule<E: Registered>(data: *mut c_void, family: Family) {
    // SAFETY: by this function's own contract.
    let rule = unsafe { &mut *data.cast::<E::Rule>() };
    let warning = match E::check(rule, family) {
        Ok(warning) => warning,
        Err(error) => output::refuse(E::NAME, &error),
    };
    let revision = match E::too_new(rule) {
        None => E::OLD,
        // SAFETY: the extension is registered.
        Some(_) if unsafe { Targets::has_new::<E>(family) } => E::NEW,
        Some(error) => output::refuse(E::NAME, &error),
    };
    // What iptables gives to the kernel, and compares with the kernel's rules, is of the revision and the
    // size that the header says. Both were those that libxtables found by the target's name.
    // SAFETY: by this function's own contract. The extension is registered.
    unsafe {
        let header: *mut xt_entry_target = data.byte_sub(HEADER).cast();
        (*header).u.user.revision = revision.number;
        (*header).u.target_size = (HEADER + revision.size) as u16;
        Targets::be::<E>(revision, family);
    }
    doubt::<E>(warning);
}

/// Prints a warning, if there is one.
#[inline(never)]
fn doubt<E: Extension>(warning: Option<E::Warning>) {
    if let Some(warning) = warning {
        output::warn(E::NAME, Line::of(&warning).as_bytes());
    }
}

/// Shows the rule in `-L`.
///
/// # Safety
///
/// `target` must be that of a rule of `E`, as libxtables passes it.
pub unsafe extern "C" fn print<E: Extension, const NFPROTO: u16>(
    _ip: *const c_void,
    target: *const xt_entry_target,
    _numeric: c_int,
) {
    // SAFETY: by this function's own contract.
    unsafe { show::<E>(target, family::<NFPROTO>(), E::list) }
}

/// Shows the rule in `-S` and iptables-save.
///
/// # Safety
///
/// `target` must be that of a rule of `E`, as libxtables passes it.
pub unsafe extern "C" fn save<E: Extension, const NFPROTO: u16>(
    _ip: *const c_void,
    target: *const xt_entry_target,
) {
    // SAFETY: by this function's own contract.
    unsafe { show::<E>(target, family::<NFPROTO>(), E::save) }
}

/// # Safety
///
/// `target` must be that of a rule of `E`.
#[inline(never)]
unsafe fn show<E: Extension>(
    target: *const xt_entry_target,
    family: Family,
    write: fn(&E::Rule, Family, &mut Line),
) {
    let mut line = Line::new();
    // SAFETY: by this function's own contract.
    write(&unsafe { rule::<E>(target) }, family, &mut line);
    output::print(&line);
}

/// Gives 1, or 0 if nft has nothing that corresponds: iptables-translate then prints the rule as a
/// comment.
///
/// # Safety
///
/// `xl` and `params` must be as libxtables passes them.
pub unsafe extern "C" fn xlate<E: Extension, const NFPROTO: u16>(
    xl: *mut xt_xlate,
    params: *const xt_xlate_tg_params,
) -> c_int {
    let family = family::<NFPROTO>();
    // SAFETY: by this function's own contract. `ip` is what the family's entries start with.
    let (rule, (protocol, inversions)) = unsafe {
        let matched = match family {
            Family::Ipv4 => {
                let ip = &*(*params).ip.cast::<ipt_ip>();
                (ip.proto, ip.invflags)
            }
            Family::Ipv6 => {
                let ip = &*(*params).ip.cast::<ip6t_ip6>();
                (ip.proto, ip.invflags)
            }
        };
        (rule::<E>((*params).target), matched)
    };
    let protocol = match u32::from(inversions) & XT_INV_PROTO {
        // A rule that matches no protocol has 0.
        0 => u8::try_from(protocol)
            .ok()
            .filter(|&protocol| protocol != 0),
        _ => None,
    };
    let mut line = Line::new();
    let Ok(warning) = E::translate(&rule, family, protocol, &mut line) else {
        return 0;
    };
    // SAFETY: by this function's own contract.
    unsafe { output::translate(xl, &line) };
    doubt::<E>(warning);
    1
}

/// Shows the options.
pub extern "C" fn help<E: Extension>() {
    E::help(&mut output::print);
}

/// The family of this number.
const fn family<const NFPROTO: u16>() -> Family {
    const {
        match Family::from_nfproto(NFPROTO) {
            Some(family) => family,
            None => panic!("no such family"),
        }
    }
}

/// The rule of a target, whichever revision it is of.
///
/// # Safety
///
/// `target` must point to the target of a rule of `E`.
#[inline(never)]
unsafe fn rule<E: Extension>(target: *const xt_entry_target) -> E::Rule {
    const { assert!(E::OLD.len <= E::NEW.len && E::NEW.len == size_of::<E::Rule>()) };
    let mut rule = MaybeUninit::<E::Rule>::zeroed();
    // SAFETY: by this function's own contract, a rule of one revision follows the header. All bytes of the
    // copy are set, and any are valid.
    unsafe {
        let bytes: *const u8 = addr_of!((*target).data).cast();
        let len = revision::<E>(target).len;
        copy_nonoverlapping(bytes, rule.as_mut_ptr().cast(), len);
        rule.assume_init()
    }
}

/// The revision of the rule of a target.
///
/// Its size says which: from iptables-nft the header has the revision that libxtables found by the target's
/// name, and not that of the kernel's rule.
///
/// # Safety
///
/// `target` must point to the header of a target.
pub unsafe fn revision<E: Extension>(target: *const xt_entry_target) -> Revision {
    // SAFETY: by this function's own contract.
    let size = usize::from(unsafe { (*target).u.target_size });
    match size >= HEADER + E::NEW.size {
        true => E::NEW,
        false => E::OLD,
    }
}
