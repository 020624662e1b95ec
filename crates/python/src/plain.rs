//! Which lines of a list mean the same in every repository. All others may name something that lies in this one, in whatever
//! way `uv` reads them, so that an environment made of them is this repository's alone.

/// Options that name no place.
const HARMLESS: [&str; 7] =
    ["--pre", "--prefer-binary", "--no-binary", "--only-binary", "--require-hashes", "--no-index", "--trusted-host"];
/// Options that name an index.
const INDEXES: [&str; 3] = ["--index-url", "--extra-index-url", "-i"];
/// How the places begin that are on the network.
const REMOTE: [&str; 5] = ["https://", "http://", "git+https://", "git+http://", "git+ssh://"];
/// How the names of files end that can be installed.
const FILES: [&str; 6] = [".whl", ".zip", ".gz", ".bz2", ".xz", ".tar"];

/// Whether a line names nothing but packages of an index, or places on the network.
pub fn is_plain(line: &str) -> bool {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return true;
    }
    if line.contains('$') {
        // `uv` puts variables of the environment there.
        return false;
    }
    if line.starts_with('-') {
        return is_plain_option(line);
    }
    let end = [" #", "\t#", ";"].iter().filter_map(|mark| line.find(mark)).min().unwrap_or(line.len());
    let (named, place) =
        line[..end].split_once('@').map_or((&line[..end], None), |(name, place)| (name, Some(place.trim())));
    match place {
        _ if is_remote(line) => true,
        Some(place) => is_remote(place),
        None => {
            let package = named.split_whitespace().next().unwrap_or_default();
            !named.contains(['/', '\\']) && !package.starts_with(['.', '~']) && !is_file(package) && !named.contains("file:")
        }
    }
}

fn is_plain_option(line: &str) -> bool {
    let (option, value) = line.find([' ', '\t', '=']).map_or((line, ""), |at| (&line[..at], &line[at + 1..]));
    HARMLESS.contains(&option) || INDEXES.contains(&option) && is_remote(value.trim().trim_matches(['"', '\'']))
}

fn is_remote(place: &str) -> bool {
    REMOTE.iter().any(|start| place.starts_with(start))
}

fn is_file(package: &str) -> bool {
    let package = package.to_ascii_lowercase();
    let package = package.split('[').next().unwrap_or_default();
    FILES.iter().any(|end| package.ends_with(end))
}

/// What a line names that is no package of the index, in words. What a URL holds may be secret.
pub fn beyond_index(line: &str) -> Option<String> {
    let line = line.trim();
    let code = [" #", "\t#"].iter().filter_map(|mark| line.find(mark)).min().map_or(line, |end| &line[..end]);
    if code.starts_with('#') {
        None
    } else if let Some(path) = crate::local::path_in(code) {
        Some(format!("the path {path}"))
    } else if code.contains("://") {
        Some("a URL".to_owned())
    } else {
        (!is_plain(line)).then(|| format!("`{code}`"))
    }
}

/// Words in a `pyproject.toml` without which it names nothing in its repository but the paths of `tool.uv.sources`.
const OF_PROJECTS: [&str; 5] = ["workspace", "file:", "dynamic", "find-links", "index"];

/// Whether a `pyproject.toml` names nothing in its repository but such paths.
pub fn is_plain_project(text: &str) -> bool {
    !OF_PROJECTS.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_the_same_everywhere_is_plain() {
        for plain in [
            "",
            "# ./lib",
            "six",
            "six==1.16.0 ; python_version > '3' # ./lib",
            "scikit-learn[alldeps]>=1.4,<2",
            "six == 1.16.0 --hash=sha256:aa",
            "a @ https://example.org/a.whl",
            "https://example.org/a.whl",
            "git+https://example.org/a.git@main",
            "--pre",
            "--index-url https://example.org/simple",
            "--extra-index-url=https://example.org/simple",
        ] {
            assert!(is_plain(plain), "{plain}");
        }
        for local in [
            ".",
            "./lib",
            "lib/",
            "packages/lib",
            "../lib[extra]",
            "~/lib",
            "/srv/lib",
            "lib @ ./lib",
            "lib@file:lib",
            "lib @ packages/lib",
            "file:lib",
            "file:///srv/lib",
            "lib-1.0-py3-none-any.whl",
            "lib-1.0.tar.gz",
            "git+file:///srv/lib",
            "lib @ git+file:///srv/lib",
            "${HERE}/lib",
            "-e lib",
            "-f wheels",
            "--find-links=wheels",
            "--index-url file:///srv/simple",
            "-i simple",
            "-r pyproject.toml",
            "-rpyproject.toml",
            "-c file:///srv/c.txt",
            "--requirement=other.toml",
            "--what-may-come lib",
        ] {
            assert!(!is_plain(local), "{local}");
        }
    }
}
