//! What the server is, and what a model takes and gives.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use contract::{ColumnType, Flavour, ModelManifest, ModelName, Signature};
use serde::Serialize;
use serde_json::{Value, json};
use service::ApiError;

use super::{
    super::{Named, model_name, models},
    answer::{PREDICT, PROBABILITIES, elements},
    datatype::Datatype,
};
use crate::{
    access::Access,
    api::{choice::Choice, guard::Admitted},
    sync::Loader,
};

/// What the server is called, and which release it is.
pub(super) const NAME: &str = "mlsys";
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `GET /v2`.
pub(crate) async fn server() -> Json<Value> {
    Json(json!({ "name": NAME, "version": VERSION, "extensions": ["binary_tensor_data"] }))
}

/// A model, as its clients are told of it.
#[derive(Serialize)]
pub(crate) struct Model {
    pub(super) name: String,
    pub(super) versions: Vec<String>,
    pub(super) platform: &'static str,
    pub(super) inputs: Vec<Tensor>,
    pub(super) outputs: Vec<Tensor>,
}

#[derive(Serialize)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) datatype: Datatype,
    /// -1 stands for any length.
    pub(super) shape: Vec<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parameters: Option<Value>,
}

/// `GET /v2/models/{name}`: of the version that answers, or the one that the path names.
pub(crate) async fn model(
    State(loader): State<Arc<Loader>>,
    State(access): State<Arc<Access>>,
    Path(named): Path<Named>,
    choice: Choice,
    Extension(admitted): Extension<Admitted>,
) -> Result<Json<Model>, ApiError> {
    let name = model_name(named.name)?;
    describe((&loader, &access), &name, (&choice, &admitted)).map(Json)
}

/// A model as its clients are told of it, if they may know of it.
pub(super) fn describe(
    of: (&Loader, &Access),
    name: &ModelName,
    (choice, admitted): (&Choice, &Admitted),
) -> Result<Model, ApiError> {
    let served = models::known(of, name, (choice, admitted))?;
    let mut versions: Vec<_> = served.iter().map(|deployment| deployment.info.model_version).collect();
    versions.sort_unstable();
    versions.dedup();
    // There is one at least.
    let manifest = &served[0].version.manifest;
    Ok(Model {
        name: name.to_string(),
        versions: versions.iter().map(ToString::to_string).collect(),
        platform: if manifest.flavour == Flavour::Onnx { "onnx_onnxv1" } else { "mlsys" },
        inputs: inputs(&manifest.signature),
        outputs: outputs(manifest, served[0].version.decides()),
    })
}

fn inputs(signature: &Signature) -> Vec<Tensor> {
    match signature {
        Signature::Columns { columns } => {
            let column = |column: &contract::Column| {
                let content_type = match column.column_type {
                    ColumnType::String => Some("str"),
                    ColumnType::Datetime => Some("datetime"),
                    _ => None,
                };
                Tensor {
                    name: column.name.clone(),
                    datatype: Datatype::of_column(column.column_type),
                    shape: vec![-1, 1],
                    parameters: content_type.map(|content_type| json!({ "content_type": content_type })),
                }
            };
            columns.iter().map(column).collect()
        }
        Signature::Tensor { tensor } => vec![Tensor {
            name: "inputs".to_owned(),
            datatype: Datatype::of_numpy(&tensor.dtype),
            shape: tensor.shape.clone(),
            parameters: None,
        }],
    }
}

/// What it gives: as it answered its own example, and decision values by the estimator's method.
fn outputs(manifest: &ModelManifest, decides: Option<&str>) -> Vec<Tensor> {
    let expected = &manifest.expected_output;
    let tensor = |name: &str, datatype, width| {
        let shape = vec![-1, i64::try_from(width).unwrap_or(-1)];
        Tensor { name: name.to_owned(), datatype, shape, parameters: None }
    };
    let rows = |key: &str| expected[key].as_array().cloned();
    let (_, width, values) = elements(rows("predictions").unwrap_or_default());
    let datatype = match (&manifest.classes, Datatype::of_values(&values)) {
        (Some(classes), _) => Datatype::of_values(classes),
        (None, other @ (Datatype::Bytes | Datatype::Bool)) => other,
        (None, _) => Datatype::Fp64,
    };
    let predictions = tensor(PREDICT, datatype, width);
    let probabilities = rows("probabilities").map(|rows| tensor(PROBABILITIES, Datatype::Fp64, elements(rows).1));
    let decision = decides.map(|method| Tensor {
        name: method.to_owned(),
        datatype: Datatype::Fp64,
        shape: vec![-1, -1],
        parameters: None,
    });
    [Some(predictions), probabilities, decision].into_iter().flatten().collect()
}
