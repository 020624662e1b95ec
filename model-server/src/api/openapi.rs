//! A model's own `OpenAPI` document, made of its manifest: what `POST /predict/{name}` takes and answers.
//! Source: version 3.1 of its specification, <https://spec.openapis.org/oas/v3.1.1.html>.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use contract::{Column, ColumnType, ModelManifest, Signature, Task};
use serde_json::{Map, Value, json};
use service::ApiError;

use super::{
    choice::Choice,
    exchange::{ARROW_FILE, ARROW_STREAM},
    guard::Admitted,
    model_name, models,
};
use crate::{access::Access, serve::Deployment, sync::Loader};

/// `GET /models/{name}/openapi.json?version=&env=`: of the version that answers, or of the one that is chosen.
pub(super) async fn openapi(
    State(loader): State<Arc<Loader>>,
    State(access): State<Arc<Access>>,
    Path(name): Path<String>,
    choice: Choice,
    Extension(admitted): Extension<Admitted>,
) -> Result<Json<Value>, ApiError> {
    let served = models::known((&loader, &access), &model_name(name)?, (&choice, &admitted))?;
    // There is one at least.
    let Deployment { info, version, .. } = &served[0];
    let is_open = access.open.predictions.contains(&info.environment);
    Ok(Json(document(&version.manifest, version.number, is_open)))
}

fn document(manifest: &ModelManifest, number: u64, is_open: bool) -> Value {
    let name = &manifest.model_name;
    let (rows, row) = rows(&manifest.signature);
    let mut schemas = json!({ "Rows": rows, "Answer": answer(manifest), "Problem": problem() });
    if let Some(row) = row {
        schemas["Row"] = row;
    }
    let parameter = |name: &str, schema: Value, description: &str| json!({ "name": name, "in": "query", "required": false, "schema": schema, "description": description });
    let refusal = |description: &str| {
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        json!({ "description": description, "content": { "application/problem+json": { "schema": schema } } })
    };
    let key = json!({ "key": [] });
    json!({
        "openapi": "3.1.0",
        "info": { "title": name, "version": number.to_string(), "description": format!("Predictions by {name}, version {number}.") },
        "servers": [{ "url": "/" }],
        "security": if is_open { json!([key, {}]) } else { json!([key]) },
        "paths": { format!("/predict/{name}"): { "post": {
            "operationId": "predict",
            "summary": "Predicts rows.",
            "parameters": [
                parameter("version", json!({ "type": "integer", "minimum": 1 }), "The version that is to answer."),
                parameter("env", json!({ "type": "string" }), "The environment whose version is to answer."),
                parameter("routing_key", json!({ "type": "string", "maxLength": 256 }), "Requests with the same are answered by the same version."),
                parameter("outputs", json!({ "type": "string" }), "Any of predictions, probabilities and decision, separated by commas."),
                parameter("top_k", json!({ "type": "integer", "minimum": 1 }), "So many of the most probable classes of each row."),
                parameter("explain", json!({ "type": "boolean" }), "How much each column adds to what is said of a row."),
            ],
            "requestBody": body(manifest),
            "responses": {
                "200": answered(),
                "400": refusal("The model cannot take these rows; the detail names the column."),
                "401": refusal("A key is needed."),
                "403": refusal("The key is good for other things."),
                "404": refusal("Nothing is served by this name, version or environment."),
                "413": refusal("The body is longer than 64 MB."),
                "415": refusal("The body is of a format that is not taken; the detail names those that are."),
                "429": refusal("The model has as many requests as it can take."),
                "500": refusal("The model failed on these rows."),
                "503": refusal("The model is being loaded or restarted."),
                "504": refusal("The prediction took too long."),
            },
        } } },
        "components": {
            "schemas": schemas,
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer", "description": "A key of mlsys." } },
        },
    })
}

/// What is asked: rows, or the columns of them.
fn body(manifest: &ModelManifest) -> Value {
    let columns = json!({ "schema": { "description": "The model's columns, as Arrow's." } });
    json!({ "required": true, "content": {
        "application/json": { "schema": { "$ref": "#/components/schemas/Rows" }, "example": example(manifest) },
        ARROW_STREAM: columns,
        ARROW_FILE: columns,
    } })
}

/// What is answered, and how it is told who answered.
fn answered() -> Value {
    let header = |schema: Value, description: &str| json!({ "schema": schema, "description": description });
    json!({
        "description": "A prediction for each row.",
        "headers": {
            "X-Model-Name": header(json!({ "type": "string" }), "The model that answered."),
            "X-Model-Version": header(json!({ "type": "integer" }), "The version that answered."),
            "X-Request-Id": header(json!({ "type": "string" }), "Names the request in the server's log."),
        },
        "content": {
            "application/json": { "schema": { "$ref": "#/components/schemas/Answer" } },
            ARROW_STREAM: { "schema": { "description": "A stream of Arrow's: a column for each of the answer's lists, where Accept asks for it." } },
        },
    })
}

/// The rows of a manifest, in the form that its schema has first.
fn example(manifest: &ModelManifest) -> Value {
    let example = serde_json::to_value(&manifest.input_example).unwrap_or_default();
    match &manifest.signature {
        Signature::Columns { .. } => json!({ "dataframe_split": example }),
        Signature::Tensor { .. } => example,
    }
}

/// A body of rows; and one row, where rows have names.
fn rows(signature: &Signature) -> (Value, Option<Value>) {
    let of_one = |key: &str, schema: Value| json!({ "type": "object", "required": [key], "properties": { key: schema } });
    match signature {
        Signature::Columns { columns } => {
            let row = json!({ "$ref": "#/components/schemas/Row" });
            let named = json!({ "type": "array", "minItems": 1, "items": row });
            let values: Vec<_> = columns.iter().map(value).collect();
            let lists: Map<_, _> = columns
                .iter()
                .map(|column| (column.name.clone(), json!({ "type": "array", "items": value(column) })))
                .collect();
            let required = required(columns);
            let split = json!({
                "type": "object",
                "required": ["columns", "data"],
                "properties": {
                    "columns": { "type": "array", "items": { "type": "string" }, "description": "The columns' names, in any order." },
                    "data": { "type": "array", "minItems": 1, "items": { "type": "array", "items": { "anyOf": distinct(values) } } },
                },
            });
            let forms = json!([
                of_one("dataframe_split", split),
                of_one("dataframe_records", named.clone()),
                of_one("instances", named.clone()),
                of_one("inputs", json!({ "type": "object", "required": required, "properties": lists })),
                named,
            ]);
            (json!({ "oneOf": forms }), Some(self::row(columns)))
        }
        Signature::Tensor { tensor } => {
            let array = tensor.shape.iter().rev().fold(element(&tensor.dtype), |items, &length| {
                let mut array = json!({ "type": "array", "items": items });
                if length >= 0 {
                    (array["minItems"], array["maxItems"]) = (length.into(), length.into());
                }
                array
            });
            (json!({ "oneOf": [of_one("inputs", array.clone()), of_one("instances", array)] }), None)
        }
    }
}

fn row(columns: &[Column]) -> Value {
    let properties: Map<_, _> = columns.iter().map(|column| (column.name.clone(), value(column))).collect();
    json!({ "type": "object", "required": required(columns), "properties": properties })
}

fn required(columns: &[Column]) -> Vec<&str> {
    columns.iter().filter(|column| column.required).map(|column| column.name.as_str()).collect()
}

/// What a column's value may be. A float has a value for "missing", whatever the column says.
fn value(column: &Column) -> Value {
    let (kind, format, is_float) = match column.column_type {
        ColumnType::Boolean => ("boolean", None, false),
        ColumnType::Integer => ("integer", Some("int32"), false),
        ColumnType::Long => ("integer", Some("int64"), false),
        ColumnType::Float => ("number", Some("float"), true),
        ColumnType::Double => ("number", Some("double"), true),
        ColumnType::String => ("string", None, false),
        ColumnType::Datetime => ("string", Some("date-time"), false),
    };
    let may_miss = is_float || column.nullable || !column.required;
    let mut schema = json!({ "type": if may_miss { json!([kind, "null"]) } else { json!(kind) } });
    if let Some(format) = format {
        schema["format"] = format.into();
    }
    schema
}

/// What an array's element may be, by numpy's name of its type.
fn element(dtype: &str) -> Value {
    match dtype {
        "bool" => json!({ "type": "boolean" }),
        "str" | "object" => json!({ "type": "string" }),
        float if float.starts_with("float") => json!({ "type": ["number", "null"] }),
        _ => json!({ "type": "integer" }),
    }
}

fn distinct(schemas: Vec<Value>) -> Vec<Value> {
    schemas.into_iter().fold(Vec::new(), |mut all, schema| {
        if !all.contains(&schema) {
            all.push(schema);
        }
        all
    })
}

fn answer(manifest: &ModelManifest) -> Value {
    let expected = &manifest.expected_output;
    let numbers = json!({ "type": "array", "items": { "type": ["number", "null"] } });
    let many = expected["predictions"][0].is_array();
    let prediction = match (manifest.task, &manifest.classes) {
        (Task::Classification, Some(classes)) if !many => json!({ "enum": classes }),
        (Task::Regression, _) if many => numbers.clone(),
        (Task::Regression, _) => json!({ "type": ["number", "null"] }),
        (Task::Transformation, _) if manifest.columns.is_some() => numbers.clone(),
        // As the model gives them.
        (Task::Classification | Task::Transformation, _) => json!({}),
    };
    let mut properties = json!({
        "model_name": { "const": manifest.model_name },
        "model_version": { "type": "integer" },
        "predictions": { "type": "array", "items": prediction },
    });
    if !expected["probabilities"].is_null() {
        properties["probabilities"] = json!({ "type": "array", "items": numbers, "description": "Of each row, one for each of the classes, in their order." });
    }
    if manifest.task == Task::Classification && manifest.classes.is_some() {
        properties["classes"] = json!({ "const": manifest.classes });
    }
    if manifest.columns.is_some() {
        properties["columns"] = json!({ "const": manifest.columns });
    }
    for (name, schema, description) in [
        ("decision", json!({ "type": "array" }), "Of each row, what the method says that `decision_of` names."),
        ("decision_of", json!({ "type": "string" }), "The estimator's method."),
        ("top_k", json!({ "type": "array" }), "Of each row, its most probable classes, the most probable first."),
        ("explanations", json!({ "type": "object" }), "How much each column adds to what is said of a row."),
    ] {
        properties[name] = schema;
        properties[name]["description"] = format!("{description} Only where it is asked for.").into();
    }
    // Who names the outputs may leave predictions out.
    json!({ "type": "object", "required": ["model_name", "model_version"], "properties": properties })
}

/// Source: RFC 9457.
fn problem() -> Value {
    let text = json!({ "type": "string" });
    let properties = json!({
        "type": text, "title": text, "status": { "type": "integer" }, "detail": text,
        "code": { "type": "string", "description": "The same for the same cause, for programs." },
        "request_id": text,
    });
    json!({ "type": "object", "required": ["status", "title", "detail", "code"], "properties": properties })
}
