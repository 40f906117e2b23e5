// SPDX-License-Identifier: GPL-2.0-only

//! Targets that xtables knows, called as iptables' and ip6tables' own code calls them.
//!
//! C header: [`include/linux/netfilter/x_tables.h`](srctree/include/linux/netfilter/x_tables.h)

use core::marker::PhantomData;
use core::ptr::NonNull;

use kernel::error::from_err_ptr;
use kernel::ffi::{c_int, c_uint};
use kernel::prelude::*;

use crate::bindings;
use crate::rule::{v0, v1};
use crate::skb::Skb;
use crate::Family;

/// The verdict that HMARK always gives.
pub(crate) const CONTINUE: u32 = bindings::XT_CONTINUE;

/// A layout of HMARK's rules.
pub(crate) trait Revision {
    const NUMBER: u8;
}

impl Revision for v0::Info {
    const NUMBER: u8 = 0;
}

impl Revision for v1::Info {
    const NUMBER: u8 = 1;
}

/// A rule with the alignment that it has after its header in a table.
#[repr(align(8))]
pub(crate) struct Entry<R>(pub(crate) R);

/// A registered target with rules of one revision of HMARK.
///
/// # Invariants
///
/// `target` is registered and has both callbacks. A reference to its module is held, so that the
/// module cannot be unloaded.
pub(crate) struct Target<R> {
    target: NonNull<bindings::xt_target>,
    family: c_int,
    _rules: PhantomData<R>,
}

impl<R: Revision> Target<R> {
    /// Finds the target by its name after `-j`.
    pub(crate) fn find(name: &CStr, family: Family) -> Result<Self> {
        let family = match family {
            Family::Ipv4 => bindings::NFPROTO_IPV4,
            Family::Ipv6 => bindings::NFPROTO_IPV6,
        };
        // SAFETY: The name ends in a NUL; this is called while a module loads, where one may sleep.
        let target = unsafe {
            bindings::xt_request_find_target(family as u8, name.as_char_ptr(), R::NUMBER)
        };
        let target = NonNull::new(from_err_ptr(target)?).ok_or(ENOENT)?;
        // INVARIANT: What was found is registered, with a reference to its module; the callbacks
        // are checked below.
        let found = Self {
            target,
            family: family as c_int,
            _rules: PhantomData,
        };
        // SAFETY: By the type invariants the target is valid.
        let target = unsafe { target.as_ref() };
        let fits = target.targetsize as usize == size_of::<R>();
        if !fits || target.target.is_none() || target.checkentry.is_none() {
            pr_err!("{} is no target of the kind of HMARK\n", name);
            return Err(EINVAL);
        }
        Ok(found)
    }

    /// The target's answer to a new rule: 0 or an error.
    pub(crate) fn check(&self, entry: &mut Entry<R>) -> c_int {
        // SAFETY: By the type invariants the target is valid.
        let Some(check) = (unsafe { self.target.as_ref() }).checkentry else {
            return 0;
        };
        let zero = [0_u64; 32];
        let parameters = bindings::xt_tgchk_param {
            net: &raw mut bindings::init_net,
            table: c"mangle".as_char_ptr(),
            entryinfo: zero.as_ptr().cast(),
            target: self.target.as_ptr(),
            targinfo: (&raw mut entry.0).cast(),
            hook_mask: 1,
            family: self.family as u8,
            nft_compat: false,
        };
        // SAFETY: The parameters are as from xtables: all that they point to is valid during the
        // call, and the rule has the size that the target expects.
        unsafe { check(&parameters) }
    }

    /// Prepares to hand packets to the target, with a rule that it did not refuse.
    #[inline(always)]
    pub(crate) fn with<'a>(&'a self, hook: &'a Hook, entry: &'a Entry<R>) -> Caller<'a> {
        let parameters = bindings::xt_action_param {
            __bindgen_anon_1: bindings::xt_action_param__bindgen_ty_1 {
                target: self.target.as_ptr(),
            },
            __bindgen_anon_2: bindings::xt_action_param__bindgen_ty_2 {
                targinfo: (&raw const entry.0).cast(),
            },
            state: &hook.0,
            thoff: 0,
            fragoff: 0,
            hotdrop: false,
        };
        Caller {
            // SAFETY: By the type invariants the target is valid.
            target: unsafe { self.target.as_ref() }.target,
            parameters,
            _of: PhantomData,
        }
    }
}

/// The function of a target that handles a packet.
pub(crate) type Callback =
    unsafe extern "C" fn(*mut bindings::sk_buff, *const bindings::xt_action_param) -> c_uint;

/// A hook without device and socket.
pub(crate) struct Hook(bindings::nf_hook_state);

impl Hook {
    pub(crate) fn new() -> Self {
        // SAFETY: All zero is a hook state of no hook, device and socket.
        Self(unsafe { core::mem::zeroed() })
    }
}

/// A target and a rule, as xtables has them ready when packets arrive.
pub(crate) struct Caller<'a> {
    target: Option<Callback>,
    parameters: bindings::xt_action_param,
    /// The target, the hook and the entry that the parameters point to.
    _of: PhantomData<&'a Hook>,
}

impl Caller<'_> {
    /// The same with the function of another target.
    pub(crate) fn with(mut self, target: Callback) -> Self {
        self.target = Some(target);
        self
    }

    /// Hands a packet to the target, and returns the verdict.
    #[inline(always)]
    pub(crate) fn call(&self, _: &Softirq, skb: &mut Skb) -> u32 {
        let Some(target) = self.target else {
            return CONTINUE;
        };
        // SAFETY: The packet is valid and not shared, parameters and rule are as from xtables, and
        // the context is that of a hook.
        unsafe { target(skb.as_raw(), &self.parameters) }
    }
}

impl<R> Drop for Target<R> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants the target is valid, and holds a reference to its module.
        unsafe { bindings::module_put((*self.target.as_ptr()).me) };
    }
}

/// Proof that softirqs are off and the RCU read lock is held, as in a hook.
pub(crate) struct Softirq(());

/// Runs `work` as in a hook, where no other task gets this CPU; then lets others have it.
pub(crate) fn softirq<T>(work: impl FnOnce(&Softirq) -> T) -> T {
    // SAFETY: This is the context of a task, which may turn softirqs off.
    unsafe { bindings::hmark_enter_softirq() };
    let result = work(&Softirq(()));
    // SAFETY: They were turned off above.
    unsafe { bindings::hmark_leave_softirq() };
    result
}
