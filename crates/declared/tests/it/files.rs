//! Which file belongs to a notebook, and which ones a repository has.

use std::{fs, path::Path};

use declared::{all, belonging};

fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

#[test]
fn the_file_in_a_notebooks_own_folder_belongs_to_it_or_else_the_nearest_one_above() {
    let root = tempfile::tempdir().unwrap();
    let of = |notebook: &str| belonging(root.path(), notebook).unwrap().map(|read| read.path);
    assert_eq!(of("a/b/n.ipynb"), None);
    for path in ["mlsys.toml", "a/mlsys.toml", "a/b/c/mlsys.toml"] {
        write(root.path(), path, "");
    }
    // A folder of that name is none.
    fs::create_dir_all(root.path().join("a/b/mlsys.toml")).unwrap();
    for (notebook, file) in [
        ("n.ipynb", "mlsys.toml"),
        ("x/n.ipynb", "mlsys.toml"),
        ("a/n.ipynb", "a/mlsys.toml"),
        ("a/b/n.ipynb", "a/mlsys.toml"),
        ("a/b/c/n.ipynb", "a/b/c/mlsys.toml"),
    ] {
        assert_eq!(of(notebook).as_deref(), Some(file), "{notebook}");
    }
}

#[test]
fn all_files_are_found_but_in_hidden_folders_and_behind_links() {
    let root = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    write(elsewhere.path(), "mlsys.toml", "");
    for path in ["mlsys.toml", "b/mlsys.toml", "a/c/mlsys.toml", ".git/mlsys.toml", "b/other.toml"] {
        write(root.path(), path, "");
    }
    std::os::unix::fs::symlink(elsewhere.path(), root.path().join("link")).unwrap();
    fs::create_dir(root.path().join("d")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("mlsys.toml"), root.path().join("d/mlsys.toml")).unwrap();
    let found: Vec<_> = all(root.path()).unwrap().into_iter().map(|read| read.path).collect();
    assert_eq!(found, ["a/c/mlsys.toml", "b/mlsys.toml", "mlsys.toml"]);
}

#[test]
fn notebooks_that_are_not_there_are_named_and_so_is_what_is_no_text() {
    let root = tempfile::tempdir().unwrap();
    let text = "[gates]\n\"gone.ipynb\" = [\"f1 > 0.5\"]\n[[schedules]]\nkind = \"retraining\"\nnotebook_path = \"n.ipynb\"\ncron = \"@daily\"\n";
    write(root.path(), "a/mlsys.toml", text);
    let told = |number: usize| {
        let problems = all(root.path()).unwrap()[0].file.clone().unwrap_err();
        problems[number].to_string()
    };
    assert!(told(0).starts_with("a/mlsys.toml, line 2, column 1: there is no a/gone.ipynb"), "{}", told(0));
    assert!(told(1).starts_with("a/mlsys.toml, line 5, column 17: there is no a/n.ipynb"), "{}", told(1));
    for notebook in ["a/gone.ipynb", "a/n.ipynb"] {
        write(root.path(), notebook, "{}");
    }
    assert!(all(root.path()).unwrap()[0].file.is_ok());
    fs::write(root.path().join("a/mlsys.toml"), [0xff, 0xfe]).unwrap();
    assert!(told(0).contains("UTF-8"), "{}", told(0));
    fs::write(root.path().join("a/mlsys.toml"), "#".repeat(300_000)).unwrap();
    assert!(told(0).contains("256 KB"), "{}", told(0));
}
