// SPDX-License-Identifier: GPL-2.0-only

//! What goes to standard output, and to iptables-translate; addresses as libxtables writes them.

use core::ffi::{c_int, CStr};

use super::bindings::*;
use super::Family;
use crate::line::Line;

/// Prints text to standard output.
pub fn put(text: &CStr) {
    // SAFETY: the format takes one string.
    unsafe { libc::printf(c"%s".as_ptr(), text.as_ptr()) };
}

/// Prints a line to standard output.
pub(super) fn put_line(line: &Line) {
    let text = line.as_bytes();
    // SAFETY: the format takes a length, and that many bytes of text.
    unsafe { libc::printf(c"%.*s".as_ptr(), text.len() as c_int, text.as_ptr()) };
}

/// Gives a line to iptables-translate.
///
/// # Safety
///
/// `xl` must be as libxtables passes it to `xlate`.
pub(super) unsafe fn translate_line(xl: *mut xt_xlate, line: &Line) {
    let text = line.as_bytes();
    // SAFETY: by this function's own contract; the format takes a length, and that many bytes of
    // text.
    unsafe { xt_xlate_add(xl, c"%.*s".as_ptr(), text.len() as c_int, text.as_ptr()) };
}

/// Writes a netmask as `-L` does: its prefix length, or what libxtables has instead.
///
/// For IPv6 that is nothing if the mask has all bits, and the mask itself if it has no length.
pub fn with_netmask(mask: &[u32; 4], family: Family, line: &mut Line) {
    match family {
        Family::Ipv4 => {
            // The stock library prints no length as -1, as far as that has no sign.
            line.decimal(prefix_length(mask, family).unwrap_or(u32::MAX));
        }
        Family::Ipv6 => {
            // SAFETY: 16 bytes of address are read; the answer is a string that lives until the
            // next call, and only an empty one lacks the slash that is skipped.
            line.text(unsafe {
                let text = xtables_ip6mask_to_numeric(mask.as_ptr().cast());
                CStr::from_ptr(text.add(usize::from(*text != 0)))
            });
        }
    }
}

/// Writes an address in network byte order; of one of IPv4, the first word is used.
pub fn with_address(address: &[u32; 4], family: Family, line: &mut Line) {
    let address = address.as_ptr();
    // SAFETY: 4 or 16 bytes of address are read; the answer is a string that lives until the next
    // call.
    line.text(unsafe {
        CStr::from_ptr(match family {
            Family::Ipv4 => xtables_ipaddr_to_numeric(address.cast()),
            Family::Ipv6 => xtables_ip6addr_to_numeric(address.cast()),
        })
    });
}

/// Length of the prefix that a netmask stands for, in bits, if its ones are contiguous.
pub fn prefix_length(mask: &[u32; 4], family: Family) -> Option<u32> {
    // SAFETY: 4 or 16 bytes of address are read.
    let length = unsafe {
        match family {
            Family::Ipv4 => xtables_ipmask_to_cidr(mask.as_ptr().cast()),
            Family::Ipv6 => xtables_ip6mask_to_cidr(mask.as_ptr().cast()),
        }
    };
    u32::try_from(length).ok()
}
