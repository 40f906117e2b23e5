// SPDX-License-Identifier: GPL-2.0-only

//! `libtables.so` takes the place of the kernel for iptables-legacy where no kernel answers, as
//! under qemu-user, which passes on none of netfilter's socket options.
//!
//! When preloaded, it keeps a mangle table in the file that `HMARK_TABLE` names. It knows any
//! target of revision 0 or 1, and refuses no rule.

mod table;

use std::env;
use std::ffi::{c_int, c_void};
use std::path::PathBuf;
use std::ptr;
use std::slice;

use libc::{socklen_t, AF_INET, AF_INET6, AF_NETLINK, IPPROTO_IP, IPPROTO_IPV6};
use table::{Counters, Table};

/// `IPT_SO_SET_REPLACE` and `IPT_SO_SET_ADD_COUNTERS`; the values for IPv6 are the same.
const SET_REPLACE: c_int = 64;
const SET_ADD_COUNTERS: c_int = 65;

/// `IPT_SO_GET_INFO` and `IPT_SO_GET_ENTRIES`; the values for IPv6 are the same.
const GET_INFO: c_int = 64;
const GET_ENTRIES: c_int = 65;

/// `IPT_SO_GET_REVISION_TARGET` and `IP6T_SO_GET_REVISION_TARGET`.
const GET_REVISION_TARGET: [c_int; 2] = [67, 69];

/// Offset of the revision in `struct xt_get_revision`, after a name.
const REVISION: usize = 29;

/// The kernel's answer, or an error number.
type Answer<T> = Result<T, c_int>;

/// Replaces `socket`. An IPv4 or IPv6 socket, by which iptables-legacy talks to the kernel, is not
/// a real one. iptables-translate opens a netfilter socket but sends nothing, so any netlink socket
/// will do.
///
/// # Safety
/// The same as for `socket`.
#[no_mangle]
pub unsafe extern "C" fn socket(domain: c_int, kind: c_int, _protocol: c_int) -> c_int {
    match domain {
        // SAFETY: the path is a string.
        AF_INET | AF_INET6 => unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) },
        // SAFETY: these are the arguments of this system call.
        AF_NETLINK => unsafe {
            libc::syscall(libc::SYS_socket, domain, kind, libc::NETLINK_ROUTE) as c_int
        },
        _ => reply(Err(libc::EAFNOSUPPORT)),
    }
}

/// Replaces `getsockopt`.
///
/// # Safety
/// The same as for `getsockopt`.
#[no_mangle]
pub unsafe extern "C" fn getsockopt(
    _socket: c_int,
    level: c_int,
    option: c_int,
    value: *mut c_void,
    length: *mut socklen_t,
) -> c_int {
    // SAFETY: iptables provides this many bytes for the answer, and nothing else uses them
    // meanwhile.
    let value = unsafe { slice::from_raw_parts_mut(value.cast(), *length as usize) };
    reply(get(level, option, value))
}

/// Replaces `setsockopt`.
///
/// # Safety
/// The same as for `setsockopt`.
#[no_mangle]
pub unsafe extern "C" fn setsockopt(
    _socket: c_int,
    level: c_int,
    option: c_int,
    value: *const c_void,
    length: socklen_t,
) -> c_int {
    // SAFETY: iptables passes this many bytes.
    let value = unsafe { slice::from_raw_parts(value.cast(), length as usize) };
    let set = set(level, option, value).map(|replaced| {
        let Some(Counters { address, length }) = replaced else {
            return;
        };
        let counters = ptr::with_exposed_provenance_mut::<u8>(address);
        // SAFETY: iptables provides memory there for as many counters. All are zero, as no packet
        // was counted.
        unsafe { ptr::write_bytes(counters, 0, length) }
    });
    reply(set)
}

fn reply(answer: Answer<()>) -> c_int {
    let Err(error) = answer else { return 0 };
    // SAFETY: the address is that of this thread's own error number.
    unsafe { *libc::__errno_location() = error };
    -1
}

fn get(level: c_int, option: c_int, value: &mut [u8]) -> Answer<()> {
    let filled = match option {
        GET_INFO => load(level)?.info(value),
        GET_ENTRIES => load(level)?.entries(value),
        _ if GET_REVISION_TARGET.contains(&option) => value
            .get(REVISION)
            .filter(|&&revision| revision <= 1)
            .map(drop),
        _ => None,
    };
    filled.ok_or(libc::ENOENT)
}

fn set(level: c_int, option: c_int, value: &[u8]) -> Answer<Option<Counters>> {
    match option {
        SET_REPLACE => {
            load(level)?;
            let (table, counters) = Table::replaced(value).ok_or(libc::ENOENT)?;
            table.store(&file()?).map_err(number)?;
            Ok(Some(counters))
        }
        SET_ADD_COUNTERS => Ok(None),
        _ => Err(libc::ENOPROTOOPT),
    }
}

fn load(level: c_int) -> Answer<Table> {
    let entry = match level {
        IPPROTO_IP => table::IPV4,
        IPPROTO_IPV6 => table::IPV6,
        _ => return Err(libc::ENOPROTOOPT),
    };
    Table::load(&file()?, entry).map_err(number)
}

fn file() -> Answer<PathBuf> {
    Ok(env::var_os("HMARK_TABLE").ok_or(libc::EINVAL)?.into())
}

fn number(error: std::io::Error) -> c_int {
    error.raw_os_error().unwrap_or(libc::EIO)
}
