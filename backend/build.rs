//! Puts the dashboard's files into the binary of a release. A debug build reads them where npm put them, so that a change
//! shows at once. Either builds without npm.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../frontend/dist");
    let mut list = String::from("&[\n");
    if env::var_os("CARGO_CFG_DEBUG_ASSERTIONS").is_some() {
        println!("cargo:rerun-if-changed=build.rs");
    } else {
        println!("cargo:rerun-if-changed={}", folder.display());
        for file in files(&folder)? {
            let path = file.to_str().ok_or("a file's path is not UTF-8")?;
            let name = file.strip_prefix(&folder)?.to_str().unwrap_or_default();
            writeln!(list, "    ({name:?}, include_bytes!({path:?}).as_slice()),")?;
        }
    }
    list.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("dashboard.rs"), list)?;
    Ok(())
}

/// Every file of the folder; none when there is no folder.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() { found.extend(files(&entry.path())?) } else { found.push(entry.path()) }
    }
    found.sort();
    Ok(found)
}
