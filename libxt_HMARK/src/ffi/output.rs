// SPDX-License-Identifier: GPL-2.0-only

//! Text on its way out: standard output, standard error, iptables-translate.

use core::ffi::{c_int, CStr};

use hmark_text::{Line, Text};

use super::bindings::*;

/// Prints a line to standard output.
#[inline(never)]
pub fn print(line: &Line) {
    let text = line.as_bytes();
    // SAFETY: the format takes a length, and that many bytes of text.
    unsafe { libc::printf(c"%.*s".as_ptr(), text.len() as c_int, text.as_ptr()) };
}

/// Gives a line to iptables-translate.
///
/// # Safety
///
/// `xl` must be as libxtables passes it to `xlate`.
pub unsafe fn translate(xl: *mut xt_xlate, line: &Line) {
    let text = line.as_bytes();
    // SAFETY: by this function's own contract; the format takes a length, and that many bytes of
    // text.
    unsafe { xt_xlate_add(xl, c"%.*s".as_ptr(), text.len() as c_int, text.as_ptr()) };
}

/// Ends iptables for an error of a target's rule.
#[cold]
pub fn refuse(target: &CStr, error: &impl Text) -> ! {
    let line = Line::of(error);
    let text = line.as_bytes();
    // SAFETY: libxtables sets its parameters before it loads an extension; the format takes a
    // string, a length, and that many bytes of text.
    unsafe {
        if let Some(exit_err) = (*xt_params).exit_err {
            exit_err(
                PARAMETER_PROBLEM,
                c"%s: %.*s".as_ptr(),
                target.as_ptr(),
                text.len() as c_int,
                text.as_ptr(),
            );
        }
        libc::abort()
    }
}

/// Prints a warning about a target to standard error.
#[cold]
pub fn warn(target: &CStr, warning: &[u8]) {
    // SAFETY: `stderr` is C's own, libxtables sets its parameters before it loads an extension, and
    // the format takes two strings, a length, and that many bytes of text.
    unsafe {
        libc::fprintf(
            stderr.cast(),
            c"%s: %s: warning: %.*s\n".as_ptr(),
            (*xt_params).program_name,
            target.as_ptr(),
            warning.len() as c_int,
            warning.as_ptr(),
        );
    }
}
