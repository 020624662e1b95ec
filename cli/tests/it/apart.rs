//! Code of others is kept apart: notebooks, models and builds try what would make the machine theirs.

use contract::PipelineStatus;
use serde_json::{Value, json};
use testkit::{Mlsys, Notebook, Options, Project};

use crate::{BINARY, mlsys};

/// Python that tells what came of each attempt: the error's name, or what was got.
fn attempts(mlsys: &Mlsys) -> String {
    let port = |url: &str| url.trim_end_matches('/').rsplit(':').next().expect("a port").to_owned();
    format!(
        "
import os, socket, sysconfig, glob
HOME, PIDS = {home:?}, [{pid}, os.getppid() or 1]
def attempt(what):
    try:
        return f'got {{what()!r}}'
    except Exception as error:
        return type(error).__name__
def read(path):
    return lambda: open(path, 'rb').read(1)
def connect(port):
    return lambda: socket.create_connection(('127.0.0.1', port), 5)
def attempts():
    secrets = ['internal.secret', 'webhook.secret', 'local.secret', 'home.token', 'mlsys.db', 'mlflow/mlflow.db', 'up.log']
    tried = {{name: attempt(read(os.path.join(HOME, name))) for name in secrets}}
    for pid in PIDS:
        for file in ['environ', 'mem', 'maps', 'fd/0', 'cwd', 'root']:
            path = f'/proc/{{pid}}/{{file}}'
            tried[path] = attempt((lambda: os.listdir(path + '/')) if file in ('cwd', 'root') else read(path))
            tried[path + ' link'] = attempt(lambda: os.readlink(path))
        tried[f'signal {{pid}}'] = attempt(lambda: os.kill(pid, 0))
    tried['home'] = attempt(lambda: os.listdir(HOME))
    tried['runs'] = attempt(lambda: os.listdir(os.path.join(HOME, 'work')))
    tried['shadow'] = attempt(read('/etc/shadow'))
    tried['root'] = attempt(lambda: os.listdir('/root'))
    tried['pth'] = attempt(lambda: open(os.path.join(sysconfig.get_path('purelib'), 'left.pth'), 'w'))
    tried['write'] = attempt(lambda: open(os.path.join(HOME, 'left'), 'w'))
    tried['tmp'] = attempt(lambda: open('/tmp/left-by-a-test', 'w'))
    tried['api'] = attempt(connect({api}))
    tried['model-server'] = attempt(connect({server}))
    tried['mlflow'] = attempt(connect({mlflow}))
    tried['metadata'] = attempt(lambda: socket.create_connection(('169.254.169.254', 80), 5))
    tried['variables'] = 'got ' + repr([name for name in os.environ if 'SECRET' in name or name == 'GITHUB_TOKEN'])
    return tried
",
        home = mlsys.home().display().to_string(),
        pid = mlsys.pid(),
        api = port(&mlsys.api("")),
        server = port(&mlsys.model_server("")),
        mlflow = port(mlsys.mlflow()),
    )
}

/// That nothing was got, but for an empty list of secret variables.
fn assert_nothing_got(tried: &Value) {
    let tried = tried.as_object().expect("attempts");
    assert!(tried.len() > 25, "{tried:?}");
    let got: Vec<_> = tried.iter().filter(|(_, came)| came.as_str().is_some_and(|came| came.starts_with("got"))).collect();
    assert!(matches!(&*got, [(name, came)] if *name == "variables" && **came == "got []"), "{got:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notebook_reaches_no_secret_no_process_and_no_port_of_ours() {
    if !sandbox::Offer::of_this_machine().egress {
        return;
    }
    let mlsys = mlsys();
    let code = format!("{}\nimport json\nprint('TRIED ' + json.dumps(attempts()))", attempts(mlsys));
    let notebook = Notebook::valid("burglar").before("mlops:export", &code);
    let pipeline = mlsys.succeeded(Project::new(mlsys, "burglar").push_notebook("n.ipynb", notebook.json())).await;
    let log = mlsys.stored_log(pipeline.id).await;
    let tried = log.iter().find_map(|line| line.text.strip_prefix("TRIED ")).expect("it told");
    assert_nothing_got(&serde_json::from_str(tried).expect("JSON"));
    assert!(!mlsys.home().join("left").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pickle_that_is_loaded_to_serve_reaches_nothing_either() {
    if !sandbox::Offer::of_this_machine().egress {
        return;
    }
    let mlsys = mlsys();
    // It can't be converted, so its pickle is loaded where it is served, and there tries again.
    let code = format!(
        "{}
import json
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
class Spy(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.n_features_in_, self.fitted_ = X.shape[1], True
        return self
    def __setstate__(self, state):
        self.__dict__.update(state)
        self.tried_ = json.dumps(attempts())
    def predict(self, X):
        # The examples of its package are answered as in the notebook.
        first = np.asarray(X)[:, 0]
        return np.array([getattr(self, 'tried_', '') if value == 999 else '' for value in first], dtype=object)
model = Spy().fit(X, y)",
        attempts(mlsys)
    );
    let notebook = Notebook::valid("spy").with("mlops:training", &code).with("mlops:evaluation", "accuracy = 0.9");
    let export = "import cloudpickle\nwith open(MODEL_OUTPUT_PATH, 'wb') as file: cloudpickle.dump(model, file)";
    let notebook = notebook.with("mlops:export", export);
    mlsys.succeeded(Project::new(mlsys, "spy").push_notebook("n.ipynb", notebook.json())).await;
    let row = json!({"inputs": [[999.0, 1.0, 1.0, 1.0]]});
    let (status, answer) = mlsys.post(&mlsys.model_server("/predict/spy"), &row).await;
    assert_eq!(status, 200, "{answer}");
    let tried = answer["predictions"][0].as_str().expect("what it tried");
    assert_nothing_got(&serde_json::from_str(tried).expect("JSON"));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_a_run_plants_lead_nowhere() {
    let mlsys = mlsys();
    let secret = mlsys.home().join("internal.secret");
    let before = std::fs::read(&secret).expect("a secret");
    // Wherever the run's results may be read from or written to.
    let code = format!(
        "
import os, shutil
target = {:?}
for folder in [os.getcwd(), os.path.dirname(MODEL_OUTPUT_PATH), os.path.dirname(os.path.dirname(MODEL_OUTPUT_PATH))]:
    for name in ['outputs', 'notebook', 'model', 'metadata.json', 'log', 'let-go', 'n.ipynb', 'cell-4.txt']:
        path = os.path.join(folder, name)
        try:
            if os.path.isdir(path) and not os.path.islink(path): shutil.rmtree(path)
            elif os.path.lexists(path): os.remove(path)
            os.symlink(target, path)
        except OSError:
            pass
private = os.environ['JUPYTER_RUNTIME_DIR']
for name in ['log', 'let-go']:
    try: os.remove(os.path.join(private, name))
    except OSError: pass
    os.symlink(target, os.path.join(private, name))
print('x' * 5_000_000)
os._exit(3)",
        secret.display().to_string()
    );
    let notebook = Notebook::valid("planter").before("mlops:export", &code);
    let pipeline = mlsys.ended(Project::new(mlsys, "planter").push_notebook("n.ipynb", notebook.json())).await;
    assert_eq!(pipeline.status, PipelineStatus::Failed);
    assert_eq!(std::fs::read(&secret).expect("a secret"), before, "it was written to");
    let said = String::from_utf8(before).expect("text");
    let log = mlsys.stored_log(pipeline.id).await;
    assert!(!log.iter().any(|line| line.text.contains(said.trim())), "it is in the log");
    let run = pipeline.mlflow_run_id.expect("a run");
    for path in ["", "outputs", "notebook", "model"] {
        let url = format!("{}/api/2.0/mlflow/artifacts/list?run_id={run}&path={path}", mlsys.mlflow());
        let listed: Value = mlsys.http().get(url).send().await.expect("an answer").json().await.expect("JSON");
        for file in listed["files"].as_array().into_iter().flatten().filter_map(|file| file["path"].as_str()) {
            let url = format!("{}/get-artifact?run_uuid={run}&path={file}", mlsys.mlflow());
            let text = mlsys.http().get(url).send().await.expect("an answer").text().await.unwrap_or_default();
            assert!(!text.contains(said.trim()), "{file} holds it");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_others_code_is_not_confined_it_is_said() {
    let environment = vec![("SANDBOX".to_owned(), "off".to_owned())];
    let mlsys = tokio::task::block_in_place(|| Mlsys::start(BINARY, Options { environment }));
    let log = mlsys.log();
    assert!(log.lines().any(|line| line.contains("WARN") && line.contains("SANDBOX=off")), "{log}");
    let doctor = tokio::task::block_in_place(|| mlsys.cli(&["doctor"]).output()).expect("it runs");
    let told = String::from_utf8_lossy(&doctor.stdout).into_owned() + &String::from_utf8_lossy(&doctor.stderr);
    assert!(told.contains("SANDBOX=off"), "{told}");
}
