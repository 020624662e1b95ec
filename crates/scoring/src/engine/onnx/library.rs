//! ONNX Runtime's library: where it is, and loading it once.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ort::{environment::Environment, logging::LogLevel};
use tokio::process::Command;

use crate::RuntimeError;

const LIMIT: Duration = Duration::from_secs(30);

/// Prints the library's path. The package is found, not imported: that would take a while.
const FIND: &str = "import glob, importlib.util, os
spec = importlib.util.find_spec('onnxruntime')
assert spec and spec.origin, 'the package onnxruntime is not installed'
libraries = sorted(glob.glob(os.path.join(os.path.dirname(spec.origin), 'capi', 'libonnxruntime.so*')))
libraries += sorted(glob.glob(os.path.join(os.path.dirname(spec.origin), 'capi', 'libonnxruntime*.dylib')))
assert libraries, 'the package onnxruntime has no library'
print(libraries[0])
";

/// Finds the ONNX Runtime library of an interpreter's `onnxruntime` package.
pub async fn find_onnxruntime(python: &Path) -> Result<PathBuf, RuntimeError> {
    let failed = |reason: String| RuntimeError::NoOnnxRuntime { python: python.to_owned(), reason };
    let run = Command::new(python).args(["-c", FIND]).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = match tokio::time::timeout(LIMIT, run).await {
        Ok(output) => output.map_err(|error| failed(error.to_string()))?,
        Err(_) => return Err(failed("it took too long".to_owned())),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(said.lines().last().unwrap_or("it failed").to_owned()));
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// The process's one environment, from the library that the first caller named.
pub(crate) fn environment(library: &Path) -> Result<Environment, RuntimeError> {
    static LOADED: Mutex<Option<Environment>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*loaded {
        return Ok(environment.clone());
    }
    let failed = |reason: String| RuntimeError::OnnxRuntime { path: library.to_owned(), reason };
    let builder = ort::init_from(library).map_err(|error| failed(error.to_string()))?;
    let environment = builder.with_name("mlsys").with_telemetry(false).build().map_err(|error| failed(error.to_string()))?;
    environment.set_log_level(LogLevel::Warning);
    Ok(loaded.insert(environment).clone())
}
