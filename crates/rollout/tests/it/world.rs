//! A model with two versions, and all that a change of what is deployed touches.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use contract::{Environment, Flavour, ModelName};
use fleet::Fleet;
use mlflow::Timeouts;
use rollout::{Patience, Push, RolledOut, Rollout, RolloutError};
use serde_json::json;
use store::{Lease, NewDeployment, NewPipeline, NewVersion, Store};
use tempfile::TempDir;
use testkit::{Api, Mlflow, Proxy, shared_mlflow};

use crate::servers::Servers;

/// Longer than any test.
const TTL: Duration = Duration::from_mins(10);
/// How long all that follows the row may take to do so.
const SETTLES: Duration = Duration::from_secs(20);

/// The three ways to a new deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Push,
    Promotion,
    Rollback,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Push, Self::Promotion, Self::Rollback];
}

/// Version 1 serves where the change is to be made, and the change leads to version 2.
pub struct World {
    pub kind: Kind,
    pub store: Store,
    pub rollout: Rollout,
    pub servers: Servers,
    /// On the way to MLflow.
    pub network: Proxy,
    pub model: ModelName,
    pub place: Environment,
    pub push: Lease,
    mlflow: Arc<Mlflow>,
    folder: TempDir,
}

impl World {
    pub async fn new(kind: Kind) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite://{}", folder.path().join("store.db").display())).await.unwrap();
        let mlflow = tokio::task::spawn_blocking(shared_mlflow).await.unwrap();
        let network = Proxy::to(&[mlflow.port()]);
        let client = mlflow::Client::new(format!("http://127.0.0.1:{}", network.port()), None).unwrap();
        let client = client.with_timeouts(Timeouts { call: Duration::from_secs(3), ..Timeouts::default() });
        let artifacts = artifacts::Store::open(&folder.path().join("models").to_string_lossy(), []).unwrap();
        let rollout = Rollout::new(store.serving.clone(), artifacts, Fleet::new("token").unwrap(), client);
        let model = format!("model-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let place = if kind == Kind::Push { Environment::dev() } else { "staging".parse().unwrap() };
        let first = lease(&store).await;
        let world = Self {
            servers: Servers::start(&store.serving).await,
            push: lease(&store).await,
            model: model.parse().unwrap(),
            kind,
            store,
            rollout,
            network,
            place,
            mlflow,
            folder,
        };
        world.arrange(&first).await;
        world
    }

    /// What comes before the change.
    async fn arrange(&self, first: &Lease) {
        let api = Api::new(self.mlflow.url(), Vec::new());
        let call = |path: &str| api.api(&format!("/api/2.0/mlflow/{path}"));
        let (status, answer) = api.post(&call("registered-models/create"), &json!({ "name": self.model })).await;
        assert_eq!(status, 200, "{answer}");
        for _version in 1..=3 {
            let version = json!({ "name": self.model, "source": "s3://bucket/model" });
            let (status, answer) = api.post(&call("model-versions/create"), &version).await;
            assert_eq!(status, 200, "{answer}");
        }
        self.servers.reported(&self.store.serving).await;
        let dev = Environment::dev();
        match self.kind {
            Kind::Push => drop(self.push_version(first, 1).await.unwrap()),
            Kind::Promotion => {
                self.push_version(first, 1).await.unwrap();
                self.rollout.promote(&self.model, 1, &dev, &self.place).await.unwrap();
                self.push_version(&self.push, 2).await.unwrap();
            }
            // Rolled back to is what was there before.
            Kind::Rollback => {
                self.push_version(first, 2).await.unwrap();
                self.rollout.promote(&self.model, 2, &dev, &self.place).await.unwrap();
                self.push_version(&self.push, 1).await.unwrap();
                self.rollout.promote(&self.model, 1, &dev, &self.place).await.unwrap();
            }
        }
        self.settles(Some(1)).await;
    }

    /// Makes the change.
    pub async fn change(&self) -> Result<RolledOut, RolloutError> {
        self.change_for(&self.push).await
    }

    /// Makes the change; a push under this lease.
    pub async fn change_for(&self, lease: &Lease) -> Result<RolledOut, RolloutError> {
        match self.kind {
            Kind::Push => self.push_version(lease, 2).await,
            Kind::Promotion => self.rollout.promote(&self.model, 2, &Environment::dev(), &self.place).await,
            Kind::Rollback => self.rollout.roll_back(&self.model, &self.place).await,
        }
    }

    pub async fn push_version(&self, lease: &Lease, version: u64) -> Result<RolledOut, RolloutError> {
        let (uri, sha256) = self.files(version).await;
        let dev = Environment::dev();
        let recorded = NewVersion {
            model: self.model.clone(),
            version,
            flavour: Flavour::Python,
            uri: uri.clone(),
            sha256: sha256.clone(),
        };
        self.store.serving.record_version(lease, recorded).await?;
        let new = NewDeployment { version, uri, sha256, metrics: BTreeMap::new() };
        let patience = Patience { limit: Duration::ZERO, say: &|_| {} };
        let push = Push { lease, model: &self.model, environment: &dev, new, patience };
        self.rollout.push(push).await
    }

    /// A version's files in dev's bucket.
    async fn files(&self, version: u64) -> (String, String) {
        let package = self.folder.path().join(format!("package-{version}"));
        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(package.join("model.pkl"), format!("{version}")).unwrap();
        let manifest = json!({
            "format": 1, "model_name": self.model, "declared_version": "1", "task": "regression", "flavour": "python",
            "signature": {"kind": "tensor", "tensor": {"dtype": "float64", "shape": [-1, 1]}},
            "input_example": {"inputs": [[1.0]]}, "expected_output": {"predictions": [1.0]}, "python_version": "3.11",
            "files": {"model.pkl": {"sha256": DIGESTS[usize::try_from(version).unwrap()], "size": 1}}
        });
        std::fs::write(package.join("metadata.json"), manifest.to_string()).unwrap();
        let artifacts = artifacts::Store::open(&self.folder.path().join("models").to_string_lossy(), []).unwrap();
        let files = &["metadata.json", "model.pkl"];
        let put = artifacts.put_version(&Environment::dev(), &self.model, version, &package, files).await.unwrap();
        (put.uri, put.sha256)
    }

    /// Every folder that holds files of version 2.
    pub fn folders(&self) -> Vec<PathBuf> {
        let model =
            |environment: &str| self.folder.path().join(format!("models/mlsys-models-{environment}/{}/v2", self.model));
        ["dev", "staging"].map(model).into_iter().filter(|folder| folder.exists()).collect()
    }

    /// The row, the servers, the alias.
    pub async fn state(&self) -> (Option<u64>, [Option<u64>; 2], Option<u64>) {
        let row = self.store.serving.deployment(&self.model, &self.place).await.unwrap();
        let client = mlflow::Client::new(self.mlflow.url(), None).unwrap();
        let alias = client.get_alias(self.model.as_str(), self.place.as_str()).await.unwrap();
        (row.map(|row| row.version), self.servers.serve(self.model.as_str(), &self.place), alias)
    }

    /// Row, servers and alias all come to say so, and stay.
    pub async fn settles(&self, version: Option<u64>) {
        let since = Instant::now();
        loop {
            let state = self.state().await;
            if state == (version, [version; 2], version) {
                return;
            }
            assert!(since.elapsed() < SETTLES, "{:?}: {state:?}, not {version:?}", self.kind);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the row says so.
    pub async fn row_says(&self, version: u64) {
        let since = Instant::now();
        let row = async || self.store.serving.deployment(&self.model, &self.place).await.unwrap();
        while row().await.is_none_or(|row| row.version != version) {
            assert!(since.elapsed() < SETTLES, "{:?}: the row never says {version}", self.kind);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the servers say so.
    pub async fn servers_say(&self, version: u64) {
        let since = Instant::now();
        while self.servers.serve(self.model.as_str(), &self.place) != [Some(version); 2] {
            assert!(since.elapsed() < SETTLES, "{:?}: the servers never say {version}", self.kind);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What somebody else does once the lock ran out.
    pub async fn another_finishes(&self) -> bool {
        self.store.serving.expire_locks().await.unwrap();
        self.rollout.finish_one().await.unwrap()
    }
}

/// SHA-256 of the files "0", "1", "2", "3".
const DIGESTS: [&str; 4] = [
    "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
    "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
    "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35",
    "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce",
];

/// A pipeline in a worker's hands, later than all before.
pub async fn lease(store: &Store) -> Lease {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let pipeline = NewPipeline {
        repo: "octocat/models".parse().unwrap(),
        branch: "main".to_owned(),
        commit_sha: "ab".repeat(20).parse().unwrap(),
        notebook_path: format!("n-{}.ipynb", NUMBER.fetch_add(1, Ordering::Relaxed)),
        parameters: BTreeMap::new(),
        delivery_id: None,
        traceparent: None,
        manual: true,
    };
    let id = store.intake.create_pipeline(pipeline).await.unwrap();
    store.pipelines.take_lease(id, "worker", TTL).await.unwrap().unwrap()
}
