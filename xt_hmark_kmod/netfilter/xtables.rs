// SPDX-License-Identifier: GPL-2.0-only

//! xtables: targets of iptables and ip6tables.
//!
//! A target implements [`Target`]; a [`Registration`] makes it known to xtables for as long as it
//! lives.
//!
//! C header: [`include/linux/netfilter/x_tables.h`](srctree/include/linux/netfilter/x_tables.h)

use core::marker::PhantomData;

use kernel::error::{from_result, to_result};
use kernel::ffi::{c_char, c_int, c_uint, c_void};
use kernel::prelude::*;
use kernel::transmute::FromBytes;
use kernel::types::{ForeignOwnable, Opaque};

use super::skbuff::SkBuff;
use crate::bindings;

/// A protocol family: `NFPROTO_*`.
///
/// C header: [`include/uapi/linux/netfilter.h`](srctree/include/uapi/linux/netfilter.h)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NfProto(pub(crate) u8);

impl NfProto {
    /// IPv4: iptables.
    pub(crate) const IPV4: Self = Self(bindings::NFPROTO_IPV4 as u8);
    /// IPv6: ip6tables.
    pub(crate) const IPV6: Self = Self(bindings::NFPROTO_IPV6 as u8);
}

/// A set of hooks: bit `n` is hook `n` of `enum nf_inet_hooks`.
///
/// C header: [`include/uapi/linux/netfilter.h`](srctree/include/uapi/linux/netfilter.h)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hooks(pub(crate) u32);

impl Hooks {
    /// Before routing.
    pub(crate) const PRE_ROUTING: Self = Self(1 << bindings::nf_inet_hooks_NF_INET_PRE_ROUTING);
}

/// The decision of a target on a packet.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Verdict(c_uint);

impl Verdict {
    /// The packet goes on to the next rule: `XT_CONTINUE`.
    pub(crate) const CONTINUE: Self = Self(bindings::XT_CONTINUE);
}

/// A target: the action of `-j NAME` on packets of one family.
#[vtable]
pub(crate) trait Target {
    /// The name after `-j`, of at most 28 bytes.
    const NAME: &'static CStr;

    /// The family whose tables it serves.
    const FAMILY: NfProto;

    /// Revision of [`Target::Info`]'s layout.
    const REVISION: u8 = 0;

    /// The only table whose rules may use it, if it is restricted to one.
    const TABLE: Option<&'static CStr> = None;

    /// The hooks from which it may be reached.
    const HOOKS: Option<Hooks> = None;

    /// The layer 4 protocol that a rule must match (`-p`) to use it; 0 for any.
    const PROTOCOL: u16 = 0;

    /// The options of a rule as iptables passes them, byte for byte.
    type Info: FromBytes + Sync + 'static;

    /// Data that the kernel keeps for a rule from its check until it is removed: `()` for none, or
    /// such as a `KBox<T>`, which [`Target::target`] gets as `&T`.
    ///
    /// Its pointer follows [`Target::Info`], which must not be empty then, aligned to 8 bytes. The
    /// structure that user space knows has a member there, but never sees the pointer (`usersize`).
    /// Legacy iptables checks all rules of a table anew at each change, so that their data begins
    /// anew, too.
    type Data: ForeignOwnable + Send + Sync + 'static;

    /// Checks a rule before it is installed. It may sleep.
    ///
    /// nft_compat calls this once for each rule. Legacy iptables replaces a whole table: at each
    /// change, all rules of the table are checked again, and then the old ones are destroyed.
    ///
    /// # Errors
    ///
    /// The rule, and with it the whole change of its table, is refused with this error.
    fn check(parameters: &CheckParameters, info: &Self::Info) -> Result<Self::Data>;

    /// Handles a packet that matched a rule.
    ///
    /// Softirqs are off, but the context may be that of a process that sends the packet. It must
    /// not sleep, and it may run on several CPUs at once.
    fn target(
        skb: &SkBuff,
        parameters: &ActionParameters,
        info: &Self::Info,
        data: <Self::Data as ForeignOwnable>::Borrowed<'_>,
    ) -> Verdict;

    /// Cleans up after a rule that was checked and is no longer in use. It may sleep.
    ///
    /// By default, this drops the data.
    fn destroy(_info: &Self::Info, _data: Self::Data) {}
}

/// The context of a check: `struct xt_tgchk_param`.
#[repr(transparent)]
pub(crate) struct CheckParameters(bindings::xt_tgchk_param);

impl CheckParameters {
    /// The network namespace whose table is changed.
    pub(crate) fn net(&self) -> *mut bindings::net {
        self.0.net
    }

    /// The table that the rule is for.
    pub(crate) fn table(&self) -> &CStr {
        // SAFETY: xtables passes the name of a table, which lives as long as the parameters.
        unsafe { CStr::from_char_ptr(self.0.table) }
    }

    /// The family of the table.
    pub(crate) fn family(&self) -> NfProto {
        NfProto(self.0.family)
    }

    /// The hooks from which the rule can be reached.
    ///
    /// nft_compat knows them only for a rule in a base chain; for others, the set is empty.
    pub(crate) fn hooks(&self) -> Hooks {
        Hooks(self.0.hook_mask)
    }

    /// Whether the rule comes through nft_compat, as the rules of iptables-nft do.
    pub(crate) fn is_nft_compat(&self) -> bool {
        self.0.nft_compat
    }
}

/// The context of a packet: `struct xt_action_param` with `struct nf_hook_state`.
///
/// # Invariants
///
/// `state` points to a valid `nf_hook_state`.
#[repr(transparent)]
pub(crate) struct ActionParameters(bindings::xt_action_param);

impl ActionParameters {
    fn state(&self) -> &bindings::nf_hook_state {
        // SAFETY: By the type invariants it is valid; nobody changes it during the hook.
        unsafe { &*self.0.state }
    }

    /// The hook that the packet is in: a number of `enum nf_inet_hooks`.
    pub(crate) fn hook(&self) -> u8 {
        self.state().hook
    }

    /// The network namespace that the packet is in.
    pub(crate) fn net(&self) -> *mut bindings::net {
        self.state().net
    }

    /// The device that the packet came in by; null in hooks that have none.
    pub(crate) fn in_device(&self) -> *mut bindings::net_device {
        self.state().in_
    }

    /// The device that the packet will leave by; null in hooks that have none.
    pub(crate) fn out_device(&self) -> *mut bindings::net_device {
        self.state().out
    }

    /// The offset of the transport header from `data` (ip6tables) or from the network header
    /// (iptables), in bytes. In most hooks `data` is the network header.
    ///
    /// ip6tables knows it only for a rule that matches a protocol, and it is 0 for others.
    pub(crate) fn transport_offset(&self) -> u32 {
        self.0.thoff
    }

    /// The fragment offset, 0 for a whole packet and for a first fragment: in units of 8 bytes in
    /// iptables, in bytes in ip6tables, which knows it only for a rule that matches a protocol.
    pub(crate) fn fragment_offset(&self) -> u16 {
        self.0.fragoff
    }
}

/// A target that is registered with xtables, from its creation until it is dropped.
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
    /// Registers a target of `module` with xtables. Rules may use it from then on.
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
    /// Whether the kernel keeps data for a rule.
    const HAS_DATA: bool = size_of::<T::Data>() != 0;

    /// The offset of the pointer to a rule's data from the start of the options. It is the same for
    /// 32-bit programs, since it is aligned to 8 bytes.
    const DATA_OFFSET: usize = size_of::<T::Info>().next_multiple_of(align_of::<u64>());

    /// The size of a rule's options and of the pointer to its data.
    const TARGET_SIZE: usize = match Self::HAS_DATA {
        true => Self::DATA_OFFSET + size_of::<u64>(),
        false => size_of::<T::Info>(),
    };

    /// The number of these bytes that user space may see; 0 stands for all.
    const USER_SIZE: usize = match Self::HAS_DATA {
        true => Self::DATA_OFFSET,
        false => 0,
    };

    /// The description of the target for xtables, which is not registered yet.
    fn describe(module: &'static ThisModule) -> bindings::xt_target {
        const {
            assert!(T::NAME.to_bytes_with_nul().len() <= NAME_LEN);
            // The alignment of `xt_entry_target`'s data, where the options are.
            assert!(align_of::<T::Info>() <= align_of::<u64>());
            // Otherwise `usersize` would be 0, and user space would see the pointer.
            assert!(
                size_of::<T::Info>() > 0 || !Self::HAS_DATA,
                "a target without options cannot keep data for a rule"
            );
        }
        let mut name: [c_char; NAME_LEN] = [0; NAME_LEN];
        for (to, from) in name.iter_mut().zip(T::NAME.to_bytes()) {
            *to = *from as c_char;
        }
        bindings::xt_target {
            name,
            revision: T::REVISION,
            family: T::FAMILY.0.into(),
            table: match T::TABLE {
                Some(table) => table.as_char_ptr(),
                None => core::ptr::null(),
            },
            hooks: match T::HOOKS {
                Some(Hooks(hooks)) => hooks,
                None => 0,
            },
            proto: T::PROTOCOL,
            target: Some(Self::target_callback),
            checkentry: Some(Self::check_callback),
            destroy: match T::HAS_DESTROY || Self::HAS_DATA {
                true => Some(Self::destroy_callback),
                false => None,
            },
            targetsize: Self::TARGET_SIZE as c_uint,
            usersize: Self::USER_SIZE as c_uint,
            me: module.as_ptr().cast(),
            // SAFETY: All zero is an `xt_target` that is in no list, and has no callbacks.
            ..unsafe { core::mem::zeroed() }
        }
    }

    /// The options of a rule.
    ///
    /// # Safety
    ///
    /// `info` must be as xtables passes it to a callback of this target, and valid for `'a`.
    #[inline(always)]
    unsafe fn info<'a>(info: *const c_void) -> &'a T::Info {
        // SAFETY: xtables has checked that there are `targetsize` bytes, and has aligned them;
        // nobody changes the options among them. Any bytes are a valid `T::Info`.
        unsafe { &*info.cast() }
    }

    /// The pointer to a rule's data; a dangling one if the target has no data.
    ///
    /// # Safety
    ///
    /// As [`Self::info`], for a rule that was checked.
    #[inline(always)]
    unsafe fn data(info: *const c_void) -> *mut c_void {
        match Self::HAS_DATA {
            // SAFETY: `check_callback` has written it there: within `targetsize`, and aligned to 8.
            true => unsafe {
                info.byte_add(Self::DATA_OFFSET)
                    .cast::<*mut c_void>()
                    .read()
            },
            false => core::ptr::NonNull::dangling().as_ptr(),
        }
    }

    /// # Safety
    ///
    /// Only xtables may call this: for a rule with this target, with a packet that a hook holds,
    /// and with `par` and its rule valid during the call.
    unsafe extern "C" fn target_callback(
        skb: *mut bindings::sk_buff,
        par: *const bindings::xt_action_param,
    ) -> c_uint {
        // SAFETY: A hook has its `sk_buff` to itself, and the network header is set.
        let skb = unsafe { SkBuff::from_raw(skb) };
        // SAFETY: By this function's contract. The rule was checked before it was installed, and
        // its data lives until `destroy_callback`, when no packet is in a hook with the rule.
        let (parameters, info, data) = unsafe {
            let info = (*par).__bindgen_anon_2.targinfo;
            let data = <T::Data as ForeignOwnable>::borrow(Self::data(info));
            (&*par.cast::<ActionParameters>(), Self::info(info), data)
        };
        T::target(skb, parameters, info, data).0
    }

    /// # Safety
    ///
    /// Only xtables may call this, with `par` and its rule valid during the call.
    unsafe extern "C" fn check_callback(par: *const bindings::xt_tgchk_param) -> c_int {
        // SAFETY: By this function's contract; xtables checks the size before it calls this.
        let (parameters, info, targinfo) = unsafe {
            let targinfo = (*par).targinfo;
            (
                &*par.cast::<CheckParameters>(),
                Self::info(targinfo),
                targinfo,
            )
        };
        from_result(|| {
            let data = T::check(parameters, info)?;
            if Self::HAS_DATA {
                let slot = targinfo
                    .wrapping_byte_add(Self::DATA_OFFSET)
                    .cast::<*mut c_void>();
                // SAFETY: The pointer's place is within `targetsize`, aligned to 8, and after the
                // options. The rule is not installed yet, so nobody else accesses it.
                unsafe { slot.write(data.into_foreign()) };
            }
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Only xtables may call this: once for each check that succeeded, with `par` and its rule
    /// valid during the call.
    unsafe extern "C" fn destroy_callback(par: *const bindings::xt_tgdtor_param) {
        // SAFETY: By this function's contract. No packet is in a hook with this rule any more, so
        // nobody borrows its data.
        let (info, data) = unsafe {
            let info = (*par).targinfo;
            let data = <T::Data as ForeignOwnable>::from_foreign(Self::data(info));
            (Self::info(info), data)
        };
        T::destroy(info, data);
    }
}

/// Bytes for a target's name, with its NUL: `XT_EXTENSION_MAXNAMELEN`.
const NAME_LEN: usize = 29;
