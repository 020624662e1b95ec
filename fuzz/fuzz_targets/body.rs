//! Whatever the bytes of a body, of any format that is taken, it is refused or read, within memory of the order of the bytes.
//! The first byte says the format, the next two how much of an inference request is JSON.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use model_server::bodies::{Format, read};
use scoring::Schema;
use serde_json::json;

/// Models that take a column of every type, and an array.
static SCHEMAS: LazyLock<[Schema; 2]> = LazyLock::new(|| {
    let types = ["boolean", "integer", "long", "float", "double", "string", "datetime"];
    let columns = types.map(|name| json!({ "name": name, "type": name, "required": false, "nullable": true }));
    let array = json!({ "kind": "tensor", "tensor": { "dtype": "float32", "shape": [-1, 2] } });
    [json!({ "kind": "columns", "columns": columns }), array].map(|signature| {
        let manifest = json!({
            "format": 1, "model_name": "fuzz", "declared_version": "1", "task": "regression", "classes": null,
            "signature": signature, "flavour": "python", "onnx": null,
            "input_example": { "columns": [], "data": [] }, "expected_output": {}, "files": {}, "environment": null,
            "python_version": "3.11", "libraries": {},
        });
        Schema::of(&serde_json::from_value(manifest).expect("a manifest")).expect("a schema")
    })
});

// Arrow's reader may panic, and what it was called by catches that: only what nobody catches ends this.
fuzz_target!(init: drop(std::panic::take_hook()), |bytes: &[u8]| {
    let [kind, low, high, body @ ..] = bytes else { return };
    let json = u16::from_le_bytes([*low, *high]);
    let json = (json != u16::MAX).then_some(usize::from(json));
    let format = match kind % 9 {
        0 => Format::Json,
        1 => Format::Mlflow,
        2 => Format::Csv,
        3 => Format::ArrowStream,
        4 => Format::ArrowFile,
        5 => Format::Parquet,
        6 => Format::Inference { json, zipped: false },
        7 => Format::Inference { json: None, zipped: true },
        _ => Format::Grpc,
    };
    let body = body.to_vec().into();
    for schema in &*SCHEMAS {
        let _ = read(format, schema, &body);
    }
});
