//! What the backend's process has.

use std::{sync::Arc, time::Duration};

use assembly::Adapters;
use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use bus::{LogHub, Queue};
use contract::RepoName;
use fleet::Fleet;
use forge::{Host, Hosts};
use jiff::Timestamp;
use rollout::Rollout;
use store::Store;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt},
    routes,
};

use crate::{
    Config, changes, dashboard, dispatch, failures::Failures, hooks::KnownHooks, links::MlflowPages, openapi,
    repos::KnownRepos, routes, servers::Servers,
};

/// Where deliveries arrive.
pub(crate) const WEBHOOK: &str = "/webhook/github";
/// The largest webhook delivery that GitHub sends, in bytes.
pub const WEBHOOK_BODY_MAX: usize = 25 << 20;
/// The largest body of a prediction that is passed on, in bytes; the model-server's own limit.
const PREDICT_BODY_MAX: usize = 64 << 20;

/// The backend. Cheap to clone.
#[derive(Clone)]
pub struct Backend(Arc<Parts>);

/// What the routes see of the backend.
pub struct Parts {
    pub(crate) config: Config,
    pub(crate) process: Process,
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    pub(crate) repos: Repositories,
    pub(crate) models: Models,
    pub(crate) mlflow_pages: MlflowPages,
}

/// This process.
pub(crate) struct Process {
    pub(crate) started_at: Timestamp,
    /// Cancelled when the process stops: followers of logs are let go.
    pub(crate) shutdown: CancellationToken,
}

/// Jobs and live log lines.
pub(crate) struct Bus {
    pub(crate) queue: Queue,
    pub(crate) hub: LogHub,
    /// Woken when there is a job to send.
    pub(crate) wake: Notify,
}

/// The code hosts, and what was asked of them or of the store a moment ago.
pub(crate) struct Repositories {
    hosts: Hosts,
    pub(crate) known: KnownRepos,
    pub(crate) hooks: KnownHooks,
    pub(crate) failures: Failures,
}

/// The models: where they serve, and how that changes.
pub(crate) struct Models {
    pub(crate) servers: Servers,
    pub(crate) http: reqwest::Client,
    pub(crate) fleet: Fleet,
    pub(crate) artifacts: artifacts::Store,
    pub(crate) rollout: Rollout,
    /// Changes in hand.
    pub(crate) changes: TaskTracker,
}

impl std::ops::Deref for Backend {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Parts {
    /// The code host of a repository.
    pub fn host(&self, repo: &RepoName) -> &Host {
        self.repos.hosts.of(repo)
    }
}

impl Backend {
    /// A backend over its adapters.
    ///
    /// # Errors
    /// When no HTTP client can be built.
    pub fn new(config: Config, adapters: Adapters, shutdown: CancellationToken) -> Result<Self, reqwest::Error> {
        let Adapters { store, queue, hub, hosts, mlflow, artifacts } = adapters;
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(3))
            .pool_idle_timeout(service::IDLE_LIMIT)
            .build()?;
        let fleet = Fleet::new(config.internal_token.expose())?;
        let models = Models {
            servers: Servers::new(config.model_server_url.clone()),
            http,
            rollout: Rollout::new(store.serving.clone(), artifacts.clone(), fleet.clone(), mlflow),
            fleet,
            artifacts,
            changes: TaskTracker::new(),
        };
        Ok(Self(Arc::new(Parts {
            process: Process { started_at: Timestamp::now(), shutdown },
            bus: Bus { queue, hub, wake: Notify::new() },
            repos: Repositories {
                hosts,
                known: KnownRepos::default(),
                hooks: KnownHooks::default(),
                failures: Failures::default(),
            },
            mlflow_pages: MlflowPages::new(&config.mlflow_url),
            config,
            store,
            models,
        })))
    }

    /// Sends jobs, and brings changes that were cut off to their end, until the process stops; then waits for changes in
    /// hand, for at most 20 seconds.
    pub async fn work(&self) {
        tokio::join!(dispatch::run(self), changes::run(self));
    }

    /// All routes; what none of them has, the dashboard may.
    pub fn router(&self) -> Router {
        use routes::{internal, logs, models, webhook};
        let (documented, document) = documented().split_for_parts();
        let routes = documented
            .route("/openapi.json", openapi::route(document))
            .route(WEBHOOK, post(webhook::github))
            .route("/ws/pipelines/{id}/logs", get(logs::follow))
            .route("/models/{name}/predict", post(models::predict).layer(DefaultBodyLimit::max(PREDICT_BODY_MAX)))
            .route("/health", get(service::health::alive))
            .merge(openapi::pages())
            .merge(service::telemetry::metrics::routes());
        let internal = Router::new().route("/internal/model-servers", post(internal::report));
        let routes = routes.merge(service::protect(internal, self.config.internal_token.clone()));
        // Deliveries are signed, and may come through a tunnel of any name; model-servers may know us by any.
        let by_any_name = &[WEBHOOK, "/internal/"];
        let guarded = service::doors(routes.fallback(dashboard::serve), self.config.hosts.clone(), by_any_name);
        service::layers(guarded.with_state(self.clone()))
    }
}

/// The routes that the API's description names.
pub(crate) fn documented() -> OpenApiRouter<Backend> {
    use routes::{
        changes, health, logs, models, notebook, overview, pipelines, repo_check, repos, settings, statistics, traffic,
        versions,
    };
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(pipelines::list, pipelines::create))
        .routes(routes!(pipelines::one))
        .routes(routes!(pipelines::cancel))
        .routes(routes!(pipelines::retry))
        .routes(routes!(logs::stored))
        .routes(routes!(logs::download))
        .routes(routes!(notebook::executed))
        .routes(routes!(notebook::cell))
        .routes(routes!(notebook::parameters))
        .routes(routes!(models::list))
        .routes(routes!(models::one, models::change))
        .routes(routes!(versions::list))
        .routes(routes!(versions::one))
        .routes(routes!(versions::history))
        .routes(routes!(changes::promote))
        .routes(routes!(changes::rollback))
        .routes(routes!(traffic::traffic))
        .routes(routes!(models::predict).layer(DefaultBodyLimit::max(PREDICT_BODY_MAX)))
        .routes(routes!(repos::list, repos::add))
        .routes(routes!(repo_check::check))
        .routes(routes!(repos::one, repos::change, repos::remove))
        .routes(routes!(repos::install_webhook))
        .routes(routes!(repos::renew_secret, repos::remove_old_secret))
        .routes(routes!(overview::overview).layer(Extension(overview::Recent::default())))
        .routes(routes!(statistics::by_day))
        .routes(routes!(settings::effective))
        .routes(routes!(health::ready))
}
