//! The store through its public face, over a real database file.
#![expect(clippy::unwrap_used, reason = "tests")]

mod deliveries;
mod deployments;
mod durability;
mod leases;
mod logs;
mod pipelines;
mod repos;

use std::{collections::BTreeMap, path::Path, time::Duration};

use contract::PipelineId;
use store::{Lease, NewPipeline, Store};
use tempfile::TempDir;

/// Longer than any test.
const TTL: Duration = Duration::from_mins(10);

struct World {
    store: Store,
    directory: TempDir,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { store: open(directory.path()).await, directory }
    }

    /// A queued pipeline of its own commit, by hand.
    async fn pipeline(&self) -> PipelineId {
        self.store.create_pipeline(NewPipeline { manual: true, ..pushed(1, "model.ipynb") }).await.unwrap()
    }

    /// A pipeline in a worker's hands.
    async fn leased(&self) -> Lease {
        let id = self.pipeline().await;
        self.store.take_lease(id, "worker-a", TTL).await.unwrap().unwrap()
    }

    /// Changes rows behind the store's back, as time or another program would.
    async fn tamper(&self, sql: &'static str) {
        let pool = sqlx::AnyPool::connect(&url(self.directory.path())).await.unwrap();
        sqlx::query(sql).execute(&pool).await.unwrap();
        pool.close().await;
    }
}

fn url(directory: &Path) -> String {
    format!("sqlite://{}", directory.join("store.db").display())
}

async fn open(directory: &Path) -> Store {
    Store::open(&url(directory)).await.unwrap()
}

/// A push of the commit with this number.
fn pushed(commit: u64, notebook_path: &str) -> NewPipeline {
    NewPipeline {
        repo: "octocat/titanic".parse().unwrap(),
        branch: "main".to_owned(),
        commit_sha: format!("{commit:040x}").parse().unwrap(),
        notebook_path: notebook_path.to_owned(),
        parameters: BTreeMap::new(),
        delivery_id: None,
        manual: false,
    }
}
