//! Lists the Python sources that the worker carries: the packager's, and those of the notebooks' package.

use std::{fmt::Write as _, fs, io, path::Path};

fn main() -> io::Result<()> {
    let worker = Path::new(&std::env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).to_owned();
    let root = worker.join("python");
    let mut found = Vec::new();
    list(&root, &root.join("mlsys_packager"), &mut found)?;
    write("packager_sources.rs", found)?;
    let package = worker.join("../python/mlsys");
    println!("cargo::rerun-if-changed={}", package.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(package)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().extension().is_some_and(|extension| extension == "py") {
            found.push((name, entry.path().display().to_string()));
        }
    }
    write("package_sources.rs", found)
}

/// Writes an array of names and texts.
fn write(file: &str, mut found: Vec<(String, String)>) -> io::Result<()> {
    found.sort();
    let mut text = format!("pub(super) const SOURCES: [(&str, &str); {}] = [\n", found.len());
    for (name, path) in found {
        writeln!(text, "    ({name:?}, include_str!({path:?})),").map_err(io::Error::other)?;
    }
    text.push_str("];\n");
    fs::write(Path::new(&std::env::var("OUT_DIR").map_err(io::Error::other)?).join(file), text)
}

/// Every module below a folder: its name, and its file.
fn list(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "__pycache__") {
                list(root, &path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "py") {
            let relative = path.strip_prefix(root).map_err(io::Error::other)?.with_extension("");
            let module = relative.display().to_string().replace('/', ".");
            let module = module.strip_suffix(".__init__").unwrap_or(&module).to_owned();
            found.push((module, path.display().to_string()));
        }
    }
    Ok(())
}
