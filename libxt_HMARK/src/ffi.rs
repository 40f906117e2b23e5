// SPDX-License-Identifier: GPL-2.0-only

//! libxtables and C stdio, made safe for the rest of the extension, and what libxtables calls.
//!
//! C header: `xtables.h`, as installed; `build.rs` binds it.

use core::cell::UnsafeCell;
use core::ffi::{c_int, c_uint, c_void, CStr};
use core::mem::{offset_of, MaybeUninit};
use core::ops::RangeInclusive;
use core::ptr::{addr_of, null, null_mut};

use hmark::rule::{flag, Rule};
use once_cell::unsync::OnceCell;

use crate::options::TUPLE;
use crate::version::has_base;
use bindings::*;

/// What bindgen makes of `bindings.h`.
mod bindings {
    #![allow(
        dead_code,
        missing_docs,
        non_camel_case_types,
        non_upper_case_globals,
        unsafe_op_in_unsafe_fn,
        clippy::all,
        clippy::undocumented_unsafe_blocks
    )]
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

/// Asserts that [`Rule`] is `struct xt_hmark_info`, field by field.
macro_rules! assert_fields {
    ($($field:ident),+) => {
        const _: () = {
            assert!(size_of::<Rule>() == size_of::<xt_hmark_info>());
            assert!(align_of::<Rule>() == align_of::<xt_hmark_info>());
            $(assert!(offset_of!(Rule, $field) == offset_of!(xt_hmark_info, $field));)+
        };
    };
}
assert_fields!(
    src_mask, dst_mask, port_mask, port_set, flags, proto_mask, hashrnd, hmodulus, hoffset
);

/// Asserts that each flag is the bit that the ABI header numbers.
macro_rules! assert_flags {
    ($($flag:ident = $bit:ident),+) => {
        const _: () = { $(assert!(flag::$flag == 1 << bindings::$bit);)+ };
    };
}
assert_flags!(
    SADDR_MASK = XT_HMARK_SADDR_MASK,
    DADDR_MASK = XT_HMARK_DADDR_MASK,
    SPI = XT_HMARK_SPI,
    SPI_MASK = XT_HMARK_SPI_MASK,
    SPORT = XT_HMARK_SPORT,
    DPORT = XT_HMARK_DPORT,
    SPORT_MASK = XT_HMARK_SPORT_MASK,
    DPORT_MASK = XT_HMARK_DPORT_MASK,
    PROTO_MASK = XT_HMARK_PROTO_MASK,
    RND = XT_HMARK_RND,
    MODULUS = XT_HMARK_MODULUS,
    OFFSET = XT_HMARK_OFFSET,
    CT = XT_HMARK_CT,
    METHOD_L3 = XT_HMARK_METHOD_L3,
    METHOD_L3_4 = XT_HMARK_METHOD_L3_4
);

/// Whose rules: iptables' or ip6tables'.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Addresses of 32 bits.
    Ipv4,
    /// Addresses of 128 bits.
    Ipv6,
}

impl Family {
    const fn of(nfproto: u32) -> Self {
        match nfproto {
            NFPROTO_IPV6 => Self::Ipv6,
            _ => Self::Ipv4,
        }
    }

    /// Length of an address in bits.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Ipv4 => 32,
            Self::Ipv6 => 128,
        }
    }
}

// ---- The table of options ----

/// One option: its name, its number, and how libxtables reads its value.
pub struct Entry(xt_option_entry);

impl Entry {
    /// Ends a table.
    pub const END: Self = {
        // SAFETY: the members are numbers and a pointer, which may be zero. How many there are
        // depends on the version of libxtables.
        Self(unsafe { MaybeUninit::zeroed().assume_init() })
    };

    /// Text. The number of an option is that of the one bit that is set in `flag`.
    pub const fn text(name: &'static CStr, flag: u32) -> Self {
        Self::new(name, flag, XTTYPE_STRING)
    }

    /// A prefix length or netmask.
    pub const fn prefix(name: &'static CStr, flag: u32) -> Self {
        Self::new(name, flag, XTTYPE_PLENMASK)
    }

    /// A number of 16 bits.
    pub const fn u16(name: &'static CStr, flag: u32) -> Self {
        Self::new(name, flag, XTTYPE_UINT16)
    }

    /// A number of 32 bits.
    pub const fn u32(name: &'static CStr, flag: u32) -> Self {
        Self::new(name, flag, XTTYPE_UINT32)
    }

    /// Sets the lowest number that is taken.
    pub const fn at_least(self, min: u32) -> Self {
        let Self(mut entry) = self;
        entry.min = min;
        Self(entry)
    }

    // Without XTOPT_PUT: libxtables would store numbers in network byte order only from 1.8.11 on,
    // and the one soname says nothing of which it is.
    const fn new(name: &'static CStr, flag: u32, type_: xt_option_type) -> Self {
        assert!(flag.is_power_of_two());
        let Self(end) = Self::END;
        Self(xt_option_entry {
            name: name.as_ptr(),
            type_,
            id: flag.trailing_zeros(),
            ..end
        })
    }
}

/// A table of options, in the form that libxtables reads.
#[repr(transparent)]
pub struct OptionTable<const N: usize>([Entry; N]);

impl<const N: usize> OptionTable<N> {
    /// The last entry must be [`Entry::END`].
    pub const fn new(entries: [Entry; N]) -> Self {
        assert!(entries[N - 1].0.name.is_null(), "the table has no end");
        Self(entries)
    }
}

// SAFETY: the table is never written, and its pointers are to names that live for ever.
unsafe impl<const N: usize> Sync for OptionTable<N> {}

// ---- One option of a rule ----

/// An option that was found on the command line, and the rule that it goes into.
///
/// # Invariants
///
/// `call` is as libxtables passes it to `x6_parse`: its `entry` is of our table, its `arg` null or
/// a string, and its `data` a [`Rule`] that nothing else uses meanwhile.
pub struct OptionCall<'a> {
    call: &'a mut xt_option_call,
    family: Family,
}

/// What would have been right as the value of an option.
pub enum Wanted {
    /// A list of selectors.
    Selectors,
    /// A prefix length or a netmask.
    Prefix,
    /// A number in this range.
    Number(RangeInclusive<u32>),
}

impl OptionCall<'_> {
    fn entry(&self) -> &xt_option_entry {
        // SAFETY: by the invariants.
        unsafe { &*self.call.entry }
    }

    /// The flag that the option goes by in the table.
    pub fn flag(&self) -> u32 {
        1 << self.entry().id
    }

    /// Whose rule it is.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The numbers that the table has the option take.
    pub fn range(&self) -> RangeInclusive<u32> {
        let max = match self.entry().type_ {
            XTTYPE_UINT16 => u32::from(u16::MAX),
            _ => u32::MAX,
        };
        self.entry().min..=max
    }

    /// The value, as given.
    pub fn argument(&self) -> &CStr {
        if self.call.arg.is_null() {
            return c"";
        }
        // SAFETY: by the invariants.
        unsafe { CStr::from_ptr(self.call.arg) }
    }

    /// The value as libxtables reads a number, if it is one in `range`.
    pub fn number(&self, range: &RangeInclusive<u32>) -> Option<u32> {
        let mut number = 0;
        // SAFETY: the argument is a string, a null `end` asks for no rest, and `number` is written.
        let valid = unsafe {
            xtables_strtoui(
                self.argument().as_ptr(),
                null_mut(),
                &mut number,
                *range.start(),
                *range.end(),
            )
        };
        valid.then_some(number)
    }

    /// Whether libxtables reads the value as an address, and so as a netmask.
    pub fn is_address(&self) -> bool {
        // SAFETY: all zero means no hints.
        let mut hints: libc::addrinfo = unsafe { MaybeUninit::zeroed().assume_init() };
        hints.ai_flags = libc::AI_NUMERICHOST;
        hints.ai_family = match self.family {
            Family::Ipv4 => libc::AF_INET,
            Family::Ipv6 => libc::AF_INET6,
        };
        let mut found = null_mut();
        let argument = self.argument().as_ptr();
        // SAFETY: the argument is a string, and `hints` and `found` live through the call.
        if unsafe { libc::getaddrinfo(argument, null(), &hints, &mut found) } != 0 {
            return false;
        }
        // SAFETY: `getaddrinfo` succeeded, and what it found is not used.
        unsafe { libc::freeaddrinfo(found) };
        true
    }

    /// Has libxtables read the value and mark the option as given. A value that it refuses, an
    /// option given twice, and a `!` before it end iptables.
    pub fn read(&mut self) {
        self.call.xflags |= self.rule().flags;
        // SAFETY: the call is libxtables' own.
        unsafe { xtables_option_parse(self.call) }
        // The rule's flags say what is given, but for the tuple. libxtables would compare each of
        // these options with all others when the rule is complete: a fifth of iptables-restore's
        // time, for conditions that our table does not use.
        self.call.xflags &= TUPLE;
    }

    /// The netmask last read, in network byte order, and whether it has a prefix length. If it has
    /// none, the words beyond an address of the family are undefined.
    pub fn netmask(&self) -> ([u32; 4], bool) {
        // SAFETY: these are the members that are set for an [`Entry::prefix`], and any bytes are a
        // valid value.
        let (mask, length) = unsafe {
            let value = &self.call.val.__bindgen_anon_1;
            (value.hmask.all, u32::from(value.hlen))
        };
        (mask, length <= self.family.bits())
    }

    /// The rule, as far as it is filled in.
    pub fn rule(&mut self) -> &mut Rule {
        // SAFETY: by the invariants.
        unsafe { &mut *self.call.data.cast() }
    }

    /// Ends iptables for `value`, which is or is part of the option's.
    pub fn refuse(&self, value: &[u8], wanted: Wanted) -> ! {
        let (format, range) = match wanted {
            Wanted::Selectors => (
                c"HMARK: bad value \"%.*s\" for option \"--%s\": \
                  give src, dst, sport, dport, spi, proto or ct, separated by commas alone",
                0..=0,
            ),
            Wanted::Prefix => (
                c"HMARK: bad value \"%.*s\" for option \"--%s\": \
                  give a prefix length from %u to %u, or a netmask that has one",
                0..=self.family.bits(),
            ),
            Wanted::Number(range) => (
                c"HMARK: bad value \"%.*s\" for option \"--%s\": give a number from %u to %u",
                range,
            ),
        };
        // No control characters to the terminal, and no page of them.
        let mut shown = [0; 64];
        let length = value.len().min(shown.len());
        for (to, &from) in shown.iter_mut().zip(value) {
            *to = if from.is_ascii_graphic() || from == b' ' {
                from
            } else {
                b'?'
            };
        }
        // SAFETY: libxtables sets its parameters before it loads an extension; each format takes
        // these arguments or the first of them, and `length` bytes of `shown` are initialised.
        unsafe {
            if let Some(exit_err) = (*xt_params).exit_err {
                exit_err(
                    PARAMETER_PROBLEM,
                    format.as_ptr(),
                    length as c_int,
                    shown.as_ptr(),
                    self.entry().name,
                    *range.start(),
                    *range.end(),
                );
            }
            libc::abort()
        }
    }
}

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

// ---- Output ----

/// A `printf` format with one conversion, of an `unsigned int`.
#[derive(Clone, Copy)]
pub struct NumberFormat(&'static CStr);

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
        Self(format)
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
    unsafe { libc::printf(format.0.as_ptr(), number) };
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
    xl: &'a mut xt_xlate,
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
        unsafe { xt_xlate_add(self.xl, format.0.as_ptr(), number) };
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

// ---- What libxtables calls ----

/// # Safety
///
/// `call` must be as libxtables passes it.
unsafe extern "C" fn parse<const NFPROTO: u32>(call: *mut xt_option_call) {
    // SAFETY: libxtables waits for the answer.
    let call = unsafe { &mut *call };
    // INVARIANT: the option is one of our table, and the rule has the size that we registered.
    crate::parse::parse(&mut OptionCall {
        call,
        family: Family::of(NFPROTO),
    });
}

/// # Safety
///
/// `call` must be as libxtables passes it.
unsafe extern "C" fn check<const NFPROTO: u32>(call: *mut xt_fcheck_call) {
    // SAFETY: libxtables passes a rule of the size that we registered, and waits for the answer.
    let rule = unsafe { &mut *(*call).data.cast::<Rule>() };
    crate::check::check(rule, Family::of(NFPROTO));
}

/// # Safety
///
/// `target` must be an HMARK rule's, as libxtables passes it.
unsafe extern "C" fn print<const NFPROTO: u32>(
    _ip: *const c_void,
    target: *const xt_entry_target,
    _numeric: c_int,
) {
    // SAFETY: by this function's own contract.
    crate::print::print(unsafe { rule(target) }, Family::of(NFPROTO));
}

/// # Safety
///
/// `target` must be an HMARK rule's, as libxtables passes it.
unsafe extern "C" fn save<const NFPROTO: u32>(_ip: *const c_void, target: *const xt_entry_target) {
    // SAFETY: by this function's own contract.
    crate::save::save(unsafe { rule(target) }, Family::of(NFPROTO));
}

/// Gives 1, or 0 if nft has nothing that corresponds: iptables-translate then prints the rule as a
/// comment.
///
/// # Safety
///
/// `xl` and `params` must be as libxtables passes them.
unsafe extern "C" fn xlate<const NFPROTO: u32>(
    xl: *mut xt_xlate,
    params: *const xt_xlate_tg_params,
) -> c_int {
    let family = Family::of(NFPROTO);
    // SAFETY: by this function's own contract. `ip` is what the family's entries start with.
    let (rule, (protocol, inversions), nft) = unsafe {
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
        // INVARIANT: libxtables waits for the answer.
        (rule((*params).target), matched, NftRule { xl: &mut *xl })
    };
    let protocol = match u32::from(inversions) & XT_INV_PROTO {
        0 => u8::try_from(protocol).ok(),
        _ => None,
    };
    crate::translate::translate(rule, family, protocol, nft).into()
}

extern "C" fn help() {
    crate::help::help();
}

/// # Safety
///
/// `target` must point to the target of an HMARK rule, which must not change during `'a`.
unsafe fn rule<'a>(target: *const xt_entry_target) -> &'a Rule {
    // SAFETY: a rule follows the target's header; both are aligned as the kernel aligns them.
    unsafe { &*addr_of!((*target).data).cast() }
}

// ---- Registration ----

/// What the extension tells libxtables about itself, for one family.
fn target<const NFPROTO: u32>() -> xtables_target {
    xtables_target {
        version: XTABLES_VERSION.as_ptr(),
        name: c"HMARK".as_ptr(),
        family: NFPROTO as u16,
        size: HMARK_TARGET_SIZE as usize,
        userspacesize: HMARK_TARGET_SIZE as usize,
        help: Some(help),
        print: Some(print::<NFPROTO>),
        save: Some(save::<NFPROTO>),
        xlate: Some(xlate::<NFPROTO>),
        x6_parse: Some(parse::<NFPROTO>),
        x6_fcheck: Some(check::<NFPROTO>),
        x6_options: addr_of!(crate::options::OPTIONS).cast(),
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

extern "C" fn register() {
    // SAFETY: libxtables sets its parameters before it loads an extension; the version is a string.
    let version = unsafe { CStr::from_ptr((*xt_params).program_version) };
    if has_base(version.to_bytes()) != TABLE_HAS_BASE {
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

/// A panic must not unwind into C. None is expected.
#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: `abort` has no preconditions.
    unsafe { libc::abort() }
}

/// Named by the unwind tables of unoptimised builds, and never called: nothing unwinds.
#[cfg(all(not(test), debug_assertions))]
#[no_mangle]
extern "C" fn rust_eh_personality() {}
