//! Whatever the bytes of a notebook file, and of a cell in it, validation answers.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    pipeline::validate(bytes, "fuzz.ipynb");
    // Mutations seldom get through JSON, so the same bytes also stand for the cells' sources, divided by NUL.
    let text = String::from_utf8_lossy(bytes);
    let tags = ["mlops:config", "mlops:training", "mlops:evaluation", "mlops:export", "parameters"];
    let cells: Vec<String> = text.split('\0').zip(tags.iter().cycle()).map(|(source, tag)| cell(tag, source)).collect();
    let file = format!(r#"{{"nbformat":4,"nbformat_minor":5,"metadata":{{}},"cells":[{}]}}"#, cells.join(","));
    pipeline::validate(file.as_bytes(), "fuzz.ipynb");
    let outputs = [&br#"{"cells":[{"outputs":["#[..], bytes, br#"]}]}"#].concat();
    pipeline::validate(&outputs, "fuzz.ipynb");
});

fn cell(tag: &str, source: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    let source: String = source.chars().map(escape).collect();
    format!(r#"{{"cell_type":"code","metadata":{{"tags":["{tag}"]}},"outputs":[],"source":"{source}"}}"#)
}
