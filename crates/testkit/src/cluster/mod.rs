//! mlsys as separate processes over real servers: backends, workers and model-servers, each of which can be killed, paused,
//! stopped and started again by its index.

mod deliver;
mod member;
mod sign_in;

pub use deliver::Answer;
pub use member::{Links, Member};

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use contract::RepoName;
use tempfile::TempDir;

use crate::{
    Api, GitHub, Mlflow, Postgres, Program, Proxy, Redis, Repository, Timeline, free_port, http_status, program::tail,
    python, shared_mlflow, workspace_root,
};

/// What deliveries are signed with.
const WEBHOOK_SECRET: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
/// What the processes show each other.
const INTERNAL_TOKEN: &str = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d";
/// What versions' provenance is signed with.
const SIGNING_KEY: &str = "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6";
/// How long a process of ours may take to start.
const START: Duration = Duration::from_mins(2);
/// So many lines of each log a failure shows.
const TAIL: usize = 40;

/// How many processes a cluster has, and how they differ from the ordinary.
#[derive(Debug, Clone)]
pub struct Size {
    /// How many backends.
    pub backends: usize,
    /// How many workers.
    pub workers: usize,
    /// How many model-servers.
    pub model_servers: usize,
    /// How long a silent worker keeps its pipeline, in seconds.
    pub lease: u64,
    /// Whether backends and workers reach Redis, PostgreSQL and MLflow through proxies of their own.
    pub proxied: bool,
    /// More settings for every process.
    pub settings: Vec<(&'static str, String)>,
}

impl Default for Size {
    fn default() -> Self {
        Self { backends: 2, workers: 2, model_servers: 2, lease: 5, proxied: false, settings: Vec::new() }
    }
}

/// A running cluster. Dropped, everything of it is killed.
pub struct Cluster {
    /// The backends.
    pub backends: Vec<Member>,
    /// The workers.
    pub workers: Vec<Member>,
    /// The model-servers.
    pub model_servers: Vec<Member>,
    /// The queue and the live logs.
    pub redis: Redis,
    /// The store.
    pub postgres: Postgres,
    /// Shared with other clusters of this process.
    pub mlflow: Arc<Mlflow>,
    /// Where the repositories are.
    pub github: GitHub,
    /// What happened.
    pub timeline: Arc<Timeline>,
    lease: Duration,
    /// Stands before the backends, as a load balancer does.
    balancer: Proxy,
    /// What it is shown.
    key: String,
    /// What the deliveries of each repository are signed with.
    secrets: Mutex<HashMap<RepoName, String>>,
    _folder: TempDir,
}

/// What every process of a cluster is told.
struct Plan {
    folder: PathBuf,
    /// The ports of Redis, PostgreSQL and MLflow.
    ports: [u16; 3],
    settings: Vec<(String, String)>,
    proxied: bool,
}

impl Cluster {
    /// Starts everything and waits until it is ready.
    pub fn start(size: &Size) -> Self {
        let timeline = Arc::new(Timeline::default());
        // To read the logs of a run that went well.
        let kept = std::env::var_os("MLSYS_TEST_KEEP").is_some();
        let folder = tempfile::Builder::new().prefix("mlsys-cluster-").disable_cleanup(kept).tempdir().expect("a folder");
        // The rest starts while MLflow does.
        let mlflow = std::thread::spawn(shared_mlflow);
        let (redis, postgres, github) = (Redis::start(), Postgres::start(), GitHub::start());
        let mlflow = mlflow.join().expect("MLflow starts");
        timeline.say("the servers are ready");
        let backend_ports: Vec<u16> = (0..size.backends).map(|_| free_port()).collect();
        let balancer = Proxy::to(&backend_ports);
        let mut settings = common(size, folder.path(), &github, &balancer);
        settings.extend(size.settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let plan = Plan {
            folder: folder.path().to_owned(),
            ports: [redis.port(), postgres.port(), mlflow.port()],
            settings,
            proxied: size.proxied,
        };
        let backends = (0..).zip(backend_ports).map(|(index, port)| plan.backend(index, port)).collect();
        let workers = (0..size.workers).map(|index| plan.worker(index)).collect();
        let model_servers = (0..size.model_servers).map(|index| plan.model_server(index)).collect();
        let lease = Duration::from_secs(size.lease);
        let mut cluster = Self {
            backends,
            workers,
            model_servers,
            redis,
            postgres,
            mlflow,
            github,
            timeline,
            lease,
            balancer,
            key: String::new(),
            secrets: Mutex::default(),
            _folder: folder,
        };
        cluster.members().for_each(|member| member.launch());
        cluster.members().for_each(|member| member.wait_ready());
        cluster.key = cluster.sign_in();
        cluster.timeline.say(format!("the cluster is ready in {}", plan.folder.display()));
        cluster
    }

    /// How long a silent worker keeps its pipeline.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// Backends, workers, model-servers.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.backends.iter().chain(&self.workers).chain(&self.model_servers)
    }

    /// Everything that can be killed, paused and started again, MLflow apart.
    pub fn programs(&self) -> Vec<&Program> {
        let servers: [&Program; 2] = [&self.redis, &self.postgres];
        self.members().map(|member| &**member).chain(servers).collect()
    }

    /// The API of one backend.
    pub fn backend(&self, index: usize) -> Api {
        Api::new(self.backends[index].url(), self.logs()).signed(&self.key)
    }

    /// The API behind the load balancer: of some backend that takes connections.
    pub fn api(&self) -> Api {
        Api::new(format!("http://127.0.0.1:{}", self.balancer.port()), self.logs()).signed(&self.key)
    }

    /// What a model-server answers to our own processes.
    pub fn model_server(&self, server: &Member) -> Api {
        Api::new(server.url(), self.logs()).signed(INTERNAL_TOKEN)
    }

    /// The worker with a process id.
    pub fn worker_of(&self, pid: u32) -> Option<usize> {
        self.workers.iter().position(|worker| worker.pid() == Some(pid))
    }

    /// A new repository at the code host, registered here.
    pub async fn repository(&self, full_name: &str) -> Repository {
        let repository = self.github.repository(full_name);
        let api = self.api();
        let (status, answer) = api.post(&api.api("/api/repos"), &serde_json::json!({ "full_name": full_name })).await;
        assert_eq!(status, 201, "{answer}");
        let secret = answer["webhook_secret"].as_str().expect("a secret to be entered at the code host");
        let name = full_name.parse().expect("a name");
        self.secrets.lock().expect("whole").insert(name, secret.to_owned());
        repository
    }

    fn webhook_secret(&self, repo: &RepoName) -> String {
        self.secrets.lock().expect("whole").get(repo).map_or(WEBHOOK_SECRET, String::as_str).to_owned()
    }

    fn logs(&self) -> Vec<PathBuf> {
        self.members().map(|member| member.log_file().to_owned()).collect()
    }
}

/// A cluster that goes down with its test explains what happened.
impl Drop for Cluster {
    #[expect(clippy::print_stderr, reason = "a failing test explains itself")]
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        eprintln!("---- what happened\n{}", self.timeline.text());
        for program in self.programs() {
            let state = if program.is_running() { "running" } else { "not running" };
            eprintln!("---- {} ({state}), the end of {}", program.name(), program.log_file().display());
            eprintln!("{}", tail(program.log_file(), TAIL));
        }
    }
}

impl Plan {
    fn backend(&self, index: usize, port: u16) -> Member {
        let settings = [("MLSYS_PORT", port.to_string())];
        self.member("backend", index, port, &settings, "/health")
    }

    fn worker(&self, index: usize) -> Member {
        let port = free_port();
        self.member("worker", index, port, &[("WORKER_PORT", port.to_string())], "/health")
    }

    fn model_server(&self, index: usize) -> Member {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let settings = [("MODEL_SERVER_ADVERTISE", format!("http://{listen}")), ("MODEL_SERVER_LISTEN", listen)];
        self.member("model-server", index, port, &settings, "/health")
    }

    fn member(&self, kind: &str, index: usize, port: u16, own: &[(&str, String)], health: &'static str) -> Member {
        let name = format!("{kind}-{index}");
        let home = self.folder.join(&name);
        // What a killed process leaves goes with the cluster.
        let scratch = home.join("tmp");
        std::fs::create_dir_all(&scratch).expect("a home");
        let links = (self.proxied && kind != "model-server").then(|| {
            let [redis, postgres, mlflow] = self.ports.map(|port| Proxy::to(&[port]));
            Links { redis, postgres, mlflow }
        });
        let ports =
            links.as_ref().map_or(self.ports, |links| [&links.redis, &links.postgres, &links.mlflow].map(Proxy::port));
        let [redis, postgres, mlflow] = ports;
        let program = Program::new(&name, &home, [crate::binary(kind)])
            .with([("DATABASE_URL", format!("postgres://mlsys@127.0.0.1:{postgres}/postgres"))])
            .with([("REDIS_URL", format!("redis://127.0.0.1:{redis}")), ("MLSYS_HOME", home.display().to_string())])
            .with([("MLFLOW_TRACKING_URI", format!("http://127.0.0.1:{mlflow}")), ("TMPDIR", scratch.display().to_string())])
            .with(own.iter().map(|(name, value)| (*name, value.as_str())))
            .with(self.settings.iter().map(|(name, value)| (name, value)))
            .ready_when(START, move || http_status(port, health) == Some(200));
        Member::new(program, port, links)
    }
}

fn common(size: &Size, folder: &Path, github: &GitHub, balancer: &Proxy) -> Vec<(String, String)> {
    let uv = std::env::var_os("MLSYS_UV").map_or_else(|| workspace_root().join(".mlsys/uv/bin/uv"), PathBuf::from);
    let settings = [
        ("MLSYS_HOST", "127.0.0.1".to_owned()),
        ("MLSYS_ARTIFACTS", folder.join("artifacts").display().to_string()),
        ("GITHUB_API_URL", github.url()),
        ("GITHUB_WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
        ("INTERNAL_TOKEN", INTERNAL_TOKEN.to_owned()),
        ("SIGNING_KEY", SIGNING_KEY.to_owned()),
        ("SECRETS_KEY", "5a".repeat(32)),
        ("BACKEND_URL", format!("http://127.0.0.1:{}", balancer.port())),
        ("LEASE_SECONDS", size.lease.to_string()),
        // Workers come and go here, mostly without a notebook: a kernel started ahead would be in vain.
        ("KERNEL_POOL_SIZE", "0".to_owned()),
        // Notebooks look for their worker among all processes.
        ("SANDBOX", "landlock".to_owned()),
        ("MLSYS_PYTHON", python().display().to_string()),
        ("MLSYS_UV", uv.display().to_string()),
        ("RUST_LOG", "info".to_owned()),
    ];
    std::fs::create_dir_all(folder.join("artifacts")).expect("a folder");
    settings.map(|(name, value)| (name.to_owned(), value)).to_vec()
}
