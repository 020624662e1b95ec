//! The store through its public face, over a real database: the same tests on SQLite and on PostgreSQL.
#![expect(clippy::unwrap_used, reason = "tests")]

/// Each test as one on a new SQLite file and one on a new PostgreSQL database.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                super::$name(crate::World::sqlite().await).await;
            })+
        }
        mod on_postgresql {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                super::$name(crate::World::postgresql().await).await;
            })+
        }
    };
}

mod access;
mod addresses;
mod approvals;
mod batches;
mod candidates;
mod changes;
mod data_access;
mod declared;
mod deliveries;
mod deployments;
mod details;
mod durability;
mod environments;
mod issuers;
mod jobs;
mod leases;
mod logs;
mod model_servers;
mod outages;
mod overview;
mod owners;
mod pipelines;
mod repos;
mod retention;
mod schedules;
mod scope;
mod sealing;
mod statistics;
mod take;
mod tasks;
mod upgrades;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use contract::{Environment, ModelName, PipelineId};
use store::{Lease, Locked, NewDeployment, NewPipeline, Pushed, Store};
use tempfile::TempDir;
use testkit::Postgres;

/// Longer than any test.
const TTL: Duration = Duration::from_mins(10);

struct World {
    store: Store,
    url: String,
    _directory: Option<TempDir>,
}

impl World {
    async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = url(directory.path());
        Self { store: Store::open(&url).await.unwrap(), url, _directory: Some(directory) }
    }

    async fn postgresql() -> Self {
        let url = tokio::task::block_in_place(|| Postgres::shared().database());
        Self { store: Store::open(&url).await.unwrap(), url, _directory: None }
    }

    fn is_postgresql(&self) -> bool {
        self.url.starts_with("postgres")
    }

    /// A queued pipeline of a notebook of its own, by hand.
    async fn pipeline(&self) -> PipelineId {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let notebook = format!("model-{}.ipynb", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.by_hand(&notebook).await
    }

    /// A queued pipeline of this notebook, by hand.
    async fn by_hand(&self, notebook: &str) -> PipelineId {
        self.store.intake.create_pipeline(NewPipeline { manual: true, ..pushed(1, notebook) }).await.unwrap()
    }

    /// A pipeline in a worker's hands.
    async fn leased(&self) -> Lease {
        let id = self.pipeline().await;
        self.store.pipelines.take_lease(id, "worker-a", TTL).await.unwrap().unwrap()
    }

    /// Changes rows behind the store's back, as time or another program would.
    async fn tamper(&self, sql: &'static str) {
        let pool = sqlx::AnyPool::connect(&self.url).await.unwrap();
        sqlx::raw_sql(sql).execute(&pool).await.unwrap();
        pool.close().await;
    }

    /// A number that the database tells.
    async fn count(&self, sql: &'static str) -> i64 {
        let pool = sqlx::AnyPool::connect(&self.url).await.unwrap();
        let count = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
        pool.close().await;
        count
    }
}

fn url(directory: &Path) -> String {
    format!("sqlite://{}", directory.join("store.db").display())
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
        traceparent: None,
        manual: false,
    }
}

/// A push's deployment, under a lock of its own.
async fn push(store: &Store, lease: &Lease, (model, environment): (&ModelName, &Environment), new: NewDeployment) -> Pushed {
    let locked = store.serving.lock_for_push(lease, model, environment, TTL).await.unwrap();
    let (Locked::Free(lock) | Locked::Unfinished(lock, _)) = locked else { panic!("another has the lock") };
    let pushed = store.serving.push(&lock, lease, new).await.unwrap();
    store.serving.unlock(&lock).await.unwrap();
    pushed
}
