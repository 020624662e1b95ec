//! `metadata.json`: what a packaged model is, written in the kernel that trained it and read by every server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ModelName;

/// The manifest's file name in a version's folder.
pub const MANIFEST_FILE: &str = "metadata.json";
/// The file beside them that says where the version comes from, signed. Versions of before have none.
pub const PROVENANCE_FILE: &str = "provenance.json";
/// The pickled estimator's file name.
pub const MODEL_FILE: &str = "model.pkl";
/// The estimator as a native graph.
pub const NATIVE_FILE: &str = "model.native";
/// The converted model's file name.
pub const ONNX_FILE: &str = "model.onnx";

/// A packaged model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelManifest {
    /// Version of this format; 1.
    pub format: u32,
    /// The model's name.
    pub model_name: ModelName,
    /// The notebook's `VERSION`: a label.
    pub declared_version: String,
    /// What it predicts.
    pub task: Task,
    /// A classifier's labels, in the order of the probability columns.
    #[serde(default)]
    #[schema(required)]
    pub classes: Option<Vec<serde_json::Value>>,
    /// The names of what a transformation makes of a row, if it knows them.
    #[serde(default)]
    #[schema(required)]
    pub columns: Option<Vec<String>>,
    /// What it takes.
    pub signature: Signature,
    /// What computes its predictions.
    pub flavour: Flavour,
    /// The estimator as a native graph, when one is verified.
    #[serde(default)]
    #[schema(required)]
    pub native: Option<NativeModel>,
    /// Why there is no native graph, when there is none.
    #[serde(default)]
    #[schema(required)]
    pub native_reason: Option<String>,
    /// The converted model, when one is verified.
    #[serde(default)]
    #[schema(required)]
    pub onnx: Option<ConvertedModel>,
    /// Why there is no converted model, when there is none.
    #[serde(default)]
    #[schema(required)]
    pub onnx_reason: Option<String>,
    /// A few rows that the model accepts.
    pub input_example: InputExample,
    /// What the estimator itself answered for `input_example`: `{"predictions":[…],"probabilities":[[…]]}`.
    pub expected_output: serde_json::Value,
    /// The version's other files by name.
    pub files: BTreeMap<String, ModelFile>,
    /// Names the Python environment it was trained in; absent for the platform's own.
    #[serde(default)]
    #[schema(required)]
    pub environment: Option<String>,
    /// The Python that trained it, e.g. `3.11.7`.
    pub python_version: String,
    /// Library versions by distribution name.
    #[serde(default)]
    #[schema(required)]
    pub libraries: BTreeMap<String, String>,
}

/// A few rows that a model accepts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum InputExample {
    /// In the `dataframe_split` form, for columns.
    Rows(ExampleRows),
    /// For a tensor.
    Inputs(ExampleInputs),
}

/// Rows of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExampleRows {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The cells, row by row.
    pub data: Vec<Vec<serde_json::Value>>,
}

/// Rows of an array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExampleInputs {
    /// The rows: arrays, or single values where a row is one.
    pub inputs: Vec<serde_json::Value>,
}

/// What a model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// One of a closed set of labels.
    Classification,
    /// Numbers.
    Regression,
    /// Rows made into others: a transformer's numbers, or whatever a function of the notebook answers.
    Transformation,
}

/// What computes a model's predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    /// The estimator's own arithmetic, in the server's process.
    Native,
    /// ONNX Runtime, in the server's process.
    Onnx,
    /// The model's own library, in a child process.
    Python,
}

/// A model's inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Signature {
    /// A table with named columns.
    Columns {
        /// The columns, in the order the estimator was fitted on.
        columns: Vec<Column>,
    },
    /// One array.
    Tensor {
        /// Its element type and shape.
        tensor: TensorSpec,
    },
}

/// A named input column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Whether a row must have it. A column that may be missing (`null`) is still named.
    pub required: bool,
    /// Whether `null` is accepted.
    #[serde(default)]
    #[schema(required)]
    pub nullable: bool,
}

/// MLflow's column types, as far as tables of models have them.
/// Source: `mlflow.types.DataType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// true or false.
    Boolean,
    /// 32-bit integer.
    Integer,
    /// 64-bit integer.
    Long,
    /// 32-bit floating point.
    Float,
    /// 64-bit floating point.
    Double,
    /// Text.
    String,
    /// A moment, as RFC 3339 text.
    Datetime,
}

/// An unnamed array input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TensorSpec {
    /// numpy's name of the element type, e.g. `float64`.
    pub dtype: String,
    /// The shape; -1 stands for any length. The first axis is rows.
    pub shape: Vec<i64>,
}

/// An estimator exported as a graph of plain data, which gives its answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NativeModel {
    /// How many rows it was verified on: labels equal, numbers within 10⁻¹² of the estimator's.
    pub rows_verified: u64,
}

/// How the converted model is fed and read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConvertedModel {
    /// The conversion that was verified, for people.
    pub variant: String,
    /// How rows become the graph's inputs.
    pub layout: OnnxLayout,
    /// Name of the graph's output with labels or values.
    pub output: String,
    /// Name of the graph's output with probabilities, `[rows, classes]`.
    #[serde(default)]
    pub probabilities: Option<String>,
    /// What stands for a missing text value in the graph.
    #[serde(default)]
    pub missing_string: Option<String>,
    /// Whether an array's numbers may be missing. Of a table, its columns say so; earlier versions said nothing, and took them.
    #[serde(default)]
    pub missing_numbers: Option<bool>,
    /// How many rows it was verified on. Earlier versions wrote `rows_proven`.
    #[serde(alias = "rows_proven")]
    pub rows_verified: u64,
    /// The largest difference seen there: absolute in probabilities, relative in regressions.
    pub max_difference: f64,
}

/// How rows become the graph's inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnnxLayout {
    /// One input of shape `[rows, 1]` for each column, named by `inputs` of the graph in column order.
    Columns,
    /// One input of shape `[rows, width]`.
    Matrix,
}

/// A file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ManifestFile)]
pub struct ModelFile {
    /// SHA-256, in hex.
    pub sha256: String,
    /// Size in bytes.
    pub size: u64,
}

/// Whether a string is a SHA-256 digest in lower-case hex.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::ConvertedModel;

    #[test]
    fn a_manifest_of_an_earlier_version_is_read() {
        let earlier = r#"{"variant": "double columns", "layout": "columns", "output": "label", "rows_proven": 7, "max_difference": 0.0}"#;
        let converted: ConvertedModel = serde_json::from_str(earlier).expect("an earlier manifest");
        assert_eq!(converted.rows_verified, 7);
    }
}
