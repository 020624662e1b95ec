//! Which trace a span belongs to, in words that cross process boundaries: W3C `traceparent`.
//!
//! Where traces are exported, our spans take part in them. Where they are not, the trace that a caller named is carried
//! through unchanged, so that one process without an exporter does not break it.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator},
    trace::{SpanContext, Status, TraceContextExt},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Dispatch, Span};
use tracing_opentelemetry::{OpenTelemetrySpanExt, SetParentError, get_otel_context};
use tracing_subscriber::registry::{LookupSpan, Registry};

const TRACEPARENT: &str = "traceparent";

/// The field of a span that logs show its trace in.
const TRACE_ID: &str = "trace_id";

/// Where a caller's trace is, kept in the extensions of a span that is not exported.
struct Carried(SpanContext);

/// Makes a span, which must not have been entered yet, a part of the trace that a W3C `traceparent` names. If the span has
/// an empty field `trace_id`, it is filled. What is not a `traceparent` changes nothing.
pub fn continue_trace(span: &Span, traceparent: &str) {
    let Some(parent) = parse(traceparent) else { return };
    span.record(TRACE_ID, tracing::field::display(parent.trace_id()));
    if let Err(SetParentError::LayerNotFound) = span.set_parent(Context::new().with_remote_span_context(parent.clone())) {
        span.with_subscriber(|(id, dispatch)| {
            if let Some(span) = dispatch.downcast_ref::<Registry>().and_then(|registry| registry.span(id)) {
                span.extensions_mut().replace(Carried(parent));
            }
        });
    }
}

/// The current span as a `traceparent`, to be stored with what goes on later or to be sent along. `None` outside of every
/// trace.
pub fn current_traceparent() -> Option<String> {
    Span::current().with_subscriber(|(id, dispatch)| {
        let registry = dispatch.downcast_ref::<Registry>()?;
        let span = registry.span(id)?.scope().find_map(|span| {
            let carried = || span.extensions().get::<Carried>().map(|carried| carried.0.clone());
            exported(&span.id(), dispatch).or_else(carried)
        })?;
        Some(format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8()))
    })?
}

/// The headers that make a request to another process part of the current trace; none outside of every trace.
pub fn trace_headers() -> HeaderMap {
    let value = current_traceparent().and_then(|value| HeaderValue::try_from(value).ok());
    value.map(|value| (HeaderName::from_static(TRACEPARENT), value)).into_iter().collect()
}

/// Whether a caller names a trace.
pub(crate) fn names_trace(headers: &HeaderMap) -> bool {
    headers.contains_key(TRACEPARENT)
}

/// Makes a request's span part of its caller's trace or, where traces are exported, the start of one.
pub(crate) fn receive_trace(span: &Span, headers: &HeaderMap) {
    match headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()) {
        Some(traceparent) => continue_trace(span, traceparent),
        None if super::exporting() => {
            let known = span.with_subscriber(|(id, dispatch)| exported(id, dispatch)).flatten();
            // What the sampler leaves out cannot be looked up.
            if let Some(known) = known.filter(SpanContext::is_sampled) {
                span.record(TRACE_ID, tracing::field::display(known.trace_id()));
            }
        }
        None => {}
    }
}

/// Makes a request's span say how it ended.
pub(crate) fn mark_answered(span: &Span, status: u16) {
    span.set_attribute("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.set_status(Status::error(""));
    }
}

/// The span as it is exported, if it is.
fn exported(id: &tracing::Id, dispatch: &Dispatch) -> Option<SpanContext> {
    let context = get_otel_context(id, dispatch)?;
    Some(context.span().span_context().clone()).filter(SpanContext::is_valid)
}

/// A carrier of nothing but a `traceparent`.
struct Only<'a>(&'a str);

impl Extractor for Only<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

fn parse(traceparent: &str) -> Option<SpanContext> {
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &Only(traceparent));
    Some(context.span().span_context().clone()).filter(SpanContext::is_valid)
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn carried_by(traceparent: &str) -> Option<String> {
        // A span of its own inside, as handlers have.
        let subscriber = tracing_subscriber::registry().with(tracing_subscriber::fmt::layer().with_writer(std::io::sink));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("request");
            continue_trace(&span, traceparent);
            let _request = span.entered();
            let _inner = tracing::info_span!("inner").entered();
            current_traceparent()
        })
    }

    #[test]
    fn a_process_that_exports_no_traces_carries_its_callers_trace_through() {
        assert_eq!(carried_by(GIVEN).as_deref(), Some(GIVEN));
    }

    #[test]
    fn what_is_no_traceparent_is_ignored() {
        for wrong in ["", "00-0-0-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01", &GIVEN[..52], "ff"] {
            assert_eq!(carried_by(wrong), None, "{wrong}");
        }
        assert_eq!(current_traceparent(), None);
        assert!(trace_headers().is_empty());
    }
}
