// SPDX-License-Identifier: GPL-2.0-only

//! What libxtables calls, once for each family: each hands on to the file of its name.

use core::ffi::{c_int, c_void};
use core::ptr::addr_of;

use hmark::rule::Rule;

use super::bindings::*;
use super::output::{put_line, translate_line};
use super::{Family, OptionCall};
use crate::line::Line;
use crate::{check, help, parse, print, save, translate};

/// Puts one option into the rule.
///
/// # Safety
///
/// `call` must be as libxtables passes it.
pub unsafe extern "C" fn parse<const NFPROTO: u32>(call: *mut xt_option_call) {
    // SAFETY: libxtables waits for the answer.
    let call = unsafe { &mut *call };
    // INVARIANT: the option is one of our table, and the rule has the size that we registered.
    parse::parse(&mut OptionCall {
        call,
        family: Family::of(NFPROTO),
    });
}

/// Looks at the rule once all options are read.
///
/// # Safety
///
/// `call` must be as libxtables passes it.
pub unsafe extern "C" fn check<const NFPROTO: u32>(call: *mut xt_fcheck_call) {
    // SAFETY: libxtables passes a rule of the size that we registered, and waits for the answer.
    let rule = unsafe { &mut *(*call).data.cast::<Rule>() };
    check::check(rule, Family::of(NFPROTO));
}

/// Shows the rule in `-L`.
///
/// # Safety
///
/// `target` must be an HMARK rule's, as libxtables passes it.
pub unsafe extern "C" fn print<const NFPROTO: u32>(
    _ip: *const c_void,
    target: *const xt_entry_target,
    _numeric: c_int,
) {
    let mut line = Line::new();
    // SAFETY: by this function's own contract.
    print::print(unsafe { rule(target) }, Family::of(NFPROTO), &mut line);
    put_line(&line);
}

/// Shows the rule in `-S` and iptables-save.
///
/// # Safety
///
/// `target` must be an HMARK rule's, as libxtables passes it.
pub unsafe extern "C" fn save<const NFPROTO: u32>(
    _ip: *const c_void,
    target: *const xt_entry_target,
) {
    let mut line = Line::new();
    // SAFETY: by this function's own contract.
    save::save(unsafe { rule(target) }, Family::of(NFPROTO), &mut line);
    put_line(&line);
}

/// Gives 1, or 0 if nft has nothing that corresponds: iptables-translate then prints the rule as a
/// comment.
///
/// # Safety
///
/// `xl` and `params` must be as libxtables passes them.
pub unsafe extern "C" fn xlate<const NFPROTO: u32>(
    xl: *mut xt_xlate,
    params: *const xt_xlate_tg_params,
) -> c_int {
    let family = Family::of(NFPROTO);
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
        (rule((*params).target), matched)
    };
    let protocol = match u32::from(inversions) & XT_INV_PROTO {
        0 => u8::try_from(protocol).ok(),
        _ => None,
    };
    let mut line = Line::new();
    let corresponds = translate::translate(rule, family, protocol, &mut line);
    if corresponds {
        // SAFETY: by this function's own contract.
        unsafe { translate_line(xl, &line) };
    }
    corresponds.into()
}

/// Shows the options.
pub extern "C" fn help() {
    help::help();
}

/// The rule of a target.
///
/// # Safety
///
/// `target` must point to the target of an HMARK rule, which must not change during `'a`.
unsafe fn rule<'a>(target: *const xt_entry_target) -> &'a Rule {
    // SAFETY: a rule follows the target's header; both are aligned as the kernel aligns them.
    unsafe { &*addr_of!((*target).data).cast() }
}
