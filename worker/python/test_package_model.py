"""The packager against scikit-learn itself: every kind of model, on rows it has not seen, over every way it is served.

`python -m unittest discover worker/python` with the platform's Python. A second process, which knows nothing of the
notebook's, loads each packaged model with MLflow and with the model-server's child program.
"""

import importlib.util
import json
import pickle
import struct
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SERVER = HERE.parents[1] / "model-server" / "python" / "serve_model.py"
UNSEEN = 1_000


def load_in_fresh_process(root):
    """What the second process does: predictions by MLflow and by the server's child program, for each packaged model."""
    import mlflow

    spec = importlib.util.spec_from_file_location("serve_model", SERVER)
    server = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(server)
    answers = {}
    for directory in sorted(path for path in Path(root).iterdir() if (path / "request.pkl").exists()):
        rows, request = pickle.loads((directory / "request.pkl").read_bytes())
        by_mlflow = mlflow.pyfunc.load_model(str(directory)).predict(rows)
        answers[directory.name] = (server.plain(by_mlflow), server.answer(*server.load(str(directory)), request))
    Path(root, "answers.json").write_text(json.dumps(answers), encoding="utf-8")


if __name__ == "__main__" and sys.argv[1:2] == ["--load"]:
    warnings.simplefilter("ignore")
    load_in_fresh_process(sys.argv[2])
    sys.exit()

import joblib
import onnxruntime
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (AdaBoostRegressor, BaggingRegressor, ExtraTreesClassifier, ExtraTreesRegressor,
                              GradientBoostingClassifier, GradientBoostingRegressor, HistGradientBoostingClassifier,
                              RandomForestClassifier, RandomForestRegressor, StackingClassifier, StackingRegressor,
                              VotingClassifier, VotingRegressor)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from xgboost import XGBClassifier, XGBRegressor

sys.path.insert(0, str(HERE))
import mlsys_packager


def numbers(draw, rows):
    """Columns of doubles, whole numbers and truths."""
    return pd.DataFrame({
        "a": draw.normal(0, 10, rows), "b": draw.integers(0, 50, rows),
        "c d": draw.random(rows) * 1e3, "flag": draw.random(rows) < 0.5,
    })


def mixed(draw, rows):
    """Numbers and text, with missing values in both."""
    table = numbers(draw, rows).drop(columns=["flag"])
    table["town"] = draw.choice(["x", "y", "z"], rows)
    table["kind"] = draw.choice(["p", "q"], rows)
    table.loc[draw.random(rows) < 0.1, "town"] = None
    table.loc[draw.random(rows) < 0.1, "a"] = np.nan
    return table


def target(table, kind):
    """Something learnable: `binary`, `truth`, `labels` (three texts), `value` (on both sides of zero) or `count`."""
    score = table["a"].fillna(0) + table["b"] * 0.5 + np.sin(table["c d"]) - 10
    if kind == "value":
        return score * 3
    if kind == "count":
        return np.round(np.exp(score / 20) * 10)
    if kind == "labels":
        return np.array(["low", "mid", "top"])[np.digitize(score, [-5, 8])]
    return (score > 0) if kind == "truth" else (score > 0).astype(int)


def logistic():
    return LogisticRegression(max_iter=500)


def behind_columns(last):
    """`last` behind imputers, a scaler and an encoder."""
    number = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    text = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    return make_pipeline(ColumnTransformer([("number", number, ["a", "b", "c d"]), ("text", text, ["town", "kind"])]), last)


CLASSIFIERS = {
    "logistic": logistic,
    "forest": lambda: RandomForestClassifier(20),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=20),
    "extra_trees": lambda: ExtraTreesClassifier(20),
    "svc": lambda: SVC(probability=True),
    "neighbours": KNeighborsClassifier,
    "network": lambda: MLPClassifier((15,), max_iter=40),
    "tree": DecisionTreeClassifier,
    "bayes": GaussianNB,
    "linear_svc": LinearSVC,
    "xgboost": lambda: XGBClassifier(n_estimators=15),
    "lightgbm": lambda: LGBMClassifier(n_estimators=15, verbose=-1),
    "voting": lambda: VotingClassifier([("l", logistic()), ("f", RandomForestClassifier(10))], voting="soft"),
    "stacking": lambda: StackingClassifier([("l", logistic()), ("f", RandomForestClassifier(10))], cv=3),
    "calibrated": lambda: CalibratedClassifierCV(RandomForestClassifier(10), cv=3),
}
REGRESSORS = {
    "linear": LinearRegression, "ridge": Ridge, "lasso": Lasso,
    "forest_regressor": lambda: RandomForestRegressor(20),
    "extra_regressor": lambda: ExtraTreesRegressor(20),
    "tree_regressor": DecisionTreeRegressor,
    "boosting_regressor": GradientBoostingRegressor,
    "boosting_median": lambda: GradientBoostingRegressor(loss="quantile", alpha=0.5, n_estimators=20),
    "boosting_from_zero": lambda: GradientBoostingRegressor(init="zero", n_estimators=20),
    "xgboost_regressor": XGBRegressor,
    "lightgbm_regressor": lambda: LGBMRegressor(verbose=-1),
    "lightgbm_forest": lambda: LGBMRegressor(boosting_type="rf", subsample=0.5, subsample_freq=1, n_estimators=15, verbose=-1),
    "ada_regressor": lambda: AdaBoostRegressor(n_estimators=10),
    "bagging_regressor": BaggingRegressor,
    "neighbours_regressor": KNeighborsRegressor,
    "network_regressor": lambda: MLPRegressor(hidden_layer_sizes=(15,), max_iter=40),
    "voting_regressor": lambda: VotingRegressor([("l", Ridge()), ("f", RandomForestRegressor(10)), ("b", XGBRegressor(n_estimators=10))]),
    "stacking_regressor": lambda: StackingRegressor([("l", Ridge()), ("b", GradientBoostingRegressor(n_estimators=10))], cv=3),
}
KNOWN_TEXT = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
# Name: (model, rows, target, whether a twin is proven).
SPECIAL = {
    "min_max": (lambda: make_pipeline(MinMaxScaler(), logistic()), "frame", "binary", True),
    "pca_forest": (lambda: make_pipeline(StandardScaler(), PCA(3), RandomForestClassifier(20, max_depth=4)), "frame", "binary", True),
    "polynomial": (lambda: make_pipeline(StandardScaler(), PolynomialFeatures(2), logistic()), "frame", "binary", True),
    "passthrough": (lambda: make_pipeline(
        make_column_transformer((OneHotEncoder(), ["b"]), remainder="passthrough"), logistic()), "frame", "binary", True),
    "drop_ordinal": (lambda: make_pipeline(make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OrdinalEncoder(**KNOWN_TEXT)), ["town", "kind"]),
        (SimpleImputer(), ["a"])), RandomForestClassifier(20)), "mixed", "binary", True),
    "one_hot_missing": (lambda: make_pipeline(make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["town", "kind"]), remainder=SimpleImputer()), logistic()), "mixed", "labels", True),
    "selectors": (lambda: make_pipeline(make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include=float)), (OneHotEncoder(handle_unknown="ignore"), ["b"])),
        logistic()), "frame", "binary", True),
    "grid_search": (lambda: GridSearchCV(
        make_pipeline(StandardScaler(), RandomForestClassifier(10)), {"randomforestclassifier__max_depth": [3, 5]}, cv=2),
        "frame", "binary", True),
    "forest_missing": (lambda: RandomForestClassifier(20), "holes", "binary", True),
    "xgboost_missing": (lambda: XGBClassifier(n_estimators=10), "holes", "binary", True),
    "lightgbm_missing": (lambda: LGBMClassifier(n_estimators=10, verbose=-1), "holes", "binary", True),
    "forest_regressor_missing": (lambda: RandomForestRegressor(20), "holes", "value", True),
    "xgboost_regressor_missing": (lambda: XGBRegressor(n_estimators=10), "holes", "value", True),
    "lightgbm_regressor_missing": (lambda: LGBMRegressor(n_estimators=10, verbose=-1), "holes", "value", True),
    "xgboost_counts": (lambda: XGBRegressor(objective="count:poisson", n_estimators=15), "frame", "count", True),
    "lightgbm_counts": (lambda: LGBMRegressor(objective="poisson", n_estimators=15, verbose=-1), "frame", "count", True),
    "boosting_from_tree": (lambda: GradientBoostingRegressor(init=DecisionTreeRegressor(max_depth=2)), "frame", "value", False),
    "lightgbm_zeros": (lambda: LGBMRegressor(zero_as_missing=True, verbose=-1), "frame", "value", False),
    "xgboost_dart": (lambda: XGBRegressor(booster="dart", n_estimators=10), "frame", "value", False),
    "svr": (lambda: make_pipeline(StandardScaler(), SVR()), "frame", "value", False),  # its conversion knows float32 only
    "truths": (logistic, "frame", "truth", True),
    "several_values": (LinearRegression, "frame", "pair", True),
    "float32_array": (logistic, "float32", "binary", True),
    "whole_number_array": (logistic, "whole", "binary", True),
    "histogram_boosting": (HistGradientBoostingClassifier, "frame", "binary", False),
    "categories": (lambda: LGBMClassifier(n_estimators=10, verbose=-1), "categories", "binary", False),
    "nullable": (HistGradientBoostingClassifier, "nullable", "binary", False),
    "text": (lambda: make_pipeline(TfidfVectorizer(), logistic()), "text", "binary", False),
}


def cases():
    for name, make in {**CLASSIFIERS, **REGRESSORS}.items():
        kind = "value" if name in REGRESSORS else "binary"
        twin = None if name == "svc" else True  # its conversion knows float32 only: proven on some data and not on other
        yield f"{name}-frame", make, "frame", kind, twin
        yield f"{name}-array", make, "array", kind, twin
        yield f"{name}-columns", lambda make=make: behind_columns(make()), "mixed", kind, twin
        if name in CLASSIFIERS and name not in ("xgboost", "svc"):  # whole labels only; proven on some data and not on other
            yield f"{name}-labels", make, "frame", "labels", True
    for name, (make, rows, kind, twin) in SPECIAL.items():
        yield name, make, rows, kind, twin


def data(rows, kind, seed, count):
    draw = np.random.default_rng(seed)
    table = mixed(draw, count) if rows in ("mixed", "holes", "categories", "nullable", "text") else numbers(draw, count)
    y = np.c_[target(table, "value"), table["b"] * 2.0] if kind == "pair" else np.asarray(target(table, kind))
    forms = {
        "array": lambda: table.to_numpy(float),
        "float32": lambda: table.to_numpy("float32"),
        "whole": lambda: table[["b"]].assign(n=table["a"].astype(int)).to_numpy("int64"),
        "holes": lambda: table[["a", "b", "c d"]],
        "categories": lambda: table.astype({"town": "category", "kind": "category"}),
        "nullable": lambda: table[["a", "b"]].astype({"b": "Int64"}),
        "text": lambda: (table["kind"] + " " + table["b"].map(lambda b: "big town" if b > 25 else "tiny town")).rename("words"),
    }
    return forms.get(rows, lambda: table)(), y


def as_request(signature, rows):
    """Rows as the server passes them on: JSON values, missing ones null."""
    if signature["kind"] == "tensor":
        return {"id": 1, "tensor": {"dtype": signature["tensor"]["dtype"], "shape": list(rows.shape), "data": rows.ravel().tolist()}}
    frame = rows.to_frame() if isinstance(rows, pd.Series) else rows
    columns = {c: [None if pd.isna(v) else v for v in frame[c].astype(object)] for c in frame.columns}
    return {"id": 1, "columns": json.loads(json.dumps(columns, default=lambda value: value.item()))}


def by_twin(directory, manifest, request):
    """The twin's outputs on rows fed as the Rust server feeds them."""
    twin, options = manifest["onnx"], onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(directory / "model.onnx"), options)
    types = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int64)": "int64", "tensor(bool)": "bool"}
    if "tensor" in request:
        matrix = np.array(request["tensor"]["data"], float).reshape(request["tensor"]["shape"])
    else:
        columns = request["columns"]
        absent = [float("nan") if c["type"] != "string" else twin["missing_string"] for c in manifest["signature"]["columns"]]
        columns = {n: [m if v is None else v for v in vs] for (n, vs), m in zip(columns.items(), absent, strict=True)}
        matrix = np.array(list(columns.values()), float).T if twin["layout"] == "matrix" else None
    if twin["layout"] == "matrix":
        fed = {i.name: matrix.astype(types[i.type]) for i in session.get_inputs()}
    else:
        fed = {i.name: np.array(columns[i.name], types.get(i.type, object)).reshape(-1, 1) for i in session.get_inputs()}
    wanted = [name for name in (twin["output"], twin["probabilities"]) if name]
    return session.run(wanted, fed)


def package(directory, model, user_ns, **config):
    path = Path(directory).with_suffix(".joblib")
    joblib.dump(model, path)
    return mlsys_packager.main({
        "model_path": str(path), "output_dir": str(directory), "model_name": "test-model", "declared_version": "1.0.0",
        "run_id": None, "tree_root": str(path.parent), "environment": None, **config,
    }, user_ns)


class EveryModel(unittest.TestCase):
    """Packages all models once, and asks the second process once."""

    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("ignore")
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.root, cls.models = Path(temporary.name), {}
        for name, make, rows, kind, twin in cases():
            X, y = data(rows, kind, 1, 500)
            model = make().fit(X, y)
            result = package(cls.root / name, model, {"X_train": X, "y_train": y, "unrelated": "…"})
            assert "error" not in result, (name, result["error"])
            unseen, _ = data(rows, kind, 2, UNSEEN)
            request = as_request(result["manifest"]["signature"], unseen)
            asked = unseen.to_frame() if isinstance(unseen, pd.Series) else unseen
            if rows in ("categories", "nullable"):
                asked = asked.astype({c: object if rows == "categories" else "int64" for c in ("town", "kind", "b") if c in asked and (c != "b") == (rows == "categories")})
            (cls.root / name / "request.pkl").write_bytes(pickle.dumps((asked, request)))
            cls.models[name] = (model, unseen, request, result, twin)
        subprocess.run([sys.executable, "-W", "ignore", __file__, "--load", str(cls.root)], check=True, timeout=300)
        cls.answers = json.loads((cls.root / "answers.json").read_text())

    def same(self, got, expected, tolerance=1e-9):
        expected = np.asarray(expected)
        if expected.dtype.kind == "f":
            tolerance = max(tolerance, 1e-5 if expected.dtype == np.float32 else 0)
            np.testing.assert_allclose(np.asarray(got, float).reshape(expected.shape), expected, rtol=tolerance, atol=tolerance)
        else:
            self.assertEqual(np.asarray(got).ravel().tolist(), expected.ravel().tolist())

    def test_mlflow_predicts_what_scikit_learn_does(self):
        for name, (model, unseen, _, _, _) in self.models.items():
            with self.subTest(name):
                self.same(self.answers[name][0], model.predict(unseen))

    def test_the_server_program_predicts_what_scikit_learn_does(self):
        for name, (model, unseen, _, _, _) in self.models.items():
            with self.subTest(name):
                served = self.answers[name][1]
                self.assertNotIn("error", served)
                self.same(served["predictions"], model.predict(unseen))
                self.assertEqual("probabilities" in served, hasattr(model, "predict_proba"))
                if "probabilities" in served:
                    self.same(served["probabilities"], model.predict_proba(unseen))

    def test_a_twin_is_proven_for_every_model_that_should_have_one(self):
        for name, (_, _, _, result, twin) in self.models.items():
            with self.subTest(name):
                manifest = result["manifest"]
                twin = manifest["flavour"] == "onnx" if twin is None else twin
                self.assertEqual(manifest["flavour"], "onnx" if twin else "python", manifest["onnx_reason"])
                self.assertEqual(manifest["onnx_reason"] is None, twin)

    def test_twins_predict_what_scikit_learn_does(self):
        for name, (model, unseen, request, result, _) in self.models.items():
            with self.subTest(name):
                if result["manifest"]["flavour"] != "onnx":
                    continue
                outputs = by_twin(self.root / name, result["manifest"], request)
                expected = np.asarray(model.predict(unseen))
                if expected.dtype.kind == "f":
                    got = outputs[0].reshape(expected.shape)
                    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-9 * np.abs(expected).mean())
                else:
                    self.same(outputs[0], expected)
                if len(outputs) > 1:
                    self.same(outputs[1], model.predict_proba(unseen), 1e-5)

    def test_values_a_hair_beside_a_split_go_where_scikit_learn_sends_them(self):
        X, y = data("array", "value", 1, 500)
        middles = (np.sort(X, axis=0)[1:] + np.sort(X, axis=0)[:-1]) / 2  # splits are made there
        rows = np.concatenate([middles * (1 + hair) for hair in (0, 1e-16, -1e-16, 1e-9, -1e-9, 5e-8, -5e-8)])
        for name in ("forest_regressor", "boosting_regressor", "lightgbm_regressor", "xgboost_regressor"):
            with self.subTest(name):
                model, _, _, result, _ = self.models[f"{name}-array"]
                request = as_request(result["manifest"]["signature"], rows)
                (got,) = by_twin(self.root / f"{name}-array", result["manifest"], request)
                np.testing.assert_allclose(got.ravel(), model.predict(rows), rtol=1e-7, atol=1e-9)

    def test_manifests_are_strict_and_their_examples_are_answered(self):
        for name, (_, _, _, result, _) in self.models.items():
            with self.subTest(name):
                text = (self.root / name / "metadata.json").read_text()
                self.assertEqual(json.loads(text, parse_constant=self.fail), result["manifest"])
                rows = result["manifest"]["input_example"].get("data") or result["manifest"]["input_example"]["inputs"]
                self.assertEqual(len(result["manifest"]["expected_output"]["predictions"]), len(rows))
                for file, entry in result["manifest"]["files"].items():
                    self.assertEqual((self.root / name / file).stat().st_size, entry["size"])

    def test_the_server_program_speaks_frames_and_keeps_prints_off_the_pipe(self):
        def call(request):
            body = json.dumps(request).encode()
            child.stdin.write(struct.pack("<I", len(body)) + body)
            child.stdin.flush()
            return receive()

        def receive():
            (length,) = struct.unpack("<I", child.stdout.read(4))
            return json.loads(child.stdout.read(length))

        _, _, request, result, _ = self.models["forest-columns"]
        command = [sys.executable, str(SERVER), str(self.root / "forest-columns")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            self.assertEqual(receive(), {"ready": True})
            self.assertEqual(call(request)["predictions"], self.answers["forest-columns"][1]["predictions"])
            columns = dict(request["columns"], b=["secret"] * UNSEEN)
            error = call({"id": 7, "columns": columns})
            self.assertEqual((error["id"], error["error"]["kind"], error["error"]["column"]), (7, "bad_input", "b"))
            self.assertNotIn("secret", json.dumps(error))
            columns.pop("b")
            self.assertEqual(call({"id": 8, "columns": columns})["error"]["column"], "b")
            self.assertEqual(call(request)["id"], 1)
            child.stdin.close()
            self.assertEqual(child.wait(30), 0)


class Packaging(unittest.TestCase):
    """What the packager does with what it is given."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        self.X, self.y = data("frame", "binary", 1, 300)

    def test_what_cannot_be_packaged_is_a_sentence(self):
        config = {"model_path": str(self.root / "none"), "output_dir": str(self.root / "o"), "model_name": "m", "declared_version": "1"}
        self.assertIn("did not write the model", mlsys_packager.main(config, {})["error"])
        (self.root / "text").write_text("not a pickle")
        self.assertIn("cannot be read", mlsys_packager.main({**config, "model_path": str(self.root / "text")}, {})["error"])
        self.assertIn("no predict method", package(self.root / "dict", {"a": 1}, {})["error"])
        self.assertIn("X_train", package(self.root / "text-model", make_pipeline(
            TfidfVectorizer(), logistic()).fit(["a1 b2", "c3 d4"], [0, 1]), {})["error"])

    def test_the_notebook_is_left_as_it_was(self):
        user_ns = {"X_train": self.X.copy(), "model": logistic().fit(self.X, self.y), "_": 1}
        before = dict(user_ns)
        package(self.root / "m", user_ns["model"], user_ns)
        self.assertEqual(user_ns.keys(), before.keys())
        self.assertTrue(all(user_ns[name] is before[name] for name in before))
        pd.testing.assert_frame_equal(user_ns["X_train"], self.X)

    def test_columns_are_found_in_a_table_that_has_more(self):
        table = self.X.assign(target=self.y)[["target", "flag", "c d", "b", "a"]]
        manifest = package(self.root / "m", logistic().fit(self.X, self.y), {"passengers": table})["manifest"]
        self.assertEqual([c["name"] for c in manifest["signature"]["columns"]], list(self.X.columns))
        self.assertEqual([c["type"] for c in manifest["signature"]["columns"]], ["double", "long", "double", "boolean"])

    def test_null_is_accepted_only_where_the_estimator_takes_it(self):
        model = make_pipeline(make_column_transformer((SimpleImputer(), ["a"]), remainder="passthrough"), logistic())
        manifest = package(self.root / "m", model.fit(self.X, self.y), {"X": self.X})["manifest"]
        self.assertEqual([c["name"] for c in manifest["signature"]["columns"] if c["nullable"]], ["a"])

    def test_without_rows_there_is_a_signature_and_no_twin(self):
        X, y = data("mixed", "binary", 1, 300)
        manifest = package(self.root / "m", behind_columns(logistic()).fit(X, y), {})["manifest"]
        self.assertEqual([c["type"] for c in manifest["signature"]["columns"]], ["double"] * 3 + ["string"] * 2)
        self.assertEqual((manifest["flavour"], manifest["onnx_reason"]), ("python", "there are no rows to prove a twin on"))

    def test_code_of_the_repository_travels_inside_the_pickle(self):
        (self.root / "own_steps.py").write_text("def double(X):\n    return X * 2\n")
        sys.path.insert(0, str(self.root))
        self.addCleanup(sys.path.remove, str(self.root))
        import own_steps
        from sklearn.preprocessing import FunctionTransformer

        model = make_pipeline(FunctionTransformer(own_steps.double), logistic()).fit(self.X, self.y)
        result = package(self.root / "m", model, {"X": self.X})
        (self.root / "m" / "request.pkl").write_bytes(pickle.dumps((self.X, as_request(result["manifest"]["signature"], self.X))))
        subprocess.run([sys.executable, "-W", "ignore", __file__, "--load", str(self.root)], check=True, timeout=120, cwd="/")
        by_mlflow, served = json.loads((self.root / "answers.json").read_text())["m"]
        self.assertEqual(by_mlflow, model.predict(self.X).tolist())
        self.assertEqual(served["predictions"], by_mlflow)


if __name__ == "__main__":
    unittest.main()
