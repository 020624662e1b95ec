//! Models of many kinds: pushed, deployed, and predicting what scikit-learn predicts.

use contract::Flavour;
use serde_json::Value;
use testkit::{Mlsys, Notebook, Project};

use crate::mlsys;

/// Loads `models:/NAME@dev` with MLflow, asks the model-server for the same rows, and compares both with what the
/// notebook's own estimator said.
const COMPARE: &str = r#"
import json, sys, urllib.request
import mlflow, numpy as np, pandas as pd
mlflow_url, server, names = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
mlflow.set_tracking_uri(mlflow_url)
for name in names:
    run = mlflow.MlflowClient().get_model_version_by_alias(name, "dev").run_id
    kept = mlflow.artifacts.load_dict(f"runs:/{run}/kept.json")
    columns, data = kept["columns"], kept["data"]
    body = {"dataframe_split": {"columns": columns, "data": data}} if columns else {"inputs": data}
    request = urllib.request.Request(f"{server}/predict/{name}", json.dumps(body).encode(), {"content-type": "application/json"})
    answer = json.load(urllib.request.urlopen(request))
    model = mlflow.pyfunc.load_model(f"models:/{name}@dev")
    if columns:
        frame = pd.DataFrame(data, columns=columns)
        for column, dtype in zip(columns, kept["dtypes"]):
            frame[column] = frame[column].astype(dtype)
        loaded = model.predict(frame)
    else:
        loaded = model.predict(np.array(data, dtype=kept["dtypes"]))
    assert len(answer["predictions"]) == len(kept["predictions"]) == 200, name
    def same(got, who):
        if isinstance(kept["predictions"][0], float):
            np.testing.assert_allclose(np.asarray(got, float), kept["predictions"], rtol=1e-5, err_msg=f"{name} {who}")
        else:
            assert list(got) == kept["predictions"], f"{name} {who}"
    same(answer["predictions"], "model-server")
    same(np.asarray(loaded).ravel().tolist(), "mlflow")
    if kept["probabilities"] is not None:
        assert answer["classes"] == kept["classes"], name
        np.testing.assert_allclose(answer["probabilities"], kept["probabilities"], atol=1e-5, err_msg=name)
print("same")
"#;

/// Keeps 200 unseen rows and what the estimator says of them, in the notebook's run.
const KEEP: &str = r#"
import json, mlflow, numpy as np
_p = model.predict(X_unseen)
_frame = hasattr(X_unseen, "columns")
_rows = json.loads(X_unseen.to_json(orient="split"))["data"] if _frame else X_unseen.tolist()
mlflow.log_dict({
    "columns": list(X_unseen.columns) if _frame else None,
    "dtypes": [str(d) for d in X_unseen.dtypes] if _frame else str(X_unseen.dtype),
    "data": _rows,
    "predictions": _p.tolist(),
    "classes": model.classes_.tolist() if hasattr(model, "classes_") else None,
    "probabilities": model.predict_proba(X_unseen).tolist() if hasattr(model, "predict_proba") else None,
}, "kept.json")
"#;

const NUMBERS: &str = "
import numpy as np
rng = np.random.default_rng(7)
X = rng.normal(size=(900, 5)) * [1, 10, 100, 0.1, 1]
y = (X[:, 0] + X[:, 1] / 10 + rng.normal(size=900) > 0).astype(int)
X_unseen, X, y = X[700:], X[:700], y[:700]
";

const TABLE: &str = "
import numpy as np, pandas as pd
rng = np.random.default_rng(8)
X = pd.DataFrame({
    'age': rng.normal(40, 12, 900).round(), 'income': rng.gamma(2, 20000, 900).round(2),
    'city': rng.choice(['Bern', 'Köln', 'Łódź', 'Oslo'], 900), 'visits': rng.integers(0, 30, 900),
    'plan': rng.choice(['free', 'pro'], 900),
})
X.loc[rng.choice(900, 90, False), 'age'] = np.nan
X.loc[rng.choice(900, 60, False), 'city'] = None
score = X['age'].fillna(40) / 40 + X['visits'] / 10 + (X['plan'] == 'pro') + rng.normal(size=900)
y = (score > 3).astype(int)
three = np.where(score > 3.5, 'gold', np.where(score > 2.5, 'silver', 'bronze'))
X_unseen, X, y, three, score = X[700:].reset_index(drop=True), X[:700], y[:700], three[:700], score[:700]
";

const COLUMNS: &str = "
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler, OneHotEncoder
columns = ColumnTransformer([
    ('numbers', make_pipeline(SimpleImputer(strategy='median'), StandardScaler()), ['age', 'income', 'visits']),
    ('words', make_pipeline(SimpleImputer(strategy='most_frequent'), OneHotEncoder(handle_unknown='ignore')), ['city', 'plan']),
])
";

struct Case {
    name: &'static str,
    data: &'static str,
    training: &'static str,
    flavour: Flavour,
}

const CASES: [Case; 11] = [
    Case {
        name: "binary-numpy",
        data: NUMBERS,
        training: "from sklearn.linear_model import LogisticRegression\nmodel = LogisticRegression(max_iter=2000).fit(X, y)",
        flavour: Flavour::Native,
    },
    Case {
        name: "binary-table",
        data: TABLE,
        training: "from sklearn.linear_model import LogisticRegression\nmodel = make_pipeline(columns, LogisticRegression(max_iter=2000)).fit(X, y)",
        flavour: Flavour::Native,
    },
    Case {
        name: "words-forest",
        data: TABLE,
        training: "from sklearn.ensemble import RandomForestClassifier\nmodel = make_pipeline(columns, RandomForestClassifier(60, random_state=0)).fit(X, three)",
        flavour: Flavour::Native,
    },
    Case {
        name: "regression-table",
        data: TABLE,
        training: "from sklearn.linear_model import Ridge\nmodel = make_pipeline(columns, Ridge()).fit(X, score)",
        flavour: Flavour::Native,
    },
    Case {
        name: "regression-boosting",
        data: NUMBERS,
        training: "from sklearn.ensemble import GradientBoostingRegressor\nmodel = GradientBoostingRegressor(random_state=0).fit(X, X[:, 0] * 3 + X[:, 2])",
        flavour: Flavour::Native,
    },
    Case {
        name: "xgboost-binary",
        data: NUMBERS,
        training: "from xgboost import XGBClassifier\nmodel = XGBClassifier(n_estimators=30, max_depth=3).fit(X, y)",
        flavour: Flavour::Native,
    },
    Case {
        name: "lightgbm-regression",
        data: NUMBERS,
        training: "from lightgbm import LGBMRegressor\nmodel = LGBMRegressor(n_estimators=30, verbose=-1).fit(X, X[:, 0] * 3 + X[:, 2])",
        flavour: Flavour::Native,
    },
    Case {
        name: "hist-boosting",
        data: TABLE,
        training: "from sklearn.ensemble import HistGradientBoostingClassifier\nX = X[['age', 'income', 'visits']]\nX_unseen = X_unseen[['age', 'income', 'visits']]\nmodel = HistGradientBoostingClassifier(max_iter=30, random_state=0).fit(X, three)",
        flavour: Flavour::Native,
    },
    Case {
        name: "outliers",
        data: NUMBERS,
        training: "from sklearn.ensemble import IsolationForest\nmodel = IsolationForest(n_estimators=20, random_state=0).fit(X)",
        flavour: Flavour::Native,
    },
    Case {
        name: "small-numbers",
        data: NUMBERS,
        training: "from sklearn.linear_model import LogisticRegression\nX, X_unseen = X.astype('float32'), X_unseen.astype('float32')\nmodel = LogisticRegression(max_iter=2000).fit(X, y)",
        flavour: Flavour::Onnx,
    },
    // Its sums of large products are rounded otherwise: a native graph is made, and found not to hold.
    Case {
        name: "large-products",
        data: NUMBERS,
        training: "from sklearn.datasets import load_breast_cancer\nfrom sklearn.svm import SVC\nX, y = load_breast_cancer(return_X_y=True)\nX_unseen, X, y = X[369:], X[:369], y[:369]\nmodel = SVC(kernel='linear').fit(X, y)",
        flavour: Flavour::Python,
    },
];

fn notebook(case: &Case) -> Notebook {
    Notebook::new()
        .cell("mlops:config", &format!("MODEL_NAME = '{}'\nVERSION = '1.0'\nGATES = []", case.name))
        .cell("mlops:data", case.data)
        .cell("mlops:preprocessing", if case.data == TABLE { COLUMNS } else { "X = X.copy()" })
        .cell("mlops:training", case.training)
        .cell("mlops:export", "import joblib\njoblib.dump(model, MODEL_OUTPUT_PATH)")
        .cell("", KEEP)
}

#[tokio::test(flavor = "multi_thread")]
async fn models_of_every_kind_predict_what_scikit_learn_predicts() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "models");
    for case in &CASES {
        project.write(&format!("notebooks/{}.ipynb", case.name), notebook(case).json());
    }
    let pipelines = project.push();
    assert_eq!(pipelines.len(), CASES.len());
    for id in pipelines {
        let pipeline = mlsys.succeeded(id).await;
        assert!(pipeline.deployed, "{pipeline:#?}");
        assert_eq!(pipeline.registry_version, Some(1));
    }
    for case in &CASES {
        let version = mlsys.get(&format!("/api/models/{}/versions", case.name)).await["items"][0].clone();
        println!("{:22} {}", case.name, version["flavour"]);
        let flavour: Flavour = serde_json::from_value(version["flavour"].clone()).expect("a flavour");
        assert_eq!(flavour, case.flavour, "{}", case.name);
    }
    let names: Vec<_> = CASES.iter().map(|case| case.name).collect();
    let same = testkit::run_python(COMPARE, &[mlsys.mlflow(), &mlsys.model_server(""), &Value::from(names).to_string()]);
    assert_eq!(same.trim(), "same");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_deployed_and_answers_its_own_input_example() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "examples");
    let mut count = 0;
    for entry in std::fs::read_dir(testkit::workspace_root().join("notebooks")).expect("examples") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_file() && name != "template.ipynb" {
            count += usize::from(path.extension().is_some_and(|extension| extension == "ipynb"));
            project.write(&name, std::fs::read(&path).expect("read"));
        }
    }
    let pipelines = project.push();
    assert_eq!((pipelines.len(), count), (3, 3));
    for id in pipelines {
        let pipeline = mlsys.succeeded(id).await;
        assert!(pipeline.deployed, "{:?}", pipeline.reason);
        assert!(!pipeline.metrics.is_empty());
        let model = pipeline.model_name.expect("a name");
        let metadata = mlsys.home().join(format!("artifacts/mlsys-models-dev/{model}/v1/metadata.json"));
        let manifest: Value = serde_json::from_slice(&std::fs::read(metadata).expect("a manifest")).expect("JSON");
        let example = serde_json::json!({ "dataframe_split": manifest["input_example"] });
        let (status, answer) = mlsys.post(&mlsys.api(&format!("/models/{model}/predict")), &example).await;
        assert_eq!(status, 200, "{answer}");
        both_ways_answer_alike(mlsys, &model.to_string(), &example).await;
        assert_eq!(
            answer["predictions"].as_array().map(Vec::len),
            manifest["expected_output"]["predictions"].as_array().map(Vec::len)
        );
    }
}

/// Asks a model by the model-server's own port, and through the backend by both of its paths, in usual ways and others.
async fn both_ways_answer_alike(mlsys: &Mlsys, model: &str, example: &Value) {
    let nothing = serde_json::json!({});
    let asked = [
        (model.to_owned(), "", example),
        (model.to_owned(), "?", example),
        (model.to_owned(), "?env=dev", example),
        (model.to_owned(), "?env=prod", example),
        (model.to_owned(), "?env=no%20environment", example),
        (model.to_owned(), "?version=1&outputs=predictions", example),
        (model.to_owned(), "?version=99", example),
        (model.to_owned(), "?version=first", example),
        (model.to_owned(), "?outputs=nothing", example),
        (model.to_owned(), "?explain=true&env=dev", example),
        (model.to_owned(), "", &nothing),
        ("nobody".to_owned(), "", example),
    ];
    for (name, query, body) in asked {
        let (status, mut said) = mlsys.post(&mlsys.model_server(&format!("/predict/{name}{query}")), body).await;
        for path in ["/models", "/api/models"] {
            let (through, mut answer) = mlsys.post(&mlsys.api(&format!("{path}/{name}/predict{query}")), body).await;
            for answer in [&mut said, &mut answer] {
                answer.as_object_mut().expect("an object").remove("request_id");
            }
            assert_eq!((through, answer), (status, said.clone()), "{path}/{name}{query}");
        }
    }
}
