// SPDX-License-Identifier: GPL-2.0-only

//! xtables: targets of iptables and ip6tables.
//!
//! A target implements [`Target`]; a [`Registration`] makes it known to xtables for as long as it
//! lives.
//!
//! C header: [`include/linux/netfilter/x_tables.h`](srctree/include/linux/netfilter/x_tables.h)

use core::marker::PhantomData;

use kernel::error::{from_result, to_result, VTABLE_DEFAULT_ERROR};
use kernel::ffi::{c_char, c_int, c_uint};
use kernel::prelude::*;
use kernel::transmute::FromBytes;
use kernel::types::Opaque;

use crate::bindings;
use crate::skbuff::SkBuff;

/// The protocol family whose tables a target serves: `NFPROTO_*`.
#[derive(Clone, Copy)]
pub(crate) enum Family {
    /// iptables.
    Ipv4 = bindings::NFPROTO_IPV4 as isize,
    /// ip6tables.
    Ipv6 = bindings::NFPROTO_IPV6 as isize,
}

/// What becomes of a packet behind a target.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Verdict(c_uint);

impl Verdict {
    /// The next rule sees it: `XT_CONTINUE`.
    pub(crate) const CONTINUE: Self = Self(bindings::XT_CONTINUE);
}

/// A target: what `-j NAME` does to packets of one family.
#[vtable]
pub(crate) trait Target {
    /// The name after `-j`, of at most 28 bytes.
    const NAME: &'static CStr;

    /// The family whose tables it serves.
    const FAMILY: Family;

    /// Revision of [`Target::Rule`]'s layout.
    const REVISION: u8 = 0;

    /// What iptables hands over for each rule, byte for byte.
    type Rule: FromBytes + Sync + 'static;

    /// Checks a rule before it is installed: once, and it may sleep.
    ///
    /// # Errors
    ///
    /// The rule, and with it the whole change of its table, is refused with this error.
    fn check(rule: &Self::Rule) -> Result;

    /// Handles a packet that a rule sent here, in softirq context: it may not sleep.
    fn target(skb: &mut SkBuff, rule: &Self::Rule) -> Verdict;

    /// Gives back what [`Target::check`] took for a rule, once that is removed; it may sleep.
    fn destroy(_rule: &Self::Rule) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// A target that xtables knows, from its making until it is dropped.
///
/// # Invariants
///
/// `target` is registered with xtables.
#[pin_data(PinnedDrop)]
pub(crate) struct Registration<T: Target> {
    // Pinned, since xtables keeps it in a list.
    #[pin]
    target: Opaque<bindings::xt_target>,
    _target: PhantomData<T>,
}

// SAFETY: Nothing of a registration can be reached through a reference to it; xtables guards its
// list of targets with a mutex.
unsafe impl<T: Target> Sync for Registration<T> {}

// SAFETY: A target may be unregistered from any task.
unsafe impl<T: Target> Send for Registration<T> {}

impl<T: Target> Registration<T> {
    /// Makes a target of `module` known to xtables: rules may use it from now on.
    pub(crate) fn new(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // INVARIANT: Without an error from `xt_register_target`, the target is registered.
        try_pin_init!(Self {
            target <- Opaque::try_ffi_init(move |slot: *mut bindings::xt_target| {
                let target = Adapter::<T>::describe(module);
                // SAFETY: `slot` is valid for writes, and pinned, since it is to be initialised
                // in place. It stays valid until `drop` has unregistered it.
                unsafe {
                    slot.write(target);
                    to_result(bindings::xt_register_target(slot))
                }
            }),
            _target: PhantomData,
        })
    }
}

#[pinned_drop]
impl<T: Target> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant the target is registered.
        unsafe { bindings::xt_unregister_target(self.target.get()) };
    }
}

/// Turns the callbacks of a [`Target`] into functions that xtables can call.
struct Adapter<T: Target>(PhantomData<T>);

impl<T: Target> Adapter<T> {
    /// The target as xtables wants to know it, not yet in its list.
    fn describe(module: &'static ThisModule) -> bindings::xt_target {
        const {
            assert!(T::NAME.to_bytes_with_nul().len() <= NAME_LEN);
            // The alignment of `xt_entry_target`'s data, where the rule is.
            assert!(align_of::<T::Rule>() <= align_of::<u64>());
        }
        let mut name: [c_char; NAME_LEN] = [0; NAME_LEN];
        for (to, from) in name.iter_mut().zip(T::NAME.to_bytes()) {
            *to = *from as c_char;
        }
        bindings::xt_target {
            name,
            revision: T::REVISION,
            family: T::FAMILY as u16,
            target: Some(Self::target_callback),
            checkentry: Some(Self::check_callback),
            destroy: match T::HAS_DESTROY {
                true => Some(Self::destroy_callback),
                false => None,
            },
            targetsize: size_of::<T::Rule>() as c_uint,
            me: module.as_ptr().cast(),
            // SAFETY: All zero is an `xt_target` that is in no list, has no callbacks, and is not
            // tied to a table, hook or protocol.
            ..unsafe { core::mem::zeroed() }
        }
    }

    /// # Safety
    ///
    /// Only xtables calls this, for a rule whose target this is, with a packet of the hook it is
    /// in, and with `par` and its rule valid meanwhile.
    unsafe extern "C" fn target_callback(
        skb: *mut bindings::sk_buff,
        par: *const bindings::xt_action_param,
    ) -> c_uint {
        // SAFETY: A hook has its packet for itself, with the network header set.
        let skb = unsafe { SkBuff::from_raw(skb) };
        // SAFETY: xtables has checked that the rule has `targetsize` bytes, and never changes
        // them; its data is aligned, and any bytes are a valid `T::Rule`.
        let rule = unsafe { &*(*par).__bindgen_anon_2.targinfo.cast::<T::Rule>() };
        T::target(skb, rule).0
    }

    /// # Safety
    ///
    /// Only xtables calls this, with `par` and its rule valid meanwhile.
    unsafe extern "C" fn check_callback(par: *const bindings::xt_tgchk_param) -> c_int {
        // SAFETY: As in `target_callback`: xtables checks the size before it calls this.
        let rule = unsafe { &*(*par).targinfo.cast::<T::Rule>() };
        from_result(|| T::check(rule).map(|()| 0))
    }

    /// # Safety
    ///
    /// Only xtables calls this, for a rule that was checked, with `par` and its rule valid
    /// meanwhile.
    unsafe extern "C" fn destroy_callback(par: *const bindings::xt_tgdtor_param) {
        // SAFETY: As in `target_callback`: xtables has checked the size.
        let rule = unsafe { &*(*par).targinfo.cast::<T::Rule>() };
        T::destroy(rule);
    }
}

/// Bytes for a target's name, with its NUL: `XT_EXTENSION_MAXNAMELEN`.
const NAME_LEN: usize = 29;

/// Whether one more message may go to the kernel log now.
///
/// Root of any user namespace can try rules as fast as it likes, so what a rule makes a target
/// say is limited as the network stack's own messages are.
pub(crate) fn may_log() -> bool {
    // SAFETY: Takes nothing, and may be called from anywhere.
    unsafe { bindings::net_ratelimit() != 0 }
}
