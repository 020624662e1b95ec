//! The Python that packages a model inside the kernel that trained it: its own libraries, nothing imported twice.
//!
//! The sources are carried in this binary and handed to the kernel as text; nothing has to be installed in the
//! notebook's environment.

use std::{collections::BTreeMap, path::Path};

use contract::ModelManifest;
use pipeline::Contract;
use serde::Deserialize;
use serde_json::json;

/// What is to be packaged, and where to.
#[derive(Debug)]
pub struct Request<'a> {
    /// The file that the export cell writes.
    pub model_path: &'a Path,
    /// A folder to fill: an MLflow model, with our manifest beside.
    pub output_directory: &'a Path,
    /// Names the model.
    pub contract: &'a Contract,
    /// The MLflow run; none when nothing is tracked.
    pub run_id: Option<&'a str>,
    /// The repository's root: its own modules go into the pickle by value.
    pub tree: &'a Path,
    /// Names the Python environment; none is the platform's own.
    pub environment: Option<&'a str>,
}

/// What the packager answers.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// The model is packaged.
    Packaged {
        /// What it is.
        manifest: Box<ModelManifest>,
        /// What there is to say of it, line by line.
        log: Vec<String>,
        /// Everything in the Python environment that trained it: versions by distribution name.
        packages: BTreeMap<String, String>,
    },
    /// The model can't be packaged.
    Error {
        /// Why, and what to do.
        error: String,
    },
}

/// The packager's modules by name.
const SOURCES: [(&str, &str); 16] = [
    ("mlsys_packager", include_str!("../python/mlsys_packager/__init__.py")),
    ("mlsys_packager.adapter", include_str!("../python/mlsys_packager/adapter.py")),
    ("mlsys_packager.boosters", include_str!("../python/mlsys_packager/boosters.py")),
    ("mlsys_packager.client", include_str!("../python/mlsys_packager/client.py")),
    ("mlsys_packager.convert", include_str!("../python/mlsys_packager/convert.py")),
    ("mlsys_packager.edges", include_str!("../python/mlsys_packager/edges.py")),
    ("mlsys_packager.errors", include_str!("../python/mlsys_packager/errors.py")),
    ("mlsys_packager.graph", include_str!("../python/mlsys_packager/graph.py")),
    ("mlsys_packager.guess", include_str!("../python/mlsys_packager/guess.py")),
    ("mlsys_packager.inputs", include_str!("../python/mlsys_packager/inputs.py")),
    ("mlsys_packager.mlmodel", include_str!("../python/mlsys_packager/mlmodel.py")),
    ("mlsys_packager.operators", include_str!("../python/mlsys_packager/operators.py")),
    ("mlsys_packager.pickles", include_str!("../python/mlsys_packager/pickles.py")),
    ("mlsys_packager.verify", include_str!("../python/mlsys_packager/verify.py")),
    ("mlsys_packager.schema", include_str!("../python/mlsys_packager/schema.py")),
    ("mlsys_packager.trees", include_str!("../python/mlsys_packager/trees.py")),
];

/// Imports the modules from their texts, calls the packager, and leaves no trace among the kernel's modules.
const CALL: &str = r#"
import importlib.util, sys

class Texts:
    def find_spec(self, name, path=None, target=None):
        if name in sources:
            return importlib.util.spec_from_loader(name, self, is_package=name == "mlsys_packager")

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        exec(compile(sources[name], f"<{name}>", "exec"), module.__dict__)

texts = Texts()
sys.meta_path.insert(0, texts)
try:
    import mlsys_packager
    result = mlsys_packager.main(config, user_ns)
finally:
    sys.meta_path.remove(texts)
    for name in sources:
        sys.modules.pop(name, None)
"#;

/// The code that packages a model, for [`kernel::AfterCell`]. It leaves an [`Answer`] in `result`.
pub fn code(request: &Request<'_>) -> String {
    let sources: serde_json::Map<_, _> =
        SOURCES.iter().map(|(name, text)| ((*name).to_owned(), serde_json::Value::from(*text))).collect();
    let config = json!({
        "model_path": request.model_path,
        "output_dir": request.output_directory,
        "model_name": request.contract.model_name,
        "declared_version": request.contract.version,
        "run_id": request.run_id,
        "tree_root": request.tree,
        "environment": request.environment,
    });
    // A JSON string is a Python string: both know the escapes that JSON writes.
    let literal = |value: &serde_json::Value| serde_json::Value::from(value.to_string()).to_string();
    let (sources, config) = (literal(&serde_json::Value::Object(sources)), literal(&config));
    format!("import json\nsources, config = json.loads({sources}), json.loads({config})\n{CALL}")
}
