// SPDX-License-Identifier: GPL-2.0-only
//! What a kernel's log says went wrong.

/// What the kernel prints only when something is wrong with it.
const FAULTS: [&str; 20] = [
    "BUG:",
    "BUG at",
    "WARNING:",
    "INFO: task",
    "INFO: rcu",
    "KASAN:",
    "UBSAN:",
    "CFI failure",
    "Kernel panic",
    "Oops",
    "general protection fault",
    "invalid opcode",
    "rust_kernel: panicked",
    "refcount_t:",
    // What finds faults has given up, or lost track.
    "INFO: trying to register non-static key",
    "INFO: lockdep is turned off",
    "turning off the locking correctness validator",
    "Disabling lock debugging",
    "Kernel memory leak detector disabled",
    "kmemleak: Memory pool empty",
];

/// The first line of a kernel log that tells of a fault.
pub fn first_fault(log: &str) -> Option<&str> {
    log.lines()
        .find(|line| FAULTS.iter().any(|fault| line.contains(fault)))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn healthy_log_has_no_fault() {
        let log = "[    0.000000] Linux version 7.3.4+deb13-amd64\n\
                   [    0.1] Spectre V2 : Mitigation: Retpolines\n\
                   [    0.2] kmemleak: Kernel memory leak detector initialized\n\
                   [    0.2] kasan: KernelAddressSanitizer initialized (generic)\n\
                   [    0.2] Lock dependency validator: Copyright (c) 2006 Red Hat, Inc.\n\
                   [    0.2] rcu: \tRCU lockdep checking is enabled.\n\
                   [    0.2] kmemleak: 9 new suspected memory leaks (see /sys/kernel/debug/kmemleak)\n\
                   [    0.2] kmemleak: Automatic memory scanning thread ended\n\
                   [    2.7] xt_HMARK: loading out-of-tree module taints kernel.\n\
                   [    3.9] reboot: Power down\n";
        assert_eq!(first_fault(log), None);
    }

    #[test]
    fn each_fault_is_found() {
        for line in [
            "[    4.1] BUG: kernel NULL pointer dereference, address: 0000000000000008",
            "[    4.1] kernel BUG at net/netfilter/x_tables.c:97!",
            "[    4.1] WARNING: CPU: 0 PID: 88 at kernel/module/main.c:1 do_init_module+0x1/0x2",
            "[    4.1] WARNING: possible circular locking dependency detected",
            "[    4.1] INFO: task iptables:88 blocked for more than 120 seconds.",
            "[    4.1] INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "BUG: KASAN: slab-out-of-bounds in hmark_tg+0x1/0x2",
            "[    4.1] UBSAN: array-index-out-of-bounds in net/core/skbuff.c:1:2",
            "[    4.1] CFI failure at xt_check_target+0x1/0x2 (target: hmark_tg_check+0x0/0x1)",
            "[    4.1] WARNING: inconsistent lock state",
            "[    4.1] WARNING: suspicious RCU usage",
            "[    4.1] WARNING: possible recursive locking detected",
            "[    4.1] WARNING: bad unlock balance detected!",
            "[    4.1] BUG: sleeping function called from invalid context at mm/slab.h:1",
            "[    4.1] BUG: scheduling while atomic: iptables/88/0x00000002",
            "[    4.1] BUG: MAX_LOCKDEP_CHAINS too low!",
            "[    4.1] turning off the locking correctness validator.",
            "[    4.1] INFO: trying to register non-static key.",
            "[    4.1] Disabling lock debugging due to kernel taint",
            "[    4.1] kmemleak: Kernel memory leak detector disabled",
            "[    4.1] kmemleak: Memory pool empty, consider increasing its size",
            "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100",
            "[    4.1] Oops: general protection fault, probably for non-canonical address: 0000",
            "[    4.1] rust_kernel: panicked at target.rs:3:1:",
        ] {
            let log = format!("[    4.0] before\n{line}\n[    4.2] after\n");
            assert_eq!(first_fault(&log), Some(line));
        }
    }
}
