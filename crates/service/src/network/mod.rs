//! What is between a server and those who ask it: proxies that are trusted, TLS, and how many connections one address may have.

mod peers;
mod proxies;
mod tls;

use crate::{Check, Setting, Settings};

pub(crate) use peers::{Counted, Peers, network_of};
pub(crate) use proxies::Proxies;
pub(crate) use tls::{LOOK, Tls};

/// What can be set of it.
pub const NETWORK_SETTINGS: &[Setting] = &[
    Setting {
        name: "TRUSTED_PROXIES",
        default: "",
        help: "Addresses of proxies before the API and the model-servers, separated by commas, e.g. 10.0.0.0/8: they are believed who asks, and whether over TLS",
        secret: false,
    },
    Setting {
        name: "TLS_CERT",
        default: "",
        help: "A file with the certificate and its chain, as PEM: the API and the model-servers then speak TLS; read again when it changes",
        secret: false,
    },
    Setting { name: "TLS_KEY", default: "", help: "The file with the key of TLS_CERT, as PEM", secret: false },
    Setting {
        name: "CONNECTIONS_PER_ADDRESS",
        default: "512",
        help: "How many connections one address may have to the API, and to a model-server; trusted proxies and this machine any number",
        secret: false,
    },
];

/// What is between a server and those who ask it.
#[derive(Debug, Clone)]
pub struct Network {
    pub(crate) proxies: Proxies,
    pub(crate) tls: Option<Tls>,
    pub(crate) per_address: usize,
}

impl Default for Network {
    /// No proxy is trusted, nothing is encrypted.
    fn default() -> Self {
        Self { proxies: Proxies::default(), tls: None, per_address: 512 }
    }
}

impl Network {
    /// Reads the settings, and the files that they name.
    pub fn read(settings: &Settings, check: &mut Check) -> Self {
        Self {
            proxies: check.or(settings.parse("TRUSTED_PROXIES"), Proxies::default()),
            tls: Tls::read(settings, check),
            per_address: check.or(settings.parse("CONNECTIONS_PER_ADDRESS"), 512).max(1),
        }
    }

    /// Whether TLS is spoken. On this machine's own addresses, plain HTTP is as well.
    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }
}
