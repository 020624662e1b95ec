//! A model that takes a column of every type.

use scoring::Schema;
use serde_json::json;

pub(crate) fn of_every_type() -> Schema {
    let types = ["boolean", "integer", "long", "float", "double", "string", "datetime"];
    let columns = types.map(|name| json!({ "name": name, "type": name, "required": false, "nullable": true }));
    let manifest = json!({
        "format": 1, "model_name": "fuzz", "declared_version": "1", "task": "regression", "classes": null,
        "signature": { "kind": "columns", "columns": columns }, "flavour": "python", "onnx": null,
        "input_example": { "columns": [], "data": [] }, "expected_output": {}, "files": {}, "environment": null,
        "python_version": "3.11", "libraries": {},
    });
    Schema::of(&serde_json::from_value(manifest).expect("a manifest")).expect("a schema")
}
