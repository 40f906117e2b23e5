// SPDX-License-Identifier: GPL-2.0-only

//! The panic handler that a library without std must have. No panic is expected.

/// A panic must not unwind into C.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: `abort` has no preconditions.
    unsafe { libc::abort() }
}

/// Named by the unwind tables of unoptimised builds, and never called: nothing unwinds.
#[cfg(debug_assertions)]
#[no_mangle]
extern "C" fn rust_eh_personality() {}
