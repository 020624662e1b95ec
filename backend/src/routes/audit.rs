//! `GET /api/audit`: who did what, as pages or as a table for a spreadsheet.

use axum::{
    Json,
    body::Body,
    extract::{Query, State},
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use pipeline::access::Action;
use serde::Deserialize;
use service::ApiError;
use store::{AuditEntry, AuditFilter, StoreError};
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::Caller,
    error::{bad_request, from_store},
    routes::pipelines::{PAGE, PAGE_MAX, Page},
};

/// How many entries are read at once for a table.
const BATCH: usize = 1000;

/// How the log is answered.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// A page of it.
    #[default]
    Json,
    /// All of it that the filters let through, as a table.
    Csv,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// By this person or key.
    actor: Option<String>,
    /// Of this kind: `run`, `promote`, `keys` …
    action: Option<String>,
    /// With this.
    object: Option<String>,
    /// Since then.
    #[param(value_type = Option<String>, format = "date-time")]
    since: Option<Timestamp>,
    /// Until then.
    #[param(value_type = Option<String>, format = "date-time")]
    until: Option<Timestamp>,
    /// `csv`: everything as a table, in place of a page.
    #[serde(default)]
    #[param(inline, required = false)]
    format: Format,
    /// At most so many; 50 when nobody says, never more than 500.
    limit: Option<usize>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Who did what, newest first.
#[utoipa::path(
    get, path = "/api/audit", operation_id = "listAudit", tag = "access", params(ListQuery),
    responses((status = OK, body = Page<AuditEntry>)),
)]
pub(crate) async fn list(
    State(backend): State<Backend>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Response, ApiError> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let after = query.after.as_deref().map(str::parse).transpose();
    let filter = AuditFilter {
        scope: caller.scope(&Action::Audit),
        actor: given(query.actor),
        action: given(query.action),
        object: given(query.object),
        since: query.since,
        until: query.until,
        before: after.map_err(|_| bad_request("bad_page", "after must be what `next` was"))?,
        limit: query.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX),
    };
    if query.format == Format::Csv {
        return Ok(table(backend, filter));
    }
    let (items, more) = backend.store.access.audit(&filter).await.map_err(from_store)?;
    let next = items.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(Page { items, next }).into_response())
}

fn table(backend: Backend, filter: AuditFilter) -> Response {
    let first = Some(AuditFilter { limit: BATCH, ..filter });
    let rows = futures_util::stream::try_unfold(first, move |filter| {
        let backend = backend.clone();
        async move {
            let Some(filter) = filter else { return Ok::<_, StoreError>(None) };
            let (items, more) = backend.store.access.audit(&filter).await?;
            let next = items.last().filter(|_| more).map(|last| AuditFilter { before: Some(last.id), ..filter });
            Ok(Some((items.iter().map(row).collect::<String>(), next)))
        }
    });
    let rows = rows.inspect_err(|error| tracing::error!(%error, "an export of the audit log was cut off"));
    let head = futures_util::stream::once(async {
        Ok::<_, StoreError>("when,kind,who,from,what,object,before,after,result\r\n".to_owned())
    });
    let headers =
        [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=\"mlsys-audit.csv\"")];
    (headers, Body::from_stream(futures_util::StreamExt::chain(head, rows))).into_response()
}

fn row(entry: &AuditEntry) -> String {
    let at = entry.at.to_string();
    let (before, after) = (entry.before.as_deref().unwrap_or_default(), entry.after.as_deref().unwrap_or_default());
    let fields =
        [&at, &entry.actor_kind, &entry.actor, &entry.address, &entry.action, &entry.object, before, after, &entry.result];
    fields.map(field).join(",") + "\r\n"
}

/// A field as RFC 4180 has it. What a spreadsheet would take for a formula begins with an apostrophe.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = text.replace('"', "\"\"");
    format!("\"{}{text}\"", if formula { "'" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn a_field_is_what_a_spreadsheet_takes_for_text() {
        for (text, expected) in
            [("a, \"b\"", "\"a, \"\"b\"\"\""), ("=1+1", "\"'=1+1\""), ("@x", "\"'@x\""), ("a\nb", "\"a\nb\"")]
        {
            assert_eq!(field(text), expected);
        }
    }
}
