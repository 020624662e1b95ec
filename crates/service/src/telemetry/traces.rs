//! Traces, sent to an OpenTelemetry collector.
//!
//! The SDK's batch processor has a thread of its own, where the blocking HTTP client runs; spans wait for it in a bounded
//! queue and are dropped when that is full.

use std::{
    env, fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use opentelemetry::{Key, KeyValue, trace::TracerProvider};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData, SpanExporter as Exporter},
};
use tracing::{Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};
use uuid::Uuid;

/// How long the last spans may take to be sent when the process ends.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);
/// How often a collector that stays away is mentioned.
const REMINDER: Duration = Duration::from_mins(5);
/// What sending spans consists of; traced, it would make more spans to send, for ever.
const SENDING: [&str; 5] = ["hyper", "reqwest", "h2", "rustls", "opentelemetry"];

static EXPORTING: AtomicBool = AtomicBool::new(false);

/// Whether this process exports traces.
pub(crate) fn exporting() -> bool {
    EXPORTING.load(Ordering::Relaxed)
}

/// The export of a process's spans; ends when it is dropped.
pub(super) struct Export(SdkTracerProvider);

/// Starts the export if the environment asks for it. `Err` says what is wrong with what it asks for.
pub(super) fn start(process: &'static str) -> Result<Option<Export>, String> {
    if !wanted() {
        return Ok(None);
    }
    // The HTTP client wants a TLS provider, and a process that has chosen one keeps it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exporter = SpanExporter::builder().with_http().build().map_err(|error| shown(&error))?;
    let exporter = Reporting { exporter, outage: Mutex::default() };
    let provider = SdkTracerProvider::builder().with_resource(resource(process)).with_batch_exporter(exporter).build();
    EXPORTING.store(true, Ordering::Relaxed);
    Ok(Some(Export(provider)))
}

/// The error, unless it quotes an address with a password in it.
fn shown(error: &ExporterBuildError) -> String {
    let text = error.to_string();
    if text.contains('@') { "the collector's address cannot be used".to_owned() } else { text }
}

fn wanted() -> bool {
    let is = |name: &str, word: &str| env::var(name).is_ok_and(|value| value.eq_ignore_ascii_case(word));
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    (set("OTEL_EXPORTER_OTLP_ENDPOINT") || set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
        && !is("OTEL_SDK_DISABLED", "true")
        && !is("OTEL_TRACES_EXPORTER", "none")
}

/// What the environment says of this process, and what it leaves out.
fn resource(process: &'static str) -> Resource {
    let given = Resource::builder().build();
    let own = [
        ("service.name", process.to_owned()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id", Uuid::now_v7().to_string()),
    ];
    // "unknown_service" is what the SDK says where nothing is given.
    let missing = own.into_iter().filter(|(key, _)| {
        given.get(&Key::from_static_str(key)).is_none_or(|value| value.as_str().starts_with("unknown_service"))
    });
    Resource::builder().with_attributes(missing.map(|(key, value)| KeyValue::new(key, value))).build()
}

impl Export {
    /// Turns `tracing` spans, and the events in them, into spans to be sent. What is logged has no say in it.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let spans = tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("mlsys"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false);
        spans.with_filter(filter_fn(is_sent as fn(&Metadata<'_>) -> bool).with_max_level_hint(LevelFilter::INFO))
    }
}

fn is_sent(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO && !SENDING.iter().any(|name| metadata.target().starts_with(name))
}

impl fmt::Debug for Export {
    /// Without the exporter: its headers are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export").finish_non_exhaustive()
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        EXPORTING.store(false, Ordering::Relaxed);
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH_LIMIT) {
            tracing::warn!(%error, "the last traces could not be exported");
        }
    }
}

/// An exporter whose failures are said now and then instead of never.
struct Reporting {
    exporter: SpanExporter,
    outage: Mutex<Outage>,
}

#[derive(Default)]
struct Outage {
    /// Spans that were lost since the collector was last there.
    lost: usize,
    /// When it was last mentioned, if it was.
    told: Option<Instant>,
}

impl Reporting {
    fn report(&self, spans: usize, result: &OTelSdkResult) {
        let mut outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => {
                if outage.told.is_some() {
                    tracing::info!(lost_spans = outage.lost, "traces are exported again");
                }
                *outage = Outage::default();
            }
            Err(error) => {
                outage.lost += spans;
                if outage.told.is_none_or(|told| told.elapsed() >= REMINDER) {
                    tracing::warn!(%error, lost_spans = outage.lost, "traces could not be exported");
                    outage.told = Some(Instant::now());
                }
            }
        }
    }
}

impl Exporter for Reporting {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.exporter.export(batch).await;
        self.report(spans, &result);
        result
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl fmt::Debug for Reporting {
    /// Without the exporter: its headers are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporting").finish_non_exhaustive()
    }
}
