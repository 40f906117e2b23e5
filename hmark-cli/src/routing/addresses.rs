// SPDX-License-Identifier: GPL-2.0-only

//! The types of a host's addresses, from the routes of its table `local`.

use std::net::IpAddr;

use hmark::Family;

use super::routes::{Kind, Routes};
use crate::ruleset::{AddressType, Addresses, Unclear};

impl Addresses for Routes {
    fn type_of(&self, address: IpAddr) -> Result<AddressType, Unclear<'static>> {
        if !self.has_table("local") {
            return Err(Unclear::Clause("the routes have no table local"));
        }
        let route = self.to("local", address).flatten().next();
        Ok(match route.map(|route| &route.kind) {
            None => AddressType::Unicast,
            Some(Kind::Local) => AddressType::Local,
            Some(Kind::Broadcast) if self.family == Family::Ipv4 => AddressType::Broadcast,
            Some(_) => return Err(Unclear::Type(address)),
        })
    }
}
