// SPDX-License-Identifier: GPL-2.0-only

//! What goes to standard output, and to iptables-translate.

use core::ffi::{c_char, CStr};

use super::bindings::*;
use super::Family;

/// A `printf` format with one conversion, of an `unsigned int`.
#[derive(Clone, Copy)]
pub struct NumberFormat(*const c_char);

impl NumberFormat {
    /// Panics, as a constant at build time, if the format has another conversion or several.
    pub const fn new(format: &'static CStr) -> Self {
        let bytes = format.to_bytes();
        let mut conversions = 0;
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at] == b'%' {
                at += 1;
                while bytes[at].is_ascii_digit() {
                    at += 1;
                }
                assert!(matches!(bytes[at], b'd' | b'u' | b'x'));
                conversions += 1;
            }
            at += 1;
        }
        assert!(conversions == 1);
        Self(format.as_ptr())
    }
}

/// Prints text to standard output.
pub fn put(text: &CStr) {
    // SAFETY: the format takes one string.
    unsafe { libc::printf(c"%s".as_ptr(), text.as_ptr()) };
}

/// Prints a number to standard output.
pub fn put_number(format: NumberFormat, number: u32) {
    // SAFETY: the format takes one `unsigned int`.
    unsafe { libc::printf(format.0, number) };
}

/// Prints a netmask as `-L` does: its prefix length, or what libxtables has instead.
///
/// For IPv6 that is nothing if the mask has all bits, and the mask itself if it has no length.
pub fn put_netmask(mask: &[u32; 4], family: Family) {
    match family {
        Family::Ipv4 => put_number(
            const { NumberFormat::new(c"%u") },
            prefix_length(mask, family) as u32,
        ),
        Family::Ipv6 => {
            let mask: *const in6_addr = mask.as_ptr().cast();
            // SAFETY: 16 bytes of address are read; the answer is a string that lives until the
            // next call.
            let text = unsafe { CStr::from_ptr(xtables_ip6mask_to_numeric(mask)) };
            // SAFETY: only an empty string lacks the slash that is skipped; the format takes one
            // string.
            unsafe {
                let text = text.as_ptr().add(usize::from(!text.is_empty()));
                libc::printf(c"%s".as_ptr(), text);
            }
        }
    }
}

/// Length of the prefix that a netmask stands for, in bits, or -1 if its bits are not contiguous.
pub fn prefix_length(mask: &[u32; 4], family: Family) -> i32 {
    // SAFETY: 4 or 16 bytes of address are read.
    unsafe {
        match family {
            Family::Ipv4 => xtables_ipmask_to_cidr(mask.as_ptr().cast()),
            Family::Ipv6 => xtables_ip6mask_to_cidr(mask.as_ptr().cast()),
        }
    }
}

/// The nft rule that a rule becomes, as far as it is written.
///
/// # Invariants
///
/// `xl` is as libxtables passes it to `xlate`, which waits for the answer.
pub struct NftRule<'a> {
    pub(super) xl: &'a mut xt_xlate,
}

impl NftRule<'_> {
    /// Adds text, after a blank if it starts with a letter or digit.
    pub fn add(&mut self, text: &CStr) {
        // SAFETY: by the invariants; the format takes one string.
        unsafe { xt_xlate_add(self.xl, c"%s".as_ptr(), text.as_ptr()) };
    }

    /// Adds a number, likewise.
    pub fn add_number(&mut self, format: NumberFormat, number: u32) {
        // SAFETY: by the invariants; the format takes one `unsigned int`.
        unsafe { xt_xlate_add(self.xl, format.0, number) };
    }

    /// Adds an address in network byte order; of one of IPv4, the first word is used.
    pub fn add_address(&mut self, address: &[u32; 4], family: Family) {
        // SAFETY: 4 or 16 bytes of address are read; the answer is a string that lives until the
        // next call.
        let text = unsafe {
            CStr::from_ptr(match family {
                Family::Ipv4 => xtables_ipaddr_to_numeric(address.as_ptr().cast()),
                Family::Ipv6 => xtables_ip6addr_to_numeric(address.as_ptr().cast()),
            })
        };
        self.add(text);
    }
}
