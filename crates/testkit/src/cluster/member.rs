//! One process of a cluster.

use std::ops::Deref;

use crate::{Program, Proxy};

/// The proxies between a process and the servers it shares with others.
#[derive(Debug)]
pub struct Links {
    /// To Redis.
    pub redis: Proxy,
    /// To PostgreSQL.
    pub postgres: Proxy,
    /// To MLflow.
    pub mlflow: Proxy,
}

/// A backend, a worker or a model-server. Start, kill, pause: see [`Program`].
pub struct Member {
    program: Program,
    port: u16,
    links: Option<Links>,
}

impl Member {
    pub(super) fn new(program: Program, port: u16, links: Option<Links>) -> Self {
        Self { program, port, links }
    }

    /// Its base address; a worker's has `/health`, `/ready` and `/metrics` only.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its proxies, in a cluster that has them.
    pub fn links(&self) -> &Links {
        self.links.as_ref().expect("a proxied cluster")
    }
}

impl Deref for Member {
    type Target = Program;
    fn deref(&self) -> &Program {
        &self.program
    }
}
