//! Proxies that are believed who asks. Anybody can send the headers by which a proxy tells it: from others they mean nothing.

use std::{net::IpAddr, str::FromStr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The networks that trusted proxies are in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies(Vec<IpNet>);

impl FromStr for Proxies {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let network = |part: &str| part.parse::<IpNet>().ok().or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from));
        let wrong = "must be addresses such as 10.0.0.7 or 10.0.0.0/8, separated by commas";
        parts.map(|part| network(part).ok_or(wrong)).collect::<Result<_, _>>().map(Self)
    }
}

impl Proxies {
    /// Whether an address is a proxy's.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Who asks: the last address that no trusted proxy has. Each proxy appends whom it was asked by, so what is to the left of
    /// that address, anybody may have made up.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        // The last one first.
        let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
        let lines = lines.into_iter().rev().map(|line| line.to_str().unwrap_or_default());
        for hop in lines.flat_map(|line| line.rsplit(',')) {
            if !self.trusts(client) {
                break;
            }
            // What can't be read, a trusted proxy has let pass: it is the last that is known.
            let Some(address) = address(hop.trim()) else { break };
            client = address;
        }
        client
    }

    /// Whether it was asked over TLS, if that is known: of the connection, or of a trusted proxy.
    pub(crate) fn secure(&self, peer: IpAddr, tls: bool, headers: &HeaderMap) -> Option<bool> {
        if tls {
            return Some(true);
        }
        if !self.trusts(peer) {
            return None;
        }
        let last = |name: HeaderName| headers.get_all(name).iter().next_back()?.to_str().ok()?.rsplit(',').next();
        let scheme = last(FORWARDED_PROTO).or_else(|| {
            let mut pairs = last(axum::http::header::FORWARDED)?.split(';').filter_map(|pair| pair.trim().split_once('='));
            pairs.find(|(name, _)| name.eq_ignore_ascii_case("proto")).map(|(_, value)| value.trim_matches('"'))
        })?;
        Some(scheme.trim().eq_ignore_ascii_case("https"))
    }
}

/// An address, which may have a port behind it.
fn address(text: &str) -> Option<IpAddr> {
    let whole = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    whole.or_else(with_port).or_else(in_brackets).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a value"));
        }
        headers
    }

    fn proxies() -> Proxies {
        "10.0.0.0/8, 192.0.2.1,fd00::/8".parse().expect("addresses")
    }

    #[test]
    fn who_asks_is_the_last_that_no_trusted_proxy_has() {
        for (peer, lines, client) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("203.0.113.9", &[], "203.0.113.9"),
            ("10.1.2.3", &[], "10.1.2.3"),
            ("10.1.2.3", &["198.51.100.1"], "198.51.100.1"),
            ("10.1.2.3", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("10.1.2.3", &["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
            ("10.1.2.3", &["1.1.1.1, 198.51.100.1, 192.0.2.1,10.9.9.9"], "198.51.100.1"),
            ("10.1.2.3", &["10.7.7.7, 10.8.8.8"], "10.7.7.7"),
            ("10.1.2.3", &["127.0.0.1, 198.51.100.1, nonsense"], "10.1.2.3"),
            ("10.1.2.3", &["nonsense, 198.51.100.1"], "198.51.100.1"),
            ("10.1.2.3", &[""], "10.1.2.3"),
            ("10.1.2.3", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.1.2.3", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.1.2.3", &["2001:db8::1"], "2001:db8::1"),
            ("10.1.2.3", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("fd00::1", &["198.51.100.1"], "198.51.100.1"),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
            let asked = proxies().client(peer.parse().expect("an address"), &headers(&lines));
            assert_eq!(asked.to_string(), client, "{peer}: {lines:?}");
        }
    }

    #[test]
    fn that_it_is_encrypted_is_believed_of_trusted_proxies_alone() {
        for (peer, tls, pairs, secure) in [
            ("203.0.113.9", true, &[][..], Some(true)),
            ("203.0.113.9", false, &[("x-forwarded-proto", "https")], None),
            ("203.0.113.9", false, &[("forwarded", "proto=https")], None),
            ("10.1.2.3", false, &[], None),
            ("10.1.2.3", false, &[("x-forwarded-proto", "https")], Some(true)),
            ("10.1.2.3", false, &[("x-forwarded-proto", "http")], Some(false)),
            ("10.1.2.3", false, &[("x-forwarded-proto", "https, http")], Some(false)),
            ("10.1.2.3", false, &[("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")], Some(false)),
            ("10.1.2.3", false, &[("forwarded", "for=1.1.1.1;proto=http, for=\"[::1]\"; Proto=\"HTTPS\"")], Some(true)),
            ("10.1.2.3", false, &[("forwarded", "for=1.1.1.1")], None),
        ] {
            let known = proxies().secure(peer.parse().expect("an address"), tls, &headers(pairs));
            assert_eq!(known, secure, "{peer}: {pairs:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in ["proxy.example.org", "10.0.0.0/33", "10.0.0", "*", "10.0.0.1 10.0.0.2"] {
            assert!(wrong.parse::<Proxies>().is_err(), "{wrong}");
        }
        assert!("".parse::<Proxies>().is_ok_and(|none| !none.trusts(IpAddr::from([127, 0, 0, 1]))));
    }
}
