//! Environments built by a real `uv`.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

use python::{EnvironmentError, Environments, PythonEnvironment, Script};
use tempfile::TempDir;

const PROJECT: &str = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n";

/// Builds `NAME-1.0` without any build tool: a wheel with one module, which `six` would be needed for.
const BACKEND: &str = "import zipfile
def build_wheel(to, settings=None, metadata=None):
    name = 'NAME-1.0-py3-none-any.whl'
    with zipfile.ZipFile(to + '/' + name, 'w') as wheel:
        wheel.writestr('NAME.py', 'PLACE = __file__')
        wheel.writestr('NAME-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: NAME\\nVersion: 1.0\\n')
        wheel.writestr('NAME-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
        wheel.writestr('NAME-1.0.dist-info/RECORD', '')
    return name
build_editable = build_wheel
";

struct World {
    tree: TempDir,
    kept: TempDir,
    environments: Environments,
    said: Mutex<Vec<String>>,
}

impl World {
    fn new(files: &[(&str, &str)]) -> Self {
        let (tree, kept) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        for (path, content) in files {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, content).expect("written");
        }
        let uv = testkit::workspace_root().join(".mlsys/uv/bin/uv");
        let environments = Environments::new(kept.path().to_owned(), uv, testkit::python()).with_sources(true);
        Self { tree, kept, environments, said: Mutex::default() }
    }

    fn said(&self) -> MutexGuard<'_, Vec<String>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn resolve(&self) -> Result<PythonEnvironment, EnvironmentError> {
        let say = |text| self.said().push(text);
        let place = (self.tree.path(), Path::new("jobs/n.ipynb"));
        self.environments.resolve("octocat/titanic", place, Script::default(), &say).await
    }

    /// What is left in the folder of environments, but for environments.
    fn scraps(&self) -> Vec<String> {
        let names = fs::read_dir(self.kept.path()).expect("a folder");
        let names = names.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
        names.filter(|name| name.len() != 24).collect()
    }
}

fn imports(python: &Path, code: &str) -> String {
    let answer = Command::new(python).args(["-c", code]).output().expect("it runs");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    String::from_utf8_lossy(&answer.stdout).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_list_names_is_installed_once_with_what_runs_notebooks_for_all_who_ask_at_the_same_time() {
    let world = World::new(&[
        ("jobs/requirements.txt", "-r ../base.txt\n./local \\\n  # beside the list\n"),
        ("base.txt", "six \\\n  >=1.15\n-c pins.txt\n"),
        ("pins.txt", "six==1.16.0\n"),
        ("jobs/local/pyproject.toml", &format!("{PROJECT}\n[project]\nname = 'local'\nversion = '1.0'\n")),
        ("jobs/local/backend.py", &BACKEND.replace("NAME", "local")),
    ]);
    let (one, two) = tokio::join!(world.resolve(), world.resolve());
    let (one, two) = (one.expect("built"), two.expect("built"));
    assert_eq!(one.id, two.id);
    let built = world.said().iter().filter(|line| line.starts_with("building")).count();
    assert_eq!(built, 1, "{:?}", world.said());
    let code = "import six, local, ipykernel, cloudpickle, skl2onnx; print(six.__version__, local.PLACE)";
    let found = imports(&one.python, code);
    assert!(found.starts_with("1.16.0 ") && found.contains(one.id.as_deref().expect("a name")), "{found}");
    assert!(world.scraps().is_empty(), "{:?}", world.scraps());
    assert_eq!(world.environments.kept().expect("listed").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_installed_is_said_by_the_name_of_its_file_and_leaves_nothing() {
    let world = World::new(&[("jobs/requirements.txt", "six==99.99\n")]);
    let said = world.resolve().await.expect_err("there is none").to_string();
    assert!(said.contains("jobs/requirements.txt") && said.contains("six==99.99"), "{said}");
    assert!(world.scraps().is_empty() && world.environments.kept().expect("listed").is_empty());
    let nowhere = Environments::new(world.kept.path().to_owned(), "/nowhere/uv".into(), testkit::python());
    let resolved = nowhere.resolve("a/b", (world.tree.path(), Path::new("jobs/n.ipynb")), Script::default(), &|_| {}).await;
    assert!(matches!(resolved, Err(EnvironmentError::NoUv)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projects_relative_paths_start_where_it_lies() {
    let world = World::new(&[
        (
            "jobs/pyproject.toml",
            "[project]\nname = 'x'\nversion = '1'\ndependencies = ['beside']\n[tool.uv.sources]\nbeside = { path = './beside' }\n",
        ),
        ("jobs/beside/pyproject.toml", &format!("{PROJECT}\n[project]\nname = 'beside'\nversion = '1.0'\n")),
        ("jobs/beside/backend.py", &BACKEND.replace("NAME", "beside")),
    ]);
    let found = match world.resolve().await {
        Ok(found) => found,
        Err(error) => panic!("{error}\n{:#?}", world.said()),
    };
    assert!(imports(&found.python, "import beside; print(beside.PLACE)").contains("beside.py"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_wheels_of_the_index_are_installed_unless_more_is_allowed() {
    for (file, list, what) in [
        ("requirements.txt", "./local", "the path ./local"),
        ("requirements.txt", "-e .", "the path ."),
        ("requirements.txt", "six @ file:wheels/six.whl", "the path wheels/six.whl"),
        ("requirements.txt", "six @ https://u:secret@example.org/six.whl", "a URL"),
        ("requirements.txt", "git+https://example.org/six.git", "a URL"),
        ("requirements.txt", "--index-url http://169.254.169.254/simple\nsix", "a URL"),
        ("requirements.txt", "-f wheels\nsix", "`-f wheels`"),
        ("requirements.txt", "-c pins.txt\nsix", "a URL"),
        ("pyproject.toml", "[project]\nname = 'x'\ndependencies = ['six @ https://example.org/six.whl']", "a URL"),
        (
            "pyproject.toml",
            "[project]\nname = 'x'\ndependencies = ['six']\n[tool.uv.sources]\nsix = { path = 'six' }",
            "sources",
        ),
        ("pyproject.toml", "[project]\nname = 'x'\ndynamic = ['dependencies']", "only building it tells"),
    ] {
        let place = format!("jobs/{file}");
        let mut world = World::new(&[(&place, list), ("jobs/pins.txt", "six @ https://example.org/six.whl\n")]);
        world.environments = world.environments.with_sources(false);
        let said = world.resolve().await.expect_err("refused").to_string();
        assert!(said.contains(what) && said.contains("ALLOW_SOURCE_BUILDS"), "{list}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
    let mut world = World::new(&[("jobs/requirements.txt", "six==1.16.0 # ./as a comment\n")]);
    world.environments = world.environments.with_sources(false);
    let built = world.resolve().await.expect("built from a wheel");
    // What was compiled here, and what the platform's environment had compiled.
    let imported = Command::new(&built.python).args(["-v", "-c", "import six, nbformat"]).output().expect("it runs");
    let told = String::from_utf8_lossy(&imported.stderr).into_owned();
    for compiled in ["six.cpython", "nbformat/__pycache__/__init__.cpython"] {
        assert!(told.lines().any(|line| line.contains(compiled) && line.contains(" matches ")), "{compiled}: {told}");
    }
}

/// A backend that tries what would outlive it, or was never meant for it.
const BURGLAR: &str = "import os, time
tried = [name for name in os.environ if 'PASSWORD' in name or name.startswith('PIP_')]
for path in ['SECRET', '/etc/shadow']:
    try:
        open(path).read()
        tried.append(path)
    except OSError:
        pass
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 100)  # else uv waits for what it may say
        os.execlp('sh', 'sh', '-c', 'echo left > KEPT; sleep MARK; :')
    os._exit(0)
while not os.path.exists('KEPT') or not open('KEPT').read():
    time.sleep(0.01)
def build_wheel(*_):
    raise RuntimeError(f'TRIED {tried}')
build_editable = build_wheel
get_requires_for_build_wheel = lambda *_: []
";

#[tokio::test(flavor = "multi_thread")]
async fn what_builds_a_package_sees_no_secret_and_leaves_no_process_behind() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let secret = elsewhere.path().join("secret");
    fs::write(&secret, "secret").expect("written");
    let world = World::new(&[
        ("jobs/requirements.txt", "./local\n"),
        ("jobs/local/pyproject.toml", &format!("{PROJECT}\n[project]\nname = 'local'\nversion = '1.0'\n")),
    ]);
    // In the tree, which the build may write to.
    let kept = world.tree.path().join("kept");
    let mark = format!("1000{}", std::process::id());
    let backend = BURGLAR.replace("SECRET", &secret.display().to_string()).replace("KEPT", &kept.display().to_string());
    let backend = backend.replace("MARK", &mark);
    fs::write(world.tree.path().join("jobs/local/backend.py"), backend).expect("written");
    let said = world.resolve().await.expect_err("it fails").to_string();
    let told = world.said().join("\n");
    let confined = sandbox::Offer::of_this_machine().landlock.is_some();
    assert!(!confined || told.contains("TRIED []"), "{said}\n{told}");
    assert!(kept.exists(), "it was started");
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let started = processes.filter_map(|process| fs::read_to_string(process.path().join("cmdline")).ok());
    let left: Vec<String> = started.filter(|words| words.contains(&mark)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_packages_have_python_run_at_its_start_is_not_run_while_they_are_installed() {
    let world = World::new(&[("jobs/requirements.txt", "./evil-1.0-py3-none-any.whl\n")]);
    let ran = world.tree.path().join("ran");
    let make = format!(
        "import zipfile
with zipfile.ZipFile({wheel:?}, 'w') as wheel:
    wheel.writestr('evil.py', 'A = 1')
    wheel.writestr('evil.pth', 'import os; open({ran:?}, \"w\")\\n')
    wheel.writestr('evil-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: evil\\nVersion: 1.0\\n')
    wheel.writestr('evil-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr('evil-1.0.dist-info/RECORD', '')",
        wheel = world.tree.path().join("jobs/evil-1.0-py3-none-any.whl").display().to_string(),
        ran = ran.display().to_string(),
    );
    testkit::run_python(&make, &[]);
    let environment = world.resolve().await.expect("built");
    assert!(!ran.exists(), "a stranger's code ran");
    let compiled = "import evil; print(evil.__cached__)";
    assert!(Path::new(&imports(&environment.python, compiled)).exists(), "it is compiled");
    assert!(ran.exists(), "and would have been seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_takes_more_memory_than_it_may_is_ended_and_told_by_the_setting() {
    let mut world = World::new(&[
        ("jobs/requirements.txt", "./local\n"),
        ("jobs/local/pyproject.toml", &format!("{PROJECT}\n[project]\nname = 'local'\nversion = '1.0'\n")),
        ("jobs/local/backend.py", "import time\nheld = b'x' * (600 << 20)\ntime.sleep(1000)"),
    ]);
    world.environments = world.environments.with_memory_limit(Some(400 << 20));
    let error = world.resolve().await.expect_err("it takes too much");
    let said = error.to_string();
    assert!(matches!(error, EnvironmentError::OutOfMemory { limit, peak } if limit == 400 << 20 && peak > limit), "{said}");
    assert!(said.contains("over the limit of 400 MiB") && said.contains("BUILD_MEMORY_LIMIT_MB"), "{said}");
    assert!(world.scraps().is_empty(), "{:?}", world.scraps());
}
