//! Histograms that count into their buckets at once, without a lock: a measurement costs a few nanoseconds, and nothing piles up
//! until `/metrics` is read. The exporter's own keep every measurement until then.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit};

use super::names;

/// Gives histograms, and has another recorder give all else.
#[derive(Debug)]
pub(super) struct WithHistograms<R>(pub(super) R);

/// Every histogram of the process.
static FAMILIES: Mutex<BTreeMap<String, Family>> = Mutex::new(BTreeMap::new());

#[derive(Debug, Default)]
struct Family {
    help: String,
    /// By labels as they are written.
    series: BTreeMap<String, Arc<Series>>,
}

#[derive(Debug)]
struct Series {
    bounds: &'static [f64],
    /// One more than bounds: the last is of what is above all of them.
    counts: Vec<AtomicU64>,
    /// The bits of a float.
    sum: AtomicU64,
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        let bucket = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let add = |sum| Some((f64::from_bits(sum) + value).to_bits());
        // It always adds.
        let _ = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl<R: Recorder> Recorder for WithHistograms<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
        let mut families = FAMILIES.lock().unwrap_or_else(PoisonError::into_inner);
        description.as_ref().clone_into(&mut families.entry(key.as_str().to_owned()).or_default().help);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.0.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.0.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let mut families = FAMILIES.lock().unwrap_or_else(PoisonError::into_inner);
        let family = families.entry(key.name().to_owned()).or_default();
        let series = family.series.entry(key.labels().map(written).collect::<Vec<_>>().join(","));
        let series = series.or_insert_with(|| {
            let bounds = names::bounds(key.name());
            let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
            Arc::new(Series { bounds, counts, sum: AtomicU64::new(0) })
        });
        Histogram::from_arc(Arc::clone(series))
    }
}

/// A label as Prometheus's text format has it.
fn written(label: &Label) -> String {
    let value = label.value().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{}=\"{value}\"", label.key())
}

/// Appends the lines of every histogram that measured something, in Prometheus's text format.
pub(super) fn write(text: &mut String) {
    let families = FAMILIES.lock().unwrap_or_else(PoisonError::into_inner);
    for (name, Family { help, series }) in families.iter().filter(|(_, family)| !family.series.is_empty()) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram");
        for (labels, series) in series {
            let comma = if labels.is_empty() { "" } else { "," };
            let mut count = 0;
            for (at, bucket) in series.counts.iter().enumerate() {
                count += bucket.load(Ordering::Relaxed);
                let bound = series.bounds.get(at).map_or_else(|| "+Inf".to_owned(), f64::to_string);
                let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}");
            }
            let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
            let sum = f64::from_bits(series.sum.load(Ordering::Relaxed));
            let _ = writeln!(text, "{name}_sum{labels} {sum}\n{name}_count{labels} {count}");
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_are_counted_up_to_the_bounds_they_are_not_above() {
        let (name, recorder) = ("mlsys_test_seconds", WithHistograms(metrics::NoopRecorder));
        metrics::with_local_recorder(&recorder, || {
            metrics::describe_histogram!(name, "What is tried.");
            for value in [0.0, 0.0001, 0.3, 31.0, f64::INFINITY] {
                metrics::histogram!(name, "path" => "a\"b\\\n", "code" => "1").record(value);
            }
            metrics::histogram!(name).record(0.5);
        });
        let mut text = String::new();
        write(&mut text);
        let lines: Vec<&str> = text.lines().filter(|line| line.contains(name)).collect();
        let has = |line: &str| assert!(lines.contains(&line), "{line} is not in {lines:#?}");
        has("# HELP mlsys_test_seconds What is tried.");
        has("# TYPE mlsys_test_seconds histogram");
        has(r#"mlsys_test_seconds_bucket{path="a\"b\\\n",code="1",le="0.0001"} 2"#);
        has(r#"mlsys_test_seconds_bucket{path="a\"b\\\n",code="1",le="0.5"} 3"#);
        has(r#"mlsys_test_seconds_bucket{path="a\"b\\\n",code="1",le="30"} 3"#);
        has(r#"mlsys_test_seconds_bucket{path="a\"b\\\n",code="1",le="+Inf"} 5"#);
        has(r#"mlsys_test_seconds_sum{path="a\"b\\\n",code="1"} inf"#);
        has(r#"mlsys_test_seconds_bucket{le="0.25"} 0"#);
        has("mlsys_test_seconds_sum 0.5");
        has("mlsys_test_seconds_count 1");
    }
}
