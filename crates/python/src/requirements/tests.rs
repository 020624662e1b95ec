use std::{fs, os::unix::fs::symlink};

use tempfile::TempDir;

use super::*;

/// A repository with these files.
fn tree(files: &[(&str, &[u8])]) -> TempDir {
    let tree = tempfile::tempdir().expect("a folder");
    for (path, content) in files {
        let path = tree.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("written");
    }
    tree
}

/// What the notebook `jobs/n.ipynb` of a tree needs, and what is said of it.
fn find(tree: &TempDir, script: Script<'_>) -> (Result<Option<Needs>, RequirementsError>, Vec<String>) {
    let said = std::sync::Mutex::new(Vec::new());
    let say = |text| said.lock().expect("alone").push(text);
    let needs = Needs::find(tree.path(), Path::new("jobs/n.ipynb"), script, &say);
    (needs, said.into_inner().expect("alone"))
}

fn needs(files: &[(&str, &[u8])]) -> Needs {
    let tree = tree(files);
    find(&tree, Script::default()).0.expect("readable").expect("something is needed")
}

fn refusal(files: &[(&str, &[u8])]) -> String {
    find(&tree(files), Script::default()).0.expect_err("it is refused").to_string()
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_file_nearest_to_the_notebook_counts_and_one_that_names_nothing_does_not() {
    const PROJECT: &[u8] = b"[project]\nname = 'x'\nversion = '1'\ndependencies = ['six']\n";
    let all: [(&str, &[u8]); 4] = [
        ("jobs/requirements.txt", b"pandas\n"),
        ("jobs/pyproject.toml", PROJECT),
        ("requirements.txt", b"numpy\n"),
        ("pyproject.toml", PROJECT),
    ];
    for (from, name) in all.iter().enumerate() {
        assert_eq!(needs(&all[from..]).source_name, name.0);
    }
    let with_empty = [("jobs/requirements.txt", &b"# nothing yet\n\n--no-binary :all:\n"[..]), all[2]];
    assert_eq!(needs(&with_empty).source_name, "requirements.txt");
    let tools: [(&str, &[u8]); 1] = [("pyproject.toml", b"[tool.ruff]\nline-length = 100\n")];
    assert!(matches!(find(&tree(&tools), Script::default()), (Ok(None), said) if said.is_empty()));
    let (none, said) = find(&tree(&with_empty[..1]), Script::default());
    assert!(none.expect("readable").is_none() && said[0].contains("jobs/requirements.txt names no dependency"), "{said:?}");
}

#[test]
fn the_notebooks_own_block_counts_before_every_file() {
    let tree = tree(&[("jobs/requirements.txt", b"pandas\n"), ("jobs/-r.txt", b"")]);
    let list = ["six==1.16.0".to_owned(), "rich[jupyter]; python_version < '4'".to_owned()];
    let script = Script { dependencies: Some(&list), requires_python: Some(">=3.11") };
    let found = find(&tree, script).0.expect("readable").expect("needs");
    assert_eq!(
        (found.text.as_str(), found.python.as_deref()),
        ("six==1.16.0\nrich[jupyter]; python_version < '4'", Some(">=3.11"))
    );
    assert_eq!(found.base, tree.path().join("jobs"));
    let (none, said) = find(&tree, Script { dependencies: Some(&[]), requires_python: None });
    assert!(none.expect("readable").is_none() && said.len() == 1, "an empty block asks for the platform's environment");
}

#[test]
fn whatever_pip_reads_as_a_requirement_is_handed_on_as_it_is() {
    let list = "# a comment with -r nothing.txt\n\
        pandas >=2 , <3  # why\n\
        scikit-learn[alldeps]==1.5.0 ; python_version >= '3.11' and sys_platform == \"linux\"\n\
        six==1.16.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n\
        -e .\n\
        --editable=./lib[extra]\n\
        ./wheels/local-1.0-py3-none-any.whl\n\
        torch @ https://example.org/torch-2.0-cp311-linux_x86_64.whl#sha256=cc\n\
        git+https://example.org/a.git@v1#egg=a\n\
        --index-url https://example.org/simple\n\
        --extra-index-url=https://example.org/more\n\
        -i https://example.org/simple\n\
        --requirements-like-option\n\
        -r https://example.org/remote.txt\n\
        --pre\n";
    let found = needs(&[("requirements.txt", list.as_bytes())]);
    let list = list.replace("\\\n", "").replace("-e .", ".").replace("--editable=./lib", "./lib");
    let expected: Vec<_> = list.lines().collect();
    assert_eq!(found.text.lines().collect::<Vec<_>>(), expected);
    assert!(found.constraints.is_empty());
}

#[test]
fn included_files_are_found_from_the_file_that_includes_them_however_it_is_written() {
    let found = needs(&[
        (
            "jobs/requirements.txt",
            b"-r ../base.txt\n-rplain.txt\n--requirement=\"a b.txt\" # spaces\n-r\ttab.txt\t# why\n-r \\\n  lists/deep.txt\n--constraint pins.txt\nlast\n",
        ),
        ("base.txt", b"base\n-c pins.txt\n"),
        ("pins.txt", b"pinned<1\n"),
        ("jobs/plain.txt", b"plain"),
        ("jobs/a b.txt", b"spaced\n"),
        ("jobs/tab.txt", b"tabbed\n"),
        ("jobs/lists/deep.txt", b"-r deeper/deepest.txt\n"),
        ("jobs/lists/deeper/deepest.txt", b"deepest\n-c ../../pins.txt\n"),
        ("jobs/pins.txt", b"-r more.txt\ncapped<2\n"),
        ("jobs/more.txt", b"more<3\n"),
    ]);
    assert_eq!(lines(&found.text), ["base", "plain", "spaced", "tabbed", "deepest", "last"]);
    assert_eq!(lines(&found.constraints), ["pinned<1", "more<3", "capped<2", "more<3", "capped<2"], "all that -c names");
    assert_eq!(found.base.file_name().and_then(|name| name.to_str()), Some("jobs"), "paths in it start at the main file");
}

#[test]
fn a_list_that_only_includes_constraints_names_nothing() {
    let tree = tree(&[("requirements.txt", b"-c pins.txt\n"), ("pins.txt", b"six<2\n")]);
    assert!(find(&tree, Script::default()).0.expect("readable").is_none());
}

#[test]
fn a_line_that_goes_on_ends_with_its_file_and_comments_do_not_go_on() {
    let found = needs(&[
        ("requirements.txt", b"-r open.txt\nafter\n# no \\\nsix\nrich \\\n# in between\n==13\n"),
        ("open.txt", b"open \\"),
    ]);
    assert_eq!(lines(&found.text), ["open", "after", "# no \\", "six", "rich  # in between", "==13"]);
}

#[test]
fn every_encoding_is_one_list() {
    let utf16 = |text: &str| [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let found = needs(&[("requirements.txt", &utf16("-r dép.txt\r\npandas # é\r\n")), ("dép.txt", b"\xef\xbb\xbfsix\r\n")]);
    assert_eq!(lines(&found.text), ["six", "pandas # é"]);
    let project = utf16("[project]\r\nname = 'x'\r\nversion = '1'\r\ndependencies = ['six @ file:./six']\r\n");
    let found = needs(&[("jobs/pyproject.toml", &project)]);
    assert_eq!((found.file_name, found.no_settings), ("pyproject.toml", true), "uv could not read it for settings");
    assert!(
        refusal(&[("requirements.txt", b"six\ncaf\xe9\n")]).contains("requirements.txt can't be read: line 2, column 4")
    );
}

#[test]
fn what_can_not_be_included_is_named_with_its_place() {
    let outside = tree(&[("secret.txt", b"token\n")]);
    let absolute = format!("six\n-r {}\n", outside.path().join("secret.txt").display());
    for (list, expected) in [
        (&b"six\n\n-r missing.txt\n"[..], "requirements.txt, line 3, includes missing.txt, which isn't there"),
        (b"-r ../../../../../../etc/hostname\n", "lies outside of the repository"),
        (absolute.as_bytes(), "lies outside of the repository"),
        (b"-r jobs\n", "is no file"),
        (b"-r requirements.txt\n", "include each other"),
        (b"a \\\nb\n-r gone.txt", "line 3, includes gone.txt"),
    ] {
        let said = refusal(&[("requirements.txt", list), ("jobs/n.ipynb", b"")]);
        assert!(said.contains(expected), "{said}");
    }
    let linked = tree(&[("six.txt", b"six\n")]);
    symlink(outside.path().join("secret.txt"), linked.path().join("requirements.txt")).expect("a link");
    let said = find(&linked, Script::default()).0.expect_err("it leaves").to_string();
    assert!(said.contains("requirements.txt is a link that leaves the repository"), "{said}");
    assert!(refusal(&[("requirements.txt", &vec![b'#'; (1 << 20) + 1])]).contains("larger than 1 MiB"));
    assert!(refusal(&[("pyproject.toml", b"[project\n")]).contains("pyproject.toml is not valid TOML"));
}

#[test]
fn a_project_that_says_elsewhere_what_it_depends_on_is_left_to_uv() {
    let dynamic = b"[project]\nname = 'x'\nversion = '1'\ndynamic = ['dependencies']\n";
    assert_eq!(needs(&[("pyproject.toml", dynamic)]).file_name, "pyproject.toml");
    let empty: [(&str, &[u8]); 1] = [("pyproject.toml", b"[project]\nname = 'x'\nversion = '1'\ndependencies = []\n")];
    let (none, said) = find(&tree(&empty), Script::default());
    assert!(none.expect("readable").is_none() && said.len() == 1);
}

#[test]
fn what_is_installed_from_the_repository_is_another_thing_when_it_changes() {
    let list: (&str, &[u8]) = ("jobs/requirements.txt", b"-e ../lib[all]\n");
    let project: (&str, &[u8]) = (
        "jobs/pyproject.toml",
        b"[project]\nname = 'x'\nversion = '1'\ndependencies = ['lib']\n[tool.uv.sources]\nlib = { path = '../lib' }\n",
    );
    for names in [list, project] {
        let local = |code: &[u8], notebook: &[u8]| {
            needs(&[names, ("lib/lib.py", code), ("jobs/n.ipynb", notebook), ("lib/n.ipynb", notebook)]).local
        };
        assert_eq!(local(b"a = 1", b"1"), local(b"a = 1", b"2"));
        assert_ne!(local(b"a = 1", b"1"), local(b"a = 2", b"1"), "{}", names.0);
    }
    assert_eq!(needs(&[("requirements.txt", b"six\n")]).local, "");
    for (name, text) in [
        ("requirements.txt", &b"lib\n-f wheels\n"[..]),
        ("requirements.txt", b"lib @ file:lib"),
        ("requirements.txt", b"-r other.toml\nsix"),
        ("requirements.txt", b"six\n-c pins.txt"),
    ] {
        let local = |code: &[u8]| {
            let pins = ("pins.txt", &b"lib @ file:lib"[..]);
            needs(&[(name, text), pins, ("lib/lib.py", code), ("wheels/lib.py", code), ("other.toml", code)]).local
        };
        assert_eq!(local(b"1"), local(b"1"), "wherever it lies");
        assert!(!local(b"1").is_empty() && local(b"1") != local(b"2"), "{}", String::from_utf8_lossy(text));
    }
    let settings = |text: &[u8]| needs(&[("requirements.txt", b"six\n"), ("uv.toml", text)]).local;
    assert_ne!(settings(b"index-url = 'https://a.example'"), settings(b"index-url = 'https://b.example'"));
}
