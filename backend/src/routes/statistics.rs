//! `GET /api/statistics`.

use axum::{
    Json,
    extract::{Query, State},
};
use jiff::Timestamp;
use pipeline::access::Action;
use serde::{Deserialize, Serialize};
use service::ApiError;
use store::DayStatistics;
use utoipa::ToSchema;

use crate::{Backend, auth::Caller, error::from_store};

/// How many days there are when nobody says.
const DAYS: u16 = 14;
/// How many days there are at most.
const DAYS_MAX: u16 = 366;

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Days {
    /// So many, today included; 14 when nobody says, never more than 366.
    days: Option<u16>,
}

/// How pipelines ended, day by day.
#[derive(Serialize, ToSchema)]
pub(crate) struct Statistics {
    /// Every day, in UTC, oldest first.
    days: Vec<DayStatistics>,
}

/// How many pipelines ended on each of the last days, how, and how long they took.
#[utoipa::path(
    get, path = "/api/statistics", operation_id = "getStatistics", tag = "pipelines", params(Days),
    responses((status = OK, body = Statistics)),
)]
pub(crate) async fn by_day(
    State(backend): State<Backend>,
    caller: Caller,
    Query(query): Query<Days>,
) -> Result<Json<Statistics>, ApiError> {
    let days = query.days.unwrap_or(DAYS).clamp(1, DAYS_MAX);
    let days =
        backend.store.pipelines.statistics(&caller.scope(&Action::See), Timestamp::now(), days).await.map_err(from_store)?;
    Ok(Json(Statistics { days }))
}
