//! Bodies that are broken somewhere: of every format that is not compressed; `columns` has those of columns.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

use model_server::bodies::{Format, read};
use prost::Message;
use scoring::Schema;
use serde_json::json;

use crate::{
    grpc::{passengers, raw, row},
    harness::manifest,
    mlflow_peer::Dice,
    v2::{frame, tensor},
};

/// Bodies that are well.
fn originals() -> Vec<(Format, Vec<u8>)> {
    let example = manifest("titanic-1")["input_example"].clone();
    let (names, rows) = (example["columns"].as_array().unwrap(), example["data"].as_array().unwrap());
    let record = |row: &serde_json::Value| -> serde_json::Value {
        names.iter().zip(row.as_array().unwrap()).map(|(name, cell)| (name.as_str().unwrap(), cell.clone())).collect()
    };
    let records: Vec<_> = rows.iter().map(record).collect();
    let columns: serde_json::Value = (names.iter().enumerate())
        .map(|(at, name)| (name.as_str().unwrap(), rows.iter().map(|row| row[at].clone()).collect::<Vec<_>>()))
        .collect();
    let mut all = Vec::new();
    for format in [Format::Json, Format::Mlflow] {
        for body in [
            json!({ "dataframe_split": example }),
            json!({ "dataframe_records": records }),
            json!({ "instances": records }),
            json!({ "inputs": columns }),
        ] {
            all.push((format, body.to_string().into_bytes()));
        }
    }
    let header: Vec<_> = names.iter().map(|name| name.as_str().unwrap()).collect();
    let line = |row: &serde_json::Value| {
        let cell = |cell: &serde_json::Value| if cell.is_null() { String::new() } else { cell.to_string() };
        row.as_array().unwrap().iter().map(cell).collect::<Vec<_>>().join(",")
    };
    let lines: Vec<_> = std::iter::once(header.join(",")).chain(rows.iter().map(line)).collect();
    all.push((Format::Csv, lines.join("\r\n").into_bytes()));
    all.push((Format::Inference { json: None, zipped: false }, json!({ "inputs": frame() }).to_string().into_bytes()));
    let mut binary = tensor("x", "FP32", &[2, 2], &json!(null));
    binary.as_object_mut().unwrap().shift_remove("data");
    binary["parameters"] = json!({ "binary_data_size": 16 });
    let head = json!({ "inputs": [binary] }).to_string().into_bytes();
    let with_tensor =
        [head.clone(), [0.5_f32, 1.0, -2.0, 7.25].iter().flat_map(|value| value.to_le_bytes()).collect()].concat();
    all.push((Format::Inference { json: Some(head.len()), zipped: false }, with_tensor));
    all.push((Format::Grpc, passengers().encode_to_vec()));
    let array = row("x", &[0.5, 1.0]);
    all.push((Format::Grpc, array.encode_to_vec()));
    all.push((Format::Grpc, raw("x", array.inputs, &[&[0; 16]]).encode_to_vec()));
    all
}

#[test]
fn changed_bodies_of_rows_and_tensors_are_refused_or_read_and_neither_panic_nor_take_long() {
    let schemas = ["titanic-1", "truths"].map(|name| {
        let manifest = serde_json::from_value(manifest(name)).expect("a manifest");
        Schema::of(&manifest).expect("a schema")
    });
    let originals = originals();
    for (format, body) in &originals {
        let well = schemas.iter().filter(|schema| read(*format, schema, &body.clone().into()).is_ok()).count();
        assert_eq!(well, 1, "{format:?}: {}", String::from_utf8_lossy(body));
    }
    changed((0x5eed_b0d1, 20_000), &originals, |format, body, _| {
        let body = body.into();
        schemas.iter().any(|schema| read(*format, schema, &body).is_ok())
    });
}

/// Breaks bodies so many times by a seed, and has each read: in little time, and some well.
pub fn changed<K: Debug>(
    (seed, times): (u64, usize),
    originals: &[(K, Vec<u8>)],
    read: impl Fn(&K, Vec<u8>, &mut Dice) -> bool,
) {
    let (mut dice, mut read_well) = (Dice(seed), 0);
    for _ in 0..times {
        let (kind, body) = &originals[dice.below(originals.len())];
        let mut body = body.clone();
        dice.change(&mut body);
        let began = Instant::now();
        read_well += usize::from(read(kind, body, &mut dice));
        assert!(began.elapsed() < Duration::from_secs(2), "{kind:?}");
    }
    assert!(read_well > 100, "{read_well} were read");
}

impl Dice {
    /// Changes some of a body.
    fn change(&mut self, body: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(body.len());
            match self.below(6) {
                0 => body[at] = u8::try_from(self.below(256)).unwrap(),
                1 => body[at] ^= 1 << self.below(8),
                // Lengths and counts of whatever is there.
                2 => body[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
                3 => body[at..].iter_mut().take(8).for_each(|byte| *byte = 0x7f),
                4 if body.len() > 64 => drop(body.drain(at..(at + 9).min(body.len()))),
                _ => {
                    let from = self.below(body.len());
                    let taken: Vec<_> = body[from..].iter().take(16).copied().collect();
                    body.splice(at..at, taken);
                }
            }
        }
    }
}
