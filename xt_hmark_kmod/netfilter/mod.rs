// SPDX-License-Identifier: GPL-2.0-only

//! Netfilter for targets in Rust: safe abstractions of xtables, `sk_buff` and conntrack.
//!
//! A target implements [`xtables::Target`], and the module keeps an [`xtables::Registration`] of
//! it. Each packet reaches the target as a [`skbuff::SkBuff`], whose connection
//! [`conntrack::Connection::of`] finds. This target marks each packet with the number in its
//! options, as `-j MARK --set-mark` does:
//!
//! ```ignore
//! struct Mark;
//!
//! #[vtable]
//! impl Target for Mark {
//!     const NAME: &'static CStr = c"MYMARK";
//!     const FAMILY: NfProto = NfProto::IPV4;
//!     const TABLE: Option<&'static CStr> = Some(c"mangle");
//!     type Info = u32;
//!     type Data = ();
//!
//!     fn check(_: &CheckParameters, mark: &u32) -> Result {
//!         if *mark == 0 {
//!             return Err(EINVAL);
//!         }
//!         Ok(())
//!     }
//!
//!     fn target(skb: &SkBuff, _: &ActionParameters, mark: &u32, (): ()) -> Verdict {
//!         skb.set_mark(*mark);
//!         Verdict::CONTINUE
//!     }
//! }
//!
//! #[pin_data]
//! struct Module {
//!     #[pin]
//!     mark: Registration<Mark>,
//! }
//!
//! impl kernel::InPlaceModule for Module {
//!     fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
//!         try_pin_init!(Self { mark <- Registration::new(module) })
//!     }
//! }
//! ```
//!
//! `tests/kmod-init/` is a module of several targets, one of which keeps data for each rule; another
//! module begins as a copy of that folder beside it, since its paths are relative. It has a `Kbuild`,
//! a `bindings_helper.h` that includes at least the one here, and is built by
//! `make -C TREE M=FOLDER modules` with a kernel tree that has Rust metadata. For xtables to load a
//! module by a rule, its `module!` has the aliases `ipt_NAME` and `ip6t_NAME`; for iptables to make
//! the rule, there must be an extension of that name in user space.

pub(crate) mod conntrack;
pub(crate) mod ratelimit;
pub(crate) mod skbuff;
pub(crate) mod xtables;
