//! Whether the server can be asked.

use std::sync::{Arc, atomic::AtomicBool};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use service::ApiError;

use super::{
    super::health::is_ready,
    proto::{
        ServerLiveResponse, ServerReadyResponse,
        health::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus},
    },
    wire,
};
use crate::sync::Loader;

/// What probes may ask for by name; nothing is the server as a whole.
const SERVICES: [&str; 2] = ["", "inference.GRPCInferenceService"];

/// `ServerLive`: the process is up.
pub(in super::super::super) async fn live() -> Result<Response, ApiError> {
    wire::respond(&ServerLiveResponse { live: true })
}

/// `ServerReady`: as `GET /ready`.
pub(in super::super::super) async fn ready(
    State(loader): State<Arc<Loader>>,
    State(caught_up): State<Arc<AtomicBool>>,
) -> Result<Response, ApiError> {
    wire::respond(&ServerReadyResponse { ready: is_ready(&loader, &caught_up) })
}

/// `grpc.health.v1.Health/Check`: the same, for gRPC's own probes.
pub(in super::super::super) async fn check(
    State(loader): State<Arc<Loader>>,
    State(caught_up): State<Arc<AtomicBool>>,
    request: Request,
) -> Result<Response, ApiError> {
    let (call, body) = request.into_parts();
    let HealthCheckRequest { service } = wire::decode(wire::read(&call.headers, body, wire::SHORT).await?)?;
    if !SERVICES.contains(&service.as_str()) {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "not_found", "there is no such service"));
    }
    let is_ready = is_ready(&loader, &caught_up);
    let status = if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    wire::respond(&HealthCheckResponse { status: status.into() })
}
