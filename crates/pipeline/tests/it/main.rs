//! The crate through its public face.

mod access;
mod canary;
mod gates;
mod hostile;
mod notebooks;
mod outputs;
mod parameters;
mod schedules;
mod violations;

use serde_json::{Value, json};

/// A code cell with a tag (none if empty).
fn cell(tag: &str, source: &str) -> Value {
    let tags: Vec<&str> = Some(tag).filter(|tag| !tag.is_empty()).into_iter().collect();
    json!({"cell_type": "code", "id": "c", "metadata": {"tags": tags}, "source": source, "outputs": [], "execution_count": null})
}

/// A notebook file of these cells.
fn notebook(cells: &[Value]) -> Vec<u8> {
    let kernel = json!({"name": "python3", "display_name": "Python 3", "language": "python"});
    json!({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}).to_string().into_bytes()
}

/// The cells of a notebook that is in order: config, preprocessing, training, evaluation, export.
fn good() -> Vec<Value> {
    vec![
        cell("mlops:config", "MODEL_NAME = \"titanic\"\nVERSION = \"1.0.0\"\n"),
        cell("mlops:preprocessing", "x = load()"),
        cell("mlops:training", "model = fit(x)"),
        cell("mlops:evaluation", "accuracy = score(model)"),
        cell("mlops:export", "import joblib\njoblib.dump(model, MODEL_OUTPUT_PATH)"),
    ]
}

/// The example notebooks: their file names and bytes.
fn examples() -> Vec<(String, Vec<u8>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../notebooks");
    let files = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").path());
    let notebooks = files.filter(|path| path.extension().is_some_and(|extension| extension == "ipynb"));
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read(&path).expect("a readable file"))
    };
    notebooks.map(read).collect()
}

/// The good notebook with its cell at `index` replaced.
fn with(index: usize, cell: Value) -> Vec<u8> {
    let mut cells = good();
    cells[index] = cell;
    notebook(&cells)
}

/// The good notebook with this config cell.
fn with_config(source: &str) -> Vec<u8> {
    with(0, cell("mlops:config", source))
}
