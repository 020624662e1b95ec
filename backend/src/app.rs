//! What the backend's process has.

use std::{sync::Arc, time::Duration};

use assembly::Adapters;
use axum::{
    Extension, Router,
    routing::{get, post},
};
use bus::{LogHub, Queue};
use contract::RepoName;
use fleet::Fleet;
use forge::{Host, Hosts};
use jiff::Timestamp;
use pipeline::access::Action;
use rollout::Rollout;
use service::Doors;
use store::Store;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt},
    routes,
};
use warehouse::Warehouse;

use crate::{
    Config,
    auth::{Auth, Of, Routes, Rule},
    changes, dashboard,
    direct::Direct,
    dispatch,
    failures::Failures,
    hooks::KnownHooks,
    links::MlflowPages,
    openapi,
    repos::KnownRepos,
    routes,
    servers::{ModelServerHere, Servers},
};

/// Where deliveries arrive.
pub(crate) const WEBHOOK: &str = "/webhook/github";
/// Deliveries are signed, and may come through a tunnel of any name; model-servers may know us by any.
const BY_ANY_NAME: &[&str] = &[WEBHOOK, "/internal/"];
/// The largest webhook delivery that GitHub sends, in bytes.
pub const WEBHOOK_BODY_MAX: usize = 25 << 20;

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
    pub(crate) auth: Auth,
    pub(crate) warehouse: Warehouse,
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
    pub(crate) mlflow_pages: MlflowPages,
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
    /// A backend over its adapters, which passes predictions on to the model-server in this process, if there is one.
    ///
    /// # Errors
    /// When no HTTP client can be built.
    pub fn new(
        config: Config,
        adapters: Adapters,
        here: Option<ModelServerHere>,
        shutdown: CancellationToken,
    ) -> Result<Self, reqwest::Error> {
        let Adapters { store, queue, hub, hosts, mlflow, artifacts, warehouse } = adapters;
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(3))
            .pool_idle_timeout(service::IDLE_LIMIT)
            .build()?;
        let fleet = Fleet::new(config.internal_token.expose())?;
        let models = Models {
            servers: Servers::new((here, config.model_server_url.clone()), http.clone(), config.internal_token.clone()),
            http,
            rollout: Rollout::new(store.serving.clone(), artifacts.clone(), fleet.clone(), mlflow),
            fleet,
            artifacts,
            mlflow_pages: MlflowPages::new(&config.mlflow_url),
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
            auth: Auth::new(config.home_token.clone(), config.oidc.clone())?,
            config,
            store,
            models,
            warehouse,
        })))
    }

    /// Sends jobs, and brings changes that were cut off to their end, until the process stops; then waits for changes in
    /// hand, for at most 20 seconds.
    pub async fn work(&self) {
        tokio::join!(dispatch::run(self), changes::run(self));
    }

    /// What answers requests.
    pub fn answers(&self) -> Arc<Direct> {
        let doors = Doors::new(self.config.hosts.clone(), BY_ANY_NAME);
        Arc::new(Direct { backend: self.clone(), doors, router: self.router().with_state(()) })
    }

    /// All routes; what none of them has, the dashboard may.
    fn router(&self) -> Router {
        use routes::{internal, issuer, logs, models, webhook};
        let (described, document) = described().split_for_parts();
        let (undescribed, _) = Routes::new(openapi::base())
            .add_unnamed(Rule::known(), "/openapi.json", openapi::route(document))
            .add_unnamed(Rule::see(Of::Pipeline), "/ws/pipelines/{id}/logs", get(logs::follow))
            .add_unnamed(Rule::predict(), "/models/{name}/predict", post(models::predict))
            .add_unnamed(Rule::anybody(), "/health", get(service::health::alive))
            // Browsers go there: what the issuer says is looked at.
            .add_unnamed(Rule::anybody(), "/api/sign-in/issuer", get(issuer::begin))
            .add_unnamed(Rule::anybody(), "/api/sign-in/callback", get(issuer::callback))
            // It looks at the delivery's signature.
            .add_unnamed(Rule::anybody(), WEBHOOK, post(webhook::github))
            .done()
            .split_for_parts();
        let routes = described
            .merge(undescribed)
            .merge(Rule::known().only_looks().before_all(openapi::pages()))
            .merge(Rule::numbers().before_all(service::telemetry::metrics::routes()));
        let internal = Router::new().route("/internal/model-servers", post(internal::report));
        let routes = routes.merge(service::protect(internal, self.config.internal_token.clone()));
        let known = routes.layer(Extension(self.clone())).fallback(dashboard::serve);
        let guarded = service::doors(known, self.config.hosts.clone(), BY_ANY_NAME);
        service::layers(guarded.with_state(self.clone()))
    }
}

/// The routes that the API's description names, each with whom it lets in.
pub(crate) fn described() -> OpenApiRouter<Backend> {
    let routes = people(schedules(tables(models(pipelines(Routes::new(openapi::base()))))));
    routes.done()
}

fn pipelines(routes: Routes) -> Routes {
    use Action::{Cancel, Retry, Run};
    use routes::{logs, notebook, pipelines};
    routes
        .add(Rule::see(Of::Later), routes!(pipelines::list))
        .add(Rule::may(Run, Of::Later), routes!(pipelines::create))
        .add(Rule::see(Of::Pipeline), routes!(pipelines::one))
        .add(Rule::may(Cancel, Of::Pipeline), routes!(pipelines::cancel))
        .add(Rule::may(Retry, Of::Pipeline), routes!(pipelines::retry))
        .add(Rule::see(Of::Pipeline), routes!(logs::stored))
        .add(Rule::see(Of::Pipeline), routes!(logs::download))
        .add(Rule::see(Of::Pipeline), routes!(notebook::executed))
        .add(Rule::see(Of::Pipeline), routes!(notebook::cell))
        .add(Rule::see(Of::Pipeline), routes!(notebook::parameters))
}

fn models(routes: Routes) -> Routes {
    use Action::{Promote, Repositories, RollBack, Traffic};
    use routes::{approvals, changes, data, models, overview, repo_check, repos, secrets, statistics, traffic, versions};
    let dev = contract::Environment::dev;
    let prod = contract::Environment::prod;
    routes
        .add(Rule::see(Of::Later), routes!(models::list))
        .add(Rule::see(Of::Model), routes!(models::one))
        .add(Rule::may(Repositories, Of::Everything), routes!(models::change))
        .add(Rule::see(Of::Model), routes!(versions::list))
        .add(Rule::see(Of::Model), routes!(versions::one))
        .add(Rule::see(Of::Model), routes!(versions::provenance))
        .add(Rule::see(Of::Model), routes!(versions::history))
        // The least that there is; what the body names is asked for by the handler.
        .add(Rule::may(Promote(dev()), Of::Model), routes!(changes::promote))
        .add(Rule::may(RollBack(dev()), Of::Model), routes!(changes::rollback))
        .add(Rule::see(Of::Later), routes!(approvals::list))
        // It is the model's business, and the handler finds out which.
        .add(Rule::may(Promote(prod()), Of::Later), routes!(approvals::approve))
        .add(Rule::may(Promote(prod()), Of::Later), routes!(approvals::refuse))
        .add(Rule::may(Promote(prod()), Of::Later), routes!(approvals::withdraw))
        .add(Rule::see(Of::Model), routes!(traffic::traffic))
        .add(Rule::may(Traffic, Of::Model), routes!(traffic::set))
        .add(Rule::may(Traffic, Of::Model), routes!(traffic::promote))
        .add(Rule::may(Traffic, Of::Model), routes!(traffic::withdraw))
        .add(Rule::predict(), routes!(models::predict))
        .add(Rule::see(Of::Later), routes!(repos::list))
        .add(Rule::may(Repositories, Of::Later), routes!(repos::add))
        .add(Rule::may(Repositories, Of::Later).only_looks(), routes!(repo_check::check))
        .add(Rule::see(Of::Repo), routes!(repos::one))
        .add(Rule::may(Repositories, Of::Repo), routes!(repos::change))
        .add(Rule::may(Repositories, Of::Repo), routes!(repos::remove))
        .add(Rule::may(Repositories, Of::Repo), routes!(repos::install_webhook))
        .add(Rule::may(Repositories, Of::Repo), routes!(repos::renew_secret))
        .add(Rule::may(Repositories, Of::Repo), routes!(repos::remove_old_secret))
        .add(Rule::may(Repositories, Of::Repo).only_looks(), routes!(data::list))
        // Data belongs to no repository: who decides for one alone must not open it that of all.
        .add(Rule::may(Repositories, Of::Everything), routes!(data::allow))
        .add(Rule::may(Repositories, Of::Repo), routes!(data::forbid))
        .add(Rule::may(Repositories, Of::Repo).only_looks(), routes!(secrets::list))
        .add(Rule::may(Repositories, Of::Repo), routes!(secrets::set))
        .add(Rule::may(Repositories, Of::Repo), routes!(secrets::remove))
        .add(Rule::see(Of::Later), routes!(overview::overview).layer(Extension(overview::Recent::default())))
        .add(Rule::see(Of::Later), routes!(statistics::by_day))
}

fn tables(routes: Routes) -> Routes {
    use Action::BatchPredictions;
    use routes::{batches, registry, tables};
    routes
        .add(Rule::see(Of::Everything), routes!(tables::list))
        .add(Rule::see(Of::Everything), routes!(tables::one))
        .add(Rule::see(Of::Everything), routes!(tables::sample))
        .add(Rule::see(Of::Later), routes!(batches::list))
        // Any table may be read and written: that is about the whole.
        .add(Rule::may(BatchPredictions, Of::Everything), routes!(batches::create))
        .add(Rule::see(Of::Later), routes!(batches::one))
        .add(Rule::may(BatchPredictions, Of::Later), routes!(batches::cancel))
        .add(Rule::may(BatchPredictions, Of::Later), routes!(batches::resume))
        .add(Rule::may(BatchPredictions, Of::Everything).changes(), routes!(batches::predict))
        .add(Rule::may(BatchPredictions, Of::Everything), routes!(registry::scan))
        .add(Rule::may(BatchPredictions, Of::Everything).changes(), routes!(registry::call))
}

fn schedules(routes: Routes) -> Routes {
    use Action::{Schedules, Validate};
    use routes::schedules;
    routes
        .add(Rule::see(Of::Later), routes!(schedules::list))
        // Whose it is the body says, and the handler looks.
        .add(Rule::may(Schedules, Of::Later), routes!(schedules::create))
        .add(Rule::see(Of::Later), routes!(schedules::next))
        .add(Rule::see(Of::Repo), routes!(schedules::declared::one))
        .add(Rule::may(Validate, Of::Later).only_looks(), routes!(schedules::declared::compare))
        .add(Rule::see(Of::Later), routes!(schedules::one))
        .add(Rule::may(Schedules, Of::Later), routes!(schedules::change))
        .add(Rule::may(Schedules, Of::Later), routes!(schedules::remove))
        .add(Rule::may(Schedules, Of::Later), routes!(schedules::run))
        .add(Rule::may(Schedules, Of::Later), routes!(schedules::back_fill))
        .add(Rule::may(Schedules, Of::Later), routes!(schedules::cancel))
        .add(Rule::see(Of::Later), routes!(schedules::firings))
}

fn people(routes: Routes) -> Routes {
    use Action::{Audit, Keys, People};
    use routes::{audit, health, issuer, keys, people, sessions, settings};
    routes
        // It looks at what is shown to it, and not too often.
        .add(Rule::anybody(), routes!(sessions::sign_in))
        .add(Rule::anybody(), routes!(issuer::ways))
        .add(Rule::known(), routes!(sessions::list))
        .add(Rule::known(), routes!(sessions::sign_out))
        .add(Rule::known(), routes!(sessions::end))
        .add(Rule::known(), routes!(sessions::new_address))
        .add(Rule::known(), routes!(sessions::me))
        .add(Rule::may(Keys, Of::Later), routes!(keys::list))
        .add(Rule::may(Keys, Of::Later), routes!(keys::make))
        .add(Rule::may(Keys, Of::Later), routes!(keys::revoke))
        .add(Rule::may(People, Of::Everything), routes!(people::list))
        .add(Rule::may(People, Of::Everything), routes!(people::invite))
        .add(Rule::may(People, Of::Everything), routes!(people::change))
        .add(Rule::may(People, Of::Everything), routes!(people::remove))
        .add(Rule::may(People, Of::Everything), routes!(people::invite_again))
        .add(Rule::may(Audit, Of::Later), routes!(audit::list))
        .add(Rule::see(Of::Everything), routes!(settings::effective))
        .add(Rule::anybody(), routes!(health::ready))
}
