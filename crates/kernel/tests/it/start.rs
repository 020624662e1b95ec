//! Starting a kernel, and what it starts with.

use std::{os::unix::fs::PermissionsExt, time::Instant};

use kernel::{Kernel, KernelError, KernelSpec, Outcome};

use crate::harness::{Bench, kernel, spec};

#[tokio::test]
async fn a_wrong_python_path_is_named() {
    let error = Kernel::start(&KernelSpec { python: "/no/such/python".into(), ..spec() }).await.err().unwrap();
    assert!(matches!(error, KernelError::Python { .. }));
    assert!(error.to_string().contains("/no/such/python"), "{error}");
}

#[tokio::test]
async fn a_python_without_ipykernel_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let script = script(&folder, "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'ipykernel'\" >&2\nexit 1\n");
    let error = Kernel::start(&KernelSpec { python: script, ..spec() }).await.err().unwrap();
    assert!(matches!(error, KernelError::EndedAtStart { .. }));
    assert!(error.to_string().contains("No module named 'ipykernel'"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_kernel_that_never_answers_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let script = script(&folder, "#!/bin/sh\nexec sleep 300\n");
    let error = Kernel::start(&KernelSpec { python: script, ..spec() }).await.err().unwrap();
    assert!(matches!(error, KernelError::NoAnswer { .. }), "{error}");
    assert!(error.to_string().contains("did not answer within 60 s"), "{error}");
}

fn script(folder: &tempfile::TempDir, text: &str) -> std::path::PathBuf {
    let path = folder.path().join("python");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn a_kernel_inherits_no_secrets_and_its_files_are_private() {
    let code = "import os, sys, stat\nallowed = {'PATH', 'HOME', 'LANG', 'TZ', 'USER', 'LOGNAME', 'SHELL', 'TMPDIR', 'LD_LIBRARY_PATH',\n\
                'SSL_CERT_FILE', 'SSL_CERT_DIR', 'CUDA_VISIBLE_DEVICES', 'NVIDIA_VISIBLE_DEVICES'}\n\
                made = {'IPYTHONDIR', 'JUPYTER_RUNTIME_DIR', 'MPLBACKEND', 'JPY_PARENT_PID', 'LC_CTYPE', 'PYDEVD_USE_FRAME_EVAL', 'TERM',\n\
                'CLICOLOR', 'FORCE_COLOR', 'CLICOLOR_FORCE', 'PAGER', 'GIT_PAGER',\n\
                'MLSYS_RUN_PACKAGES', 'MLSYS_UV', 'PYTHONPATH', 'VIRTUAL_ENV'}\n\
                print(sorted(n for n in os.environ if n not in allowed | made and not n.startswith('LC_')))\n\
                d = os.environ['JUPYTER_RUNTIME_DIR']\n\
                print(oct(stat.S_IMODE(os.stat(d).st_mode)), os.path.exists(d + '/kernel.json'), os.getpgrp() == os.getpid())";
    let done = Bench::new(&[("", code)]).run().await;
    // Cargo gives the tests many variables that a leaking kernel would show.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert_eq!(done.text(0), "[]\n0o700 False True\n");
}

#[tokio::test]
async fn notebooks_that_use_jupyter_itself_find_the_real_modules() {
    let done = Bench::new(&[(
        "",
        "import jupyter_client\nfrom jupyter_client import KernelManager\nprint(jupyter_client.__version__[0])",
    )]);
    let done = done.run().await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the measurement is for people")]
async fn twenty_trivial_cells_are_measured() {
    let cells = [("", "x = 1"); 20];
    for _ in 0..3 {
        let start = Instant::now();
        let started = kernel().await;
        let ready = start.elapsed();
        let done = Bench::new(&cells).run_on(started).await;
        let all = start.elapsed();
        println!("cold: ready {ready:?}, cells {:?}, all {all:?}", done.report.time_in_cells);
        assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    }
}
