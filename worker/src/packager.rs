//! The Python that packages a model inside the kernel that trained it: its own libraries, nothing imported twice.
//!
//! A native graph that it exports is verified here, outside the kernel, on the rows and answers that came with it. Where it does
//! not hold, the packager is called again, and finds the next best way.
//!
//! The sources are carried in this binary and handed to the kernel as text; nothing has to be installed in the
//! notebook's environment.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use contract::{Flavour, ModelManifest, NATIVE_FILE};
use native::Verified;
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
    /// How long it is to take. What takes long is given up by then, but for what computes in C without an end.
    pub time: Duration,
    /// How much memory a way of serving may take to prepare, in bytes.
    pub memory: u64,
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

/// The packager's modules by name, in an array that the build script lists: `SOURCES`.
mod sources {
    include!(concat!(env!("OUT_DIR"), "/packager_sources.rs"));
}

/// Imports the modules from their texts, calls the packager, and leaves no trace among the kernel's modules.
const CALL: &str = r#"
import importlib.util, sys

class Texts:
    def find_spec(self, name, path=None, target=None):
        if name in sources:
            return importlib.util.spec_from_loader(name, self, is_package=name in packages)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        exec(compile(sources[name], f"<{name}>", "exec"), module.__dict__)

packages = {name.rpartition(".")[0] for name in sources}
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

/// A call of the packager.
#[derive(Debug, Clone)]
pub struct Call {
    config: serde_json::Value,
}

impl Call {
    /// The call that a request asks for.
    pub fn new(request: &Request<'_>) -> Self {
        let config = json!({
            "model_path": request.model_path,
            "output_dir": request.output_directory,
            "model_name": request.contract.model_name,
            "declared_version": request.contract.version,
            "run_id": request.run_id,
            "tree_root": request.tree,
            "environment": request.environment,
            "seconds": request.time.as_secs_f64(),
            "memory": request.memory,
        });
        Self { config }
    }

    /// The code that packages the model, for [`kernel::AfterCell`]. It leaves an [`Answer`] in `result`.
    ///
    /// `refused`: which ways of serving it are not to be tried, and why.
    pub fn code(&self, refused: &[(Flavour, &str)]) -> String {
        let sources: serde_json::Map<_, _> =
            sources::SOURCES.iter().map(|(name, text)| ((*name).to_owned(), serde_json::Value::from(*text))).collect();
        let mut config = self.config.clone();
        for (flavour, reason) in refused {
            let way = if *flavour == Flavour::Native { "native_refused" } else { "onnx_refused" };
            config[way] = (*reason).into();
        }
        // A JSON string is a Python string: both know the escapes that JSON writes.
        let literal = |value: &serde_json::Value| serde_json::Value::from(value.to_string()).to_string();
        let (sources, config) = (literal(&serde_json::Value::Object(sources)), literal(&config));
        format!("import json\nsources, config = json.loads({sources}), json.loads({config})\n{CALL}")
    }
}

/// The rows that a native graph is verified on, with the estimator's own answers, beside the graph.
const PROOF_FILE: &str = "proof.native";
/// The longest graph or proof that is read, in bytes.
const LONGEST: u64 = 1 << 30;
/// How long verifying may take.
const VERIFY_LIMIT: Duration = Duration::from_secs(30);

/// Verifies the native graph of a packaged model, and removes what it was verified with.
///
/// # Errors
/// In words, when the graph does not hold.
pub async fn verify(package: PathBuf) -> Result<Verified, String> {
    let work = tokio::task::spawn_blocking(move || {
        let read = |name: &str| read(&package, name).map_err(|error| format!("{name}: {error}"));
        let (graph, proof) = (read(NATIVE_FILE)?, read(PROOF_FILE)?);
        fs::remove_file(package.join(PROOF_FILE)).map_err(|error| format!("{PROOF_FILE}: {error}"))?;
        native::verify(&graph, &proof, native::MARGIN, VERIFY_LIMIT)
    });
    work.await.unwrap_or_else(|lost| Err(lost.to_string()))
}

/// A file that the kernel wrote: no link is followed.
fn read(package: &Path, name: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = sandbox::files::open_below(package, Path::new(name))?.take(LONGEST).read_to_end(&mut bytes)?;
    if length as u64 == LONGEST { Err(io::Error::other("it is too long")) } else { Ok(bytes) }
}
