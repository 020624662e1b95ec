//! What the model-servers count of a version, for a table.

use serde_json::Value;

/// What was counted of a version, since the servers started or since an earlier reading.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Numbers {
    pub requests: u64,
    errors: u64,
    rows: u64,
    agreeing: u64,
    /// How many took at most so many seconds, those of the limits below included; the last has no limit.
    buckets: Vec<(f64, u64)>,
}

impl Numbers {
    /// Those of a version, in an answer of `GET /api/models/{name}/traffic`. Nothing, where it was not loaded.
    pub fn of(traffic: &Value, version: u64) -> Self {
        let versions = traffic["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(found) = versions.iter().find(|one| one["version"] == version) else { return Self::default() };
        let count = |value: &Value| value.as_u64().unwrap_or_default();
        let buckets = found["buckets"].as_array().map(Vec::as_slice).unwrap_or_default();
        Self {
            requests: count(&found["requests"]),
            errors: count(&found["errors"]),
            rows: count(&found["shadow"]["rows"]),
            agreeing: count(&found["shadow"]["agreeing"]),
            buckets: buckets.iter().map(|one| (one["le"].as_f64().unwrap_or(f64::INFINITY), count(&one["count"]))).collect(),
        }
    }

    /// The difference to an earlier reading. Servers that began anew meanwhile began at nothing.
    pub fn since(self, before: Option<Self>) -> Self {
        let Some(before) = before.filter(|before| before.requests <= self.requests && before.rows <= self.rows) else {
            return self;
        };
        let was =
            |limit: f64| before.buckets.iter().find(|(le, _)| le.total_cmp(&limit).is_eq()).map_or(0, |(_, count)| *count);
        Self {
            requests: self.requests - before.requests,
            errors: self.errors.saturating_sub(before.errors),
            rows: self.rows - before.rows,
            agreeing: self.agreeing.saturating_sub(before.agreeing),
            buckets: self.buckets.iter().map(|(le, count)| (*le, count.saturating_sub(was(*le)))).collect(),
        }
    }

    /// How many requests were answered by an error.
    pub fn error_share(&self) -> String {
        share(self.errors, self.requests)
    }

    /// How many rows, computed as a shadow, agree.
    pub fn agreement(&self) -> String {
        share(self.agreeing, self.rows)
    }

    /// How long such a part of the requests took at most, as well as the buckets tell.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub fn quantile(&self, part: f64) -> String {
        let all = self.buckets.last().map_or(0, |(_, count)| *count);
        let wanted = part * all as f64;
        let (mut low, mut below) = (0.0, 0);
        for (limit, count) in &self.buckets {
            if all > 0 && *count as f64 >= wanted {
                if limit.is_infinite() {
                    return format!("> {}", time(low));
                }
                let within = (wanted - below as f64) / ((count - below).max(1)) as f64;
                return time(low + (limit - low) * within);
            }
            (low, below) = (*limit, *count);
        }
        String::new()
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn share(part: u64, all: u64) -> String {
    if all == 0 { String::new() } else { format!("{:.2} %", 100.0 * part as f64 / all as f64) }
}

fn time(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.2} ms", seconds * 1000.0) } else { format!("{seconds:.2} s") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reading(requests: u64, errors: u64, counts: [u64; 3]) -> Value {
        let [first, second, all] = counts;
        let buckets = [
            json!({ "le": 0.01, "count": first }),
            json!({ "le": 0.1, "count": second }),
            json!({ "le": null, "count": all }),
        ];
        json!({ "versions": [
            { "version": 3, "requests": requests, "errors": errors, "buckets": buckets,
              "shadow": { "rows": 8, "agreeing": 6, "errors": 0, "dropped": 0 } },
        ]})
    }

    #[test]
    fn a_version_is_shown_by_shares_and_quantiles() {
        let numbers = Numbers::of(&reading(10, 1, [5, 9, 10]), 3);
        assert_eq!((numbers.error_share(), numbers.agreement()), ("10.00 %".to_owned(), "75.00 %".to_owned()));
        assert_eq!((numbers.quantile(0.5), numbers.quantile(0.7)), ("10.00 ms".to_owned(), "55.00 ms".to_owned()));
        assert_eq!(numbers.quantile(0.99), "> 100.00 ms");
        let never = Numbers::of(&reading(10, 1, [5, 9, 10]), 4);
        assert_eq!((never.error_share(), never.quantile(0.5)), (String::new(), String::new()));
    }

    #[test]
    fn what_happened_between_two_readings_is_their_difference_unless_servers_began_anew() {
        let (first, second) = (Numbers::of(&reading(10, 1, [5, 9, 10]), 3), Numbers::of(&reading(20, 1, [15, 19, 20]), 3));
        let between = second.clone().since(Some(first.clone()));
        assert_eq!(
            (between.requests, between.error_share(), between.quantile(0.5)),
            (10, "0.00 %".into(), "5.00 ms".into())
        );
        assert_eq!(first.clone().since(Some(second)), first);
    }
}
