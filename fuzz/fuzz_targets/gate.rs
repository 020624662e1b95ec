//! Whatever the text of a gate, it is refused or can be decided, and reads back as itself.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(gate) = pipeline::Gate::parse(text) else { return };
    assert_eq!(pipeline::Gate::parse(&gate.to_string()).as_ref(), Ok(&gate));
    let metrics = BTreeMap::from([("a".to_owned(), 0.5), ("b".to_owned(), f64::NAN)]);
    pipeline::decide(Some(&[gate]), 0.7, &metrics, Some(&metrics));
});
