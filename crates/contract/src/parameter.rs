//! What a notebook can be told for a run.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A parameter of a notebook, as its cell tagged `parameters` has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Parameter {
    /// The name that the cell assigns.
    pub name: String,
    /// What its value is.
    #[serde(rename = "type")]
    pub parameter_type: ParameterType,
    /// Its value where JSON can say it; null also for `None` and for what would have to be run.
    pub default: Value,
    /// Its value as the notebook's source has it.
    pub source: String,
    /// The comment behind it.
    #[schema(required)]
    pub help: Option<String>,
}

/// What a parameter's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParameterType {
    /// A whole number that every JSON reader holds exactly.
    Int,
    /// A number.
    Float,
    /// Text.
    Str,
    /// True or false.
    Bool,
    /// A list or tuple.
    List,
    /// A dictionary whose keys are text.
    Dict,
    /// Python's `None`: of no known type.
    #[serde(rename = "none")]
    Null,
    /// What would have to be run, or what JSON cannot say.
    Other,
}
