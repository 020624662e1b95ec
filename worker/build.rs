//! Lists the packager's Python sources, which the worker carries.

use std::{fmt::Write as _, fs, io, path::Path};

fn main() -> io::Result<()> {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("python");
    let mut found = Vec::new();
    list(&root, &root.join("mlsys_packager"), &mut found)?;
    found.sort();
    let mut text = format!("pub(super) const SOURCES: [(&str, &str); {}] = [\n", found.len());
    for (module, path) in found {
        writeln!(text, "    ({module:?}, include_str!({path:?})),").map_err(io::Error::other)?;
    }
    text.push_str("];\n");
    fs::write(Path::new(&std::env::var("OUT_DIR").map_err(io::Error::other)?).join("packager_sources.rs"), text)
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
