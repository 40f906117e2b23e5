// SPDX-License-Identifier: GPL-2.0-only

//! States of a connection, as the matches `conntrack` and `state` have them.

/// A set of states of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States(u8);

impl States {
    /// The packet is of no connection that conntrack can follow.
    pub const INVALID: Self = Self(1);
    /// The first packet of a connection.
    pub const NEW: Self = Self(2);
    /// A packet of a connection that was answered.
    pub const ESTABLISHED: Self = Self(4);
    /// The first packet of a connection that another one announced, or an ICMP error about one.
    pub const RELATED: Self = Self(8);
    /// A packet that is not to be tracked.
    pub const UNTRACKED: Self = Self(16);
    /// The connection's source is translated.
    pub const SNAT: Self = Self(32);
    /// The connection's destination is translated.
    pub const DNAT: Self = Self(64);

    /// Reads a list of names, `NEW,ESTABLISHED`.
    ///
    /// [`None`] if one is not known.
    pub fn read(list: &str) -> Option<Self> {
        list.split(',').try_fold(Self::default(), |states, name| {
            let state = match name.to_ascii_uppercase().as_str() {
                "INVALID" => Self::INVALID,
                "NEW" => Self::NEW,
                "ESTABLISHED" => Self::ESTABLISHED,
                "RELATED" => Self::RELATED,
                "UNTRACKED" => Self::UNTRACKED,
                "SNAT" => Self::SNAT,
                "DNAT" => Self::DNAT,
                _ => return None,
            };
            Some(states.with(state))
        })
    }

    /// These states and others.
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether any state is in both sets.
    pub const fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_states() {
        let read = States::read("NEW,related").unwrap();
        assert!(read.meets(States::NEW) && read.meets(States::RELATED));
        assert!(!read.meets(States::ESTABLISHED.with(States::INVALID)));
        for list in ["", "NEW,", "NEW ESTABLISHED", "OLD"] {
            assert_eq!(States::read(list), None, "{list}");
        }
    }
}
