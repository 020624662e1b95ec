//! Whatever the bytes of a body of Arrow's, it is refused or read, within memory of the order of the bytes.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use model_server::bodies::{ArrowForm, arrow};
use scoring::Schema;

#[path = "../schema.rs"]
mod schema;

static SCHEMA: LazyLock<Schema> = LazyLock::new(schema::of_every_type);

fuzz_target!(|bytes: &[u8]| {
    for form in [ArrowForm::Stream, ArrowForm::File] {
        let _ = arrow(&SCHEMA, form, &bytes.to_vec().into());
    }
});
