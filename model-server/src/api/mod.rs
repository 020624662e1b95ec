//! The HTTP API.

mod best;
mod choice;
mod deadline;
pub(crate) mod decode;
mod dialect;
mod direct;
mod exchange;
mod guard;
mod health;
mod internal;
pub(crate) mod mlflow;
mod models;
mod openapi;
mod problem;
mod rest;
pub(crate) mod v2;
mod wants;

use std::sync::{Arc, atomic::AtomicBool};

use axum::{
    Router,
    extract::FromRef,
    http::StatusCode,
    middleware::from_fn,
    routing::{get, post, put},
};
use contract::ModelName;
use serde::Deserialize;
use service::{ApiError, Secret, protect, telemetry};

use dialect::Dialect;
pub(crate) use direct::Direct;
use guard::Rule;
use v2::grpc;

use crate::{access::Access, sync::Loader};

/// Where predictions are asked for.
const PREDICT: &str = "/predict/{name}";
/// The same of one version.
const PREDICT_VERSION: &str = "/predict/{name}/versions/{version}";

/// What the routes share.
#[derive(Debug, Clone, FromRef)]
pub(crate) struct Serving {
    pub(crate) loader: Arc<Loader>,
    pub(crate) access: Arc<Access>,
    /// Whether all requests are our own, which have shown elsewhere who asks.
    #[from_ref(skip)]
    pub(crate) ours: bool,
    /// Whether what the backend says was followed once, or there is none.
    pub(crate) caught_up: Arc<AtomicBool>,
}

/// All routes, each with whom it lets in.
pub(crate) fn router(serving: Serving, token: Secret) -> Router {
    let behind = |rule: Rule, method| rule.before(&serving, method);
    let internal = Router::new()
        .route("/internal/load/{name}", post(internal::load))
        .route("/internal/unload/{name}", post(internal::unload))
        .route("/internal/traffic/{name}", put(internal::share));
    Router::new()
        // Anybody.
        .route("/health", get(service::health::alive))
        .route("/ready", get(health::ready))
        .route("/models", behind(Rule::Look, get(models::list)))
        .route("/models/{name}", behind(Rule::Look, get(models::show)))
        .route("/models/{name}/openapi.json", behind(Rule::Know, get(openapi::openapi)))
        .merge(predictions(&serving))
        .merge(Dialect::Mlflow.spoken_by(mlflow_routes(&serving)))
        .merge(Dialect::V2.spoken_by(v2_routes(&serving)))
        .merge(Dialect::Grpc.spoken_by(grpc_routes(&serving)))
        // Anybody.
        .merge(grpc::reflection())
        .merge(Rule::Numbers.before_all(&serving, telemetry::metrics::routes()))
        .merge(protect(internal, token))
        .with_state(serving)
}

/// mlsys's own predictions.
pub(crate) fn predictions(serving: &Serving) -> Router<Serving> {
    let behind = |method| Rule::Predict.before(serving, method);
    Router::new().route(PREDICT, behind(post(rest::predict))).route(PREDICT_VERSION, behind(post(rest::predict)))
}

/// MLflow's scoring protocol.
fn mlflow_routes(serving: &Serving) -> Router<Serving> {
    let behind = |rule: Rule, method| rule.before(serving, method);
    Router::new()
        .route("/models/{name}/ping", behind(Rule::Know, get(mlflow::ping)))
        .route("/models/{name}/health", behind(Rule::Know, get(mlflow::ping)))
        .route("/models/{name}/version", behind(Rule::Know, get(mlflow::version)))
        .route("/models/{name}/invocations", behind(Rule::Predict, post(mlflow::invocations)))
}

/// The Open Inference Protocol.
fn v2_routes(serving: &Serving) -> Router<Serving> {
    let behind = |rule: Rule, method| rule.before(serving, method);
    let mut routes = Router::new()
        // Anybody.
        .route("/v2/health/live", get(v2::health::live))
        .route("/v2/health/ready", get(v2::health::ready))
        .route("/v2/repository/index", behind(Rule::Look, post(v2::repository::index)))
        .route("/v2/repository/models/{name}/load", behind(Rule::Look, post(v2::repository::refuse)))
        .route("/v2/repository/models/{name}/unload", behind(Rule::Look, post(v2::repository::refuse)));
    for server in ["/v2", "/v2/"] {
        routes = routes.route(server, behind(Rule::Anyone, get(v2::metadata::server)));
    }
    for model in ["/v2/models/{name}", "/v2/models/{name}/versions/{version}"] {
        routes = routes
            .route(model, behind(Rule::Know, get(v2::metadata::model)))
            .route(&format!("{model}/ready"), behind(Rule::Know, get(v2::health::model)))
            .route(&format!("{model}/infer"), behind(Rule::Predict, post(v2::infer::infer)));
    }
    routes
}

/// The model that a path names; a version in it is for [`choice::Choice`].
#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

/// The Open Inference Protocol over gRPC.
fn grpc_routes(serving: &Serving) -> Router<Serving> {
    let behind = |rule: Rule, method| rule.before(serving, method);
    let inference = |method: &str| format!("/inference.GRPCInferenceService/{method}");
    let mut routes = Router::new()
        // Anybody.
        .route("/grpc.health.v1.Health/Check", post(grpc::check))
        .route("/grpc.health.v1.Health/{method}", post(grpc::unknown))
        .route(&inference("ServerLive"), post(grpc::live))
        .route(&inference("ServerReady"), post(grpc::ready))
        .route(&inference("ServerMetadata"), behind(Rule::Anyone, post(grpc::server_metadata)))
        // The message names the model; the same rules as over REST.
        .route(&inference("ModelReady"), behind(Rule::Some, post(grpc::model_ready)))
        .route(&inference("ModelMetadata"), behind(Rule::Some, post(grpc::metadata)))
        .route(&inference("ModelInfer"), behind(Rule::Some, post(grpc::infer)));
    for service in ["/inference.GRPCInferenceService", "/inference.model_repository.ModelRepositoryService"] {
        routes = routes
            .route(&format!("{service}/{{method}}"), post(grpc::unknown))
            .route(&format!("{service}/RepositoryIndex"), behind(Rule::Look, post(grpc::index)))
            .route(&format!("{service}/RepositoryModelLoad"), behind(Rule::Look, post(grpc::refuse)))
            .route(&format!("{service}/RepositoryModelUnload"), behind(Rule::Look, post(grpc::refuse)));
    }
    routes.route_layer(from_fn(grpc::keep_deadline))
}

/// A model's name in a path. What cannot be a name is no model's.
fn model_name(name: String) -> Result<ModelName, ApiError> {
    let unknown = |_| ApiError::new(StatusCode::NOT_FOUND, "model_not_found", "this cannot be a model's name");
    ModelName::try_from(name).map_err(unknown)
}
