//! Notebooks that install packages: for their run only.

use contract::Stream;
use kernel::{AfterCell, Outcome};

use crate::harness::{Bench, python};

/// Writes wheels of a package `tiny`, which needs numpy, into the working folder.
const WHEEL: &str = "import zipfile, sys, subprocess\nfor version in ('1.0', '2.0'):\n    \
                     with zipfile.ZipFile(f'tiny_mlsys-{version}-py3-none-any.whl', 'w') as wheel:\n        \
                     info = f'tiny_mlsys-{version}.dist-info/'\n        \
                     wheel.writestr('tiny_mlsys.py', f'version = {version!r}')\n        \
                     wheel.writestr(info + 'METADATA', f'Metadata-Version: 2.1\\nName: tiny-mlsys\\nVersion: {version}\\nRequires-Dist: numpy\\n')\n        \
                     wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n        \
                     wheel.writestr(info + 'RECORD', '')\n";
const ONE: &str = "./tiny_mlsys-1.0-py3-none-any.whl";
const TWO: &str = "./tiny_mlsys-2.0-py3-none-any.whl";

#[tokio::test]
async fn what_a_notebook_installs_is_there_for_its_run_only() {
    let ways = [
        format!("!pip install {ONE}"),
        format!("%pip install -q {ONE}"),
        format!("!pip3 install --no-deps {ONE}"),
        format!("!python -m pip install {ONE}"),
        format!("subprocess.run(['python3', '-m', 'pip', 'install', {ONE:?}], check=True)"),
        format!("subprocess.check_call([sys.executable, '-m', 'pip', 'install', '--user', {ONE:?}])"),
        format!("get_ipython().run_cell_magic('bash', '', 'pip install --no-cache-dir {ONE}')"),
    ];
    for way in ways {
        let check = "import tiny_mlsys\nprint(tiny_mlsys.version)\n!python -c \"import tiny_mlsys; print('child', tiny_mlsys.version)\"";
        let mut bench = Bench::new(&[("", WHEEL), ("", &way), ("export", check)]);
        bench.request.after_cell = Some(AfterCell {
            index_tag: "export".to_owned(),
            code: "result = 1".to_owned(),
            timeout: std::time::Duration::from_mins(1),
            memory: 0,
            then: None,
        });
        let done = bench.run().await;
        assert!(matches!(done.report.outcome, Outcome::Succeeded), "{way}: {}", done.report.outcome);
        assert!(
            done.text(2).starts_with("1.0\n") && done.text(2).contains("child 1.0"),
            "{way}: {}{}",
            done.text(1),
            done.text(2)
        );
        assert!(done.text(1).contains("for this run only"), "{way}: {}", done.text(1));
        let said = done.sink.texts(Stream::System).join("\n");
        assert!(said.contains("tiny_mlsys will not be there when the model is served"), "{way}: {said}");
        assert!(!done.text(1).contains("numpy=="), "{way}: {}", done.text(1));
    }
    let left = std::process::Command::new(python()).args(["-c", "import tiny_mlsys"]).output().unwrap();
    assert!(!left.status.success(), "the platform's environment is as it was");
}

#[tokio::test]
async fn a_notebook_means_its_own_python_environment() {
    let cell = format!(
        "{WHEEL}import os, shutil, json\nhome = os.path.dirname(sys.executable)\n\
         assert shutil.which('python') == os.path.join(home, 'python') and shutil.which('mlflow').startswith(home)\n\
         same = subprocess.check_output(['python', '-c', 'import sys; print(sys.prefix)'], text=True).strip()\n\
         assert same == sys.prefix == os.environ['VIRTUAL_ENV']\n!pip install {ONE}\n!pip install -U {TWO}\n!pip install numpy\n\
         !pip uninstall -y numpy\n!pip --version\n!uv pip install {ONE}\nimport numpy, tiny_mlsys\n\
         assert numpy.__file__.startswith(sys.prefix)\nprint('tiny', tiny_mlsys.version)\n!jupyter --version | head -1"
    );
    let done = Bench::new(&[("", &cell)]).run().await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}: {}", done.report.outcome, done.text(0));
    for word in ["already satisfied: numpy", "nothing is removed", "tiny 1.0", "Selected Jupyter core packages"] {
        assert!(done.text(0).contains(word), "{word}: {}", done.text(0));
    }
    let numpy = std::process::Command::new(python()).args(["-c", "import numpy"]).output().unwrap();
    assert!(numpy.status.success());
}
