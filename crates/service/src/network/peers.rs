//! How many connections each address has.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// Connections by address. No more are counted than there are. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Peers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection of an address, as long as it is held.
#[derive(Debug)]
pub(crate) struct Counted {
    peers: Peers,
    address: IpAddr,
}

impl Peers {
    /// Counts one more connection, unless the address has that many.
    pub(crate) fn count(&self, peer: IpAddr, most: usize) -> Option<Counted> {
        let address = network_of(peer);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Counted { peers: self.clone(), address })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// Whoever has one address of IPv6 has a whole network of them.
pub(crate) fn network_of(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_connections_and_others_have_theirs() {
        let (peers, address) = (Peers::default(), |text: &str| text.parse::<IpAddr>().expect("an address"));
        let first = peers.count(address("192.0.2.7"), 2).expect("the first");
        let _second = peers.count(address("192.0.2.7"), 2).expect("the second");
        assert!(peers.count(address("192.0.2.7"), 2).is_none());
        assert!(peers.count(address("192.0.2.8"), 2).is_some());
        drop(first);
        assert!(peers.count(address("192.0.2.7"), 2).is_some());
        let _six = peers.count(address("2001:db8::1"), 1).expect("the first");
        assert!(peers.count(address("2001:db8::2"), 1).is_none() && peers.count(address("2001:db8:0:1::1"), 1).is_some());
    }

    #[test]
    fn nothing_is_kept_of_who_has_gone() {
        let peers = Peers::default();
        for number in 0..1000_u32 {
            peers.count(IpAddr::V4(number.into()), 1);
        }
        assert!(peers.0.lock().expect("unpoisoned").is_empty());
    }
}
