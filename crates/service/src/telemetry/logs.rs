//! Log lines, for people and for machines.

use std::io::{self, IsTerminal};

use tracing::{Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, ParseError, filter_fn},
    fmt::MakeWriter,
    registry::LookupSpan,
};

use super::blot::Blotted;
use crate::Settings;

/// What is logged: `RUST_LOG`, or the default and why `RUST_LOG` was ignored.
pub(super) fn filter(default_directive: &str, settings: &Settings) -> (EnvFilter, Option<ParseError>) {
    match settings.get(EnvFilter::DEFAULT_ENV).map(EnvFilter::try_new) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(default_directive), Some(error)),
        None => (EnvFilter::new(default_directive), None),
    }
}

/// Whether lines are for machines.
pub(super) fn as_json(settings: &Settings) -> bool {
    !io::stderr().is_terminal() || settings.get("LOG_FORMAT") == Some("json")
}

/// Writes lines. The filter decides on events; spans from `INFO` up are always kept, so that a warning names its pipeline
/// also where only warnings are wanted.
pub(super) fn layer<S, W>(json: bool, filter: EnvFilter, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let spans = filter_fn(is_context as fn(&Metadata<'_>) -> bool).with_max_level_hint(LevelFilter::INFO);
    let lines = tracing_subscriber::fmt::layer().with_writer(Blotted(writer));
    if json {
        lines.json().flatten_event(true).with_current_span(false).with_filter(filter.or(spans)).boxed()
    } else {
        lines.with_filter(filter.or(spans)).boxed()
    }
}

fn is_context(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && *metadata.level() <= Level::INFO
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::telemetry;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines_of(directives: &str, body: impl FnOnce()) -> Vec<Value> {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let layer = layer(true, EnvFilter::new(directives), move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), body);
        let bytes = buffer.0.lock().expect("not poisoned").clone();
        let text = String::from_utf8(bytes).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
    }

    #[test]
    fn a_warning_names_its_pipeline_and_phase_also_where_only_warnings_are_wanted() {
        let lines = lines_of("warn", || {
            let pipeline = tracing::info_span!("pipeline", pipeline.id = "p-1", trace_id = tracing::field::Empty);
            telemetry::continue_trace(&pipeline, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
            let _pipeline = pipeline.entered();
            let _phase = tracing::info_span!("phase", phase = "execute").entered();
            tracing::info!("not wanted");
            tracing::warn!(answer = 42, "slow");
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = &lines[0];
        assert_eq!((&line["message"], &line["answer"], &line["level"]), (&"slow".into(), &42.into(), &"WARN".into()));
        assert_eq!(line["spans"][0]["pipeline.id"], "p-1");
        assert_eq!(line["spans"][0]["trace_id"], "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(line["spans"][1]["phase"], "execute");
    }
}
