// SPDX-License-Identifier: GPL-2.0-only

//! What is wrong with a rule as a whole, or with the extension, said on standard error.

use core::ffi::CStr;

use super::bindings::{stderr, xt_params, PARAMETER_PROBLEM};

/// Ends iptables for what is wrong with the rule as a whole.
pub fn refuse_rule(message: &CStr) -> ! {
    // SAFETY: libxtables sets its parameters before it loads an extension; the format takes one
    // string.
    unsafe {
        if let Some(exit_err) = (*xt_params).exit_err {
            exit_err(PARAMETER_PROBLEM, c"HMARK: %s".as_ptr(), message.as_ptr());
        }
        libc::abort()
    }
}

/// Says on standard error what the user may not want of a rule.
pub fn warn(message: &CStr) {
    // SAFETY: `stderr` is C's own, and the format takes two strings.
    unsafe {
        libc::fprintf(
            stderr.cast(),
            c"%s: HMARK: warning: %s\n".as_ptr(),
            (*xt_params).program_name,
            message.as_ptr(),
        );
    }
}
