//! Traces.

use serde_json::{Map, Value, json};

use super::{Access, Judge, Kind, Then};
use crate::mlflow_proxy::{
    call::{Interface, canonical},
    refusal::Refusal,
};

/// The metadata that names the run which a trace was made in.
const SOURCE_RUN: &str = "mlflow.sourceRun";

impl Judge<'_> {
    pub(super) fn traces(&mut self, version: Interface, method: &str, path: &[&str]) -> Result<Option<Then>, Refusal> {
        match (version, method, path) {
            (Interface::V3, "POST", []) => return self.start_trace().map(Some),
            (Interface::V3, "POST", ["search"]) => self.locations()?,
            (Interface::V3, "GET", ["get"]) => self.field("trace_id", Kind::Trace, Access::Read)?,
            (Interface::V3, "GET", ["batchGet"]) | (Interface::V3, "POST", ["batchGetInfos"]) => {
                if !self.call.texts("experiment_ids")?.is_empty() {
                    self.each("experiment_ids", Kind::Experiment, Access::Read)?;
                }
                self.each("trace_ids", Kind::Trace, Access::Read)?;
            }
            (Interface::V3, "POST", ["metrics" | "calculate-filter-correlation"]) | (Interface::V2, "GET", []) => {
                self.each("experiment_ids", Kind::Experiment, Access::Read)?;
            }
            (_, "POST", ["delete-traces"]) => {
                self.each("request_ids", Kind::Trace, Access::Write)?;
                self.field("experiment_id", Kind::Experiment, Access::Read)?;
            }
            (Interface::V2, "POST", ["link-to-run"]) => {
                self.each("trace_ids", Kind::Trace, Access::Read)?;
                self.run(Access::Write)?;
            }
            (_, "PATCH" | "DELETE", [id, "tags"]) => {
                self.key()?;
                self.trace(id, Access::Write)?;
            }
            (Interface::V3, "GET", [id] | [id, "assessments", _]) | (Interface::V2, "GET", [id, "info"]) => {
                self.trace(id, Access::Read)?;
            }
            (Interface::V3, "POST", [id, "assessments"]) | (Interface::V3, "PATCH", [id, "assessments", _]) => {
                let assessment = self.object("assessment")?;
                if assessment.get("trace_id").is_some_and(|named| named != *id) {
                    return Err(two_traces());
                }
                self.call.put_first("assessment", Value::Object(assessment));
                self.trace(id, Access::Write)?;
            }
            (Interface::V3, "DELETE", [id, "assessments", _]) => self.trace(id, Access::Write)?,
            _ => return Ok(None),
        }
        Ok(Some(Then::Pass))
    }

    /// The trace that a path names; the body need not.
    fn trace(&mut self, id: &str, access: Access) -> Result<(), Refusal> {
        for name in ["trace_id", "request_id"] {
            if self.call.text(name)?.is_some_and(|named| named != id) {
                return Err(two_traces());
            }
        }
        self.need(Kind::Trace, id, access)
    }

    fn object(&self, name: &str) -> Result<Map<String, Value>, Refusal> {
        inner(&self.call.fields, name)
    }

    fn start_trace(&mut self) -> Result<Then, Refusal> {
        let mut trace = self.object("trace")?;
        let mut info = inner(&trace, "trace_info")?;
        let id = info.get("trace_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.need(Kind::Trace, &id, Access::Make)?;
        let location = self.location(&inner(&info, "trace_location")?)?;
        info.insert("trace_location".to_owned(), location);
        for (key, value) in map(&info, "tags")? {
            self.tag(&key, value.as_str())?;
        }
        if let Some(run) = map(&info, "trace_metadata")?.get(SOURCE_RUN).and_then(Value::as_str) {
            self.need(Kind::Run, run, Access::Write)?;
        }
        trace.insert("trace_info".to_owned(), Value::Object(info));
        self.call.put_first("trace", Value::Object(trace));
        Ok(Then::Learn(Kind::Trace))
    }

    fn locations(&mut self) -> Result<(), Refusal> {
        let locations = std::mem::take(self.call.objects("locations")?);
        let mut judged = Vec::with_capacity(locations.len());
        for location in locations {
            let Value::Object(location) = location else { continue };
            judged.push(self.location(&location)?);
        }
        if judged.is_empty() {
            return Err(Refusal::Unclear("locations is missing".to_owned()));
        }
        self.call.put_first("locations", Value::Array(judged));
        Ok(())
    }

    /// A place of traces: an experiment, and nothing else that MLflow might know.
    fn location(&mut self, location: &Map<String, Value>) -> Result<Value, Refusal> {
        let experiment = inner(location, "mlflow_experiment")?;
        let id = experiment.get("experiment_id").and_then(Value::as_str).unwrap_or_default();
        self.need(Kind::Experiment, id, Access::Read)?;
        Ok(json!({ "type": "MLFLOW_EXPERIMENT", "mlflow_experiment": { "experiment_id": id } }))
    }
}

fn two_traces() -> Refusal {
    Refusal::Unclear("path and body name two traces".to_owned())
}

/// An object within another, in MLflow's own spelling.
fn inner(object: &Map<String, Value>, name: &str) -> Result<Map<String, Value>, Refusal> {
    let inner = object.get(name).and_then(Value::as_object);
    canonical(inner.ok_or_else(|| Refusal::Unclear(format!("{name} is missing, or no object")))?.clone())
}

/// A map of texts within an object, whose keys are the caller's.
fn map(object: &Map<String, Value>, name: &str) -> Result<Map<String, Value>, Refusal> {
    match object.get(name) {
        None => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map.clone()),
        Some(_) => Err(Refusal::Unclear(format!("{name} must be an object"))),
    }
}
