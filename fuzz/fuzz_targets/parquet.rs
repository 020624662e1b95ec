//! Whatever the bytes of a file of Parquet's, it is refused or read, within memory of the order of the bytes.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use model_server::bodies::parquet;
use scoring::Schema;

#[path = "../schema.rs"]
mod schema;

static SCHEMA: LazyLock<Schema> = LazyLock::new(schema::of_every_type);

fuzz_target!(|bytes: &[u8]| {
    let _ = parquet(&SCHEMA, bytes);
});
