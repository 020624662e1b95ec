//! Notebooks, built cell by cell.

use serde_json::{Value, json};

/// A notebook in the making, nbformat 4.5.
#[derive(Debug, Clone)]
pub struct Notebook {
    cells: Vec<Value>,
}

impl Notebook {
    /// An empty notebook.
    #[expect(clippy::new_without_default, reason = "`Notebook::new()` reads as what it is")]
    pub fn new() -> Self {
        Self { cells: Vec::new() }
    }

    /// A notebook that keeps the contract: logistic regression on iris's first two classes.
    pub fn valid(model: &str) -> Self {
        Self::new()
            .cell("mlops:config", &format!("MODEL_NAME = \"{model}\"\nVERSION = \"1.0.0\""))
            .cell("mlops:data", "from sklearn.datasets import load_iris\nX, y = load_iris(return_X_y=True, as_frame=True)\nX, y = X[:100], y[:100]")
            .cell("mlops:preprocessing", "X = X.astype(float)")
            .cell("mlops:training", "from sklearn.linear_model import LogisticRegression\nmodel = LogisticRegression().fit(X, y)")
            .cell("mlops:evaluation", "accuracy = float(model.score(X, y))")
            .cell("mlops:export", "import joblib\njoblib.dump(model, MODEL_OUTPUT_PATH)")
    }

    /// A notebook that keeps the contract and does next to nothing: it costs what every pipeline costs. Another label makes
    /// another file.
    pub fn tiny(model: &str, label: &str) -> Self {
        Self::new()
            .cell("mlops:config", &format!("MODEL_NAME = \"{model}\"\nVERSION = \"{label}\""))
            .cell("mlops:data", "import numpy as np\nX, y = np.arange(20.0).reshape(10, 2), np.array([0, 1] * 5)")
            .cell("mlops:preprocessing", "X = X * 1.0")
            .cell(
                "mlops:training",
                "from sklearn.linear_model import LogisticRegression\nmodel = LogisticRegression().fit(X, y)",
            )
            .cell("mlops:evaluation", "accuracy = 0.9")
            .cell("mlops:export", "import joblib\njoblib.dump(model, MODEL_OUTPUT_PATH)")
    }

    /// A code cell with a tag; an empty tag is none.
    #[must_use]
    pub fn cell(mut self, tag: &str, source: &str) -> Self {
        let tags: Vec<&str> = if tag.is_empty() { Vec::new() } else { vec![tag] };
        let id = format!("cell-{}", self.cells.len());
        self.cells.push(json!({
            "cell_type": "code", "id": id, "metadata": {"tags": tags}, "execution_count": null, "outputs": [], "source": source
        }));
        self
    }

    /// The same notebook with the source of the first cell that bears a tag replaced.
    #[must_use]
    pub fn with(mut self, tag: &str, source: &str) -> Self {
        let cell = self.cells.iter_mut().find(|cell| cell["metadata"]["tags"][0] == tag);
        cell.expect("a cell with this tag")["source"] = json!(source);
        self
    }

    /// The same notebook with another cell before the first one that bears a tag.
    #[must_use]
    pub fn before(mut self, tag: &str, source: &str) -> Self {
        let at = self.cells.iter().position(|cell| cell["metadata"]["tags"][0] == tag).expect("a cell with this tag");
        let new = Self::new().cell("", source).cells.remove(0);
        self.cells.insert(at, new);
        self.cells.iter_mut().enumerate().for_each(|(index, cell)| cell["id"] = json!(format!("cell-{index}")));
        self
    }

    /// The file's text.
    pub fn json(&self) -> String {
        let notebook = json!({
            "cells": self.cells,
            "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5
        });
        notebook.to_string()
    }
}
