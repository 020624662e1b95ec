//! What lies in the repository and is installed from there: an environment is made of it as much as of the list that names
//! it, so its content is part of the environment's name.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// A larger file counts by its size only: it is data.
const LARGEST: u64 = 16 << 20;
/// Folders whose content is made from the rest, or is somebody else's. Hidden ones are not looked into either.
const MADE: [&str; 4] = ["__pycache__", "node_modules", "build", "dist"];

/// The path that a line of a list names, if it names one: `./lib[extra]`, `lib @ file:../lib`, `/wheels/a.whl`.
pub fn path_in(line: &str) -> Option<&str> {
    let named = line.split_once("@ file:").map(|(_, path)| path.trim_start_matches("//"));
    let path = named.or_else(|| line.strip_prefix("file://")).unwrap_or(line);
    let is_path = named.is_some() || line.starts_with(['.', '/']) || line.starts_with("file://");
    let end = path.find([' ', '\t', ';', '[', '#']).unwrap_or(path.len());
    is_path.then_some(&path[..end]).filter(|path| !path.is_empty())
}

/// The paths that a `pyproject.toml` has its dependencies from.
pub fn paths_of_project(project: &toml::Table) -> impl Iterator<Item = &str> {
    let sources = project.get("tool").and_then(|tool| tool.get("uv")?.get("sources")?.as_table());
    sources.into_iter().flatten().filter_map(|(_, source)| source.get("path")?.as_str())
}

/// Whether a file has settings for `uv`.
pub fn sets_uv(file: &Path) -> bool {
    let is_project = file.ends_with("pyproject.toml");
    fs::read(file).is_ok_and(|bytes| !is_project || bytes.windows(7).any(|word| word == b"tool.uv"))
}

/// Sums up what lies at some paths. What is not there, `uv` will miss.
pub fn digest(paths: &[PathBuf]) -> io::Result<String> {
    let mut hash = Sha256::new();
    for path in paths {
        // Without its own name: a repository lies elsewhere each time.
        add(&mut hash, path, "".as_ref())?;
    }
    Ok(hex::encode(hash.finalize()))
}

fn add(hash: &mut Sha256, path: &Path, name: &OsStr) -> io::Result<()> {
    let mut part = |bytes: &[u8]| {
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    };
    part(name.as_encoded_bytes());
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if found.is_file() && found.len() <= LARGEST {
        part(&fs::read(path)?);
    } else if found.is_symlink() {
        // A link counts by itself: it could lead anywhere.
        part(fs::read_link(path)?.as_os_str().as_encoded_bytes());
    } else if !found.is_dir() {
        part(&found.len().to_le_bytes());
    } else if !path.join("pyvenv.cfg").exists() {
        let mut inner = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        inner.sort();
        inner.retain(|path| is_source(path));
        part(&inner.len().to_le_bytes());
        for path in inner {
            add(hash, &path, path.file_name().unwrap_or_default())?;
        }
    }
    Ok(())
}

/// Whether what lies there could become part of a package: notebooks do not, and change whenever they are run.
fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let made = MADE.contains(&&*name) || name.ends_with(".egg-info") || name.ends_with(".ipynb");
    !made && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_a_path_or_something_else() {
        for (line, path) in [
            (".", Some(".")),
            ("./lib[extra] ; python_version > '3'", Some("./lib")),
            ("../lib", Some("../lib")),
            ("/wheels/a-1.0-py3-none-any.whl --hash=sha256:aa", Some("/wheels/a-1.0-py3-none-any.whl")),
            ("lib @ file:./lib", Some("./lib")),
            ("lib@ file:///srv/lib#egg=lib", Some("/srv/lib")),
            ("file:///srv/lib", Some("/srv/lib")),
            ("six==1.16.0", None),
            ("a @ https://example.org/a.whl", None),
            ("git+https://example.org/a.git", None),
            ("--pre", None),
            ("# ./lib", None),
        ] {
            assert_eq!(path_in(line), path, "{line}");
        }
    }

    #[test]
    fn sources_count_and_what_is_made_of_them_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("written");
        };
        let digest = || digest(&[folder.path().join("lib")]).expect("read");
        let mut last = digest();
        let mut changed = || std::mem::replace(&mut last, digest()) != digest();
        for (name, text, counts) in [
            ("lib/pyproject.toml", "[project]", true),
            ("lib/src/lib/__init__.py", "a = 1", true),
            ("lib/src/lib/__init__.py", "a = 2", true),
            ("lib/src/data.txt", "", true),
            ("lib/try.ipynb", "{}", false),
            ("lib/.git/HEAD", "main", false),
            ("lib/build/lib.py", "a = 1", false),
            ("lib/lib.egg-info/PKG-INFO", "x", false),
            ("lib/.venv/lib/x.py", "x", false),
            ("elsewhere.py", "x", false),
        ] {
            write(name, text);
            assert_eq!(changed(), counts, "{name}");
        }
    }
}
