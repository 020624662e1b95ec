"""The packager against scikit-learn itself: every kind of model, on rows it has not seen, over every way it is served.

`python -m unittest discover worker/python` with the platform's Python. A second process, which knows nothing of the
notebook's, loads each packaged model with MLflow and with the child program that serves models.
"""

import importlib.util
import json
import pickle
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SERVER = HERE.parents[1] / "crates" / "scoring" / "python" / "serve_model.py"
UNSEEN = 1_000


def server_program():
    """The program of the model-server that asks a model."""
    spec = importlib.util.spec_from_file_location("serve_model", SERVER)
    server = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(server)
    return server


def load_in_fresh_process(root):
    """What the second process does: predictions by MLflow and by the server's child program, for each packaged model."""
    import mlflow

    server = server_program()
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
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

sys.path.insert(0, str(HERE))
import mlsys_packager
from mlsys_packager import fresh
from model_cases import behind_columns, cases, data, logistic


def setUpModule():
    # Each takes seconds: the tests of exports have it as it is, and here all models are loaded in one fresh process.
    unittest.addModuleCleanup(setattr, fresh, "check", fresh.check)
    fresh.check = lambda *_: []


def as_request(signature, rows):
    """Rows as the server passes them on: JSON values, missing ones null."""
    if signature["kind"] == "tensor":
        return {
            "id": 1,
            "tensor": {"dtype": signature["tensor"]["dtype"], "shape": list(rows.shape), "data": rows.ravel().tolist()},
        }
    frame = rows.to_frame() if isinstance(rows, pd.Series) else rows
    columns = {c: [None if pd.isna(v) else v for v in frame[c].astype(object)] for c in frame.columns}
    return {"id": 1, "columns": json.loads(json.dumps(columns, default=lambda value: value.item()))}


def by_converted(directory, manifest, request):
    """The converted model's outputs on rows fed as the Rust server feeds them."""
    converted, options = manifest["onnx"], onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(directory / "model.onnx"), options)
    types = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int64)": "int64", "tensor(bool)": "bool"}
    if "tensor" in request:
        matrix = np.array(request["tensor"]["data"], float).reshape(request["tensor"]["shape"])
    else:
        columns = request["columns"]
        absent = [
            float("nan") if c["type"] != "string" else converted["missing_string"] for c in manifest["signature"]["columns"]
        ]
        columns = {n: [m if v is None else v for v in vs] for (n, vs), m in zip(columns.items(), absent, strict=True)}
        matrix = np.array(list(columns.values()), float).T if converted["layout"] == "matrix" else None
    if converted["layout"] == "matrix":
        fed = {i.name: matrix.astype(types[i.type]) for i in session.get_inputs()}
    else:
        fed = {i.name: np.array(columns[i.name], types.get(i.type, object)).reshape(-1, 1) for i in session.get_inputs()}
    wanted = [name for name in (converted["output"], converted["probabilities"]) if name]
    return session.run(wanted, fed)


def package(directory, model, user_ns, **config):
    path = Path(directory).with_suffix(".joblib")
    joblib.dump(model, path)
    return mlsys_packager.main(
        {
            "model_path": str(path),
            "output_dir": str(directory),
            "model_name": "test-model",
            "declared_version": "1.0.0",
            "run_id": None,
            "tree_root": str(path.parent),
            "environment": None,
            "native_refused": "conversions are looked at here",
            **config,
        },
        user_ns,
    )


class EveryModel(unittest.TestCase):
    """Packages all models once, and asks the second process once."""

    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("ignore")
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.root, cls.models = Path(temporary.name), {}
        for name, make, rows, kind, converted in cases():
            X, y = data(rows, kind, 1, 500)
            model = make().fit(X, y)
            result = package(cls.root / name, model, {"X_train": X, "y_train": y, "unrelated": "…"})
            assert "error" not in result, (name, result["error"])
            unseen, _ = data(rows, kind, 2, UNSEEN)
            request = as_request(result["manifest"]["signature"], unseen)
            asked = unseen.to_frame() if isinstance(unseen, pd.Series) else unseen
            if rows in ("categories", "nullable"):
                asked = asked.astype(
                    {
                        c: object if rows == "categories" else "int64"
                        for c in ("town", "kind", "b")
                        if c in asked and (c != "b") == (rows == "categories")
                    }
                )
            (cls.root / name / "request.pkl").write_bytes(pickle.dumps((asked, request)))
            cls.models[name] = (model, unseen, request, result, converted)
        subprocess.run([sys.executable, "-W", "ignore", __file__, "--load", str(cls.root)], check=True, timeout=300)
        cls.answers = json.loads((cls.root / "answers.json").read_text())

    def same(self, got, expected, tolerance=1e-9):
        expected = np.asarray(expected)
        if expected.dtype.kind == "f":
            tolerance = max(tolerance, 1e-5 if expected.dtype == np.float32 else 0)
            np.testing.assert_allclose(
                np.asarray(got, float).reshape(expected.shape), expected, rtol=tolerance, atol=tolerance
            )
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

    def test_every_model_that_should_be_converted_is(self):
        for name, (_, _, _, result, converted) in self.models.items():
            with self.subTest(name):
                manifest = result["manifest"]
                converted = manifest["flavour"] == "onnx" if converted is None else converted
                self.assertEqual(manifest["flavour"], "onnx" if converted else "python", manifest["onnx_reason"])
                self.assertEqual(manifest["onnx_reason"] is None, converted)

    def test_converted_models_predict_what_scikit_learn_does(self):
        for name, (model, unseen, request, result, _) in self.models.items():
            with self.subTest(name):
                if result["manifest"]["flavour"] != "onnx":
                    continue
                outputs = by_converted(self.root / name, result["manifest"], request)
                expected = np.asarray(model.predict(unseen))
                if expected.dtype.kind == "f":
                    got = outputs[0].reshape(expected.shape)
                    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-9 * np.abs(expected).mean())
                else:
                    self.same(outputs[0], expected)
                if len(outputs) > 1:
                    self.same(outputs[1], model.predict_proba(unseen), 1e-5)

    def test_converted_models_of_arrays_take_gaps_where_scikit_learn_does(self):
        seen = set()
        for name, (model, unseen, _, result, _) in self.models.items():
            manifest = result["manifest"]
            if manifest["flavour"] != "onnx" or "float" not in manifest["signature"].get("tensor", {}).get("dtype", ""):
                continue
            with self.subTest(name):
                rows, takes = unseen.copy(), True
                rows[::3, 0] = rows[1::5, -1] = np.nan
                try:
                    expected = np.asarray(model.predict(rows))
                except ValueError:
                    takes = False
                said = manifest["onnx"]["missing_numbers"]
                seen.add(said)
                self.assertLessEqual(said, takes)
                if said:
                    outputs = by_converted(self.root / name, manifest, as_request(manifest["signature"], rows))
                    self.same(outputs[0].reshape(expected.shape), expected, 1e-5)
        self.assertEqual(seen, {True, False})

    def test_values_a_hair_beside_a_split_go_where_scikit_learn_sends_them(self):
        X, y = data("array", "value", 1, 500)
        middles = (np.sort(X, axis=0)[1:] + np.sort(X, axis=0)[:-1]) / 2  # splits are made there
        rows = np.concatenate([middles * (1 + hair) for hair in (0, 1e-16, -1e-16, 1e-9, -1e-9, 5e-8, -5e-8)])
        for name in ("forest_regressor", "boosting_regressor", "lightgbm_regressor", "xgboost_regressor"):
            with self.subTest(name):
                model, _, _, result, _ = self.models[f"{name}-array"]
                request = as_request(result["manifest"]["signature"], rows)
                (got,) = by_converted(self.root / f"{name}-array", result["manifest"], request)
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

    def test_the_server_says_what_is_wrong_with_rows_by_column_and_without_their_values(self):
        server = server_program()
        _, _, request, _, _ = self.models["forest-columns"]
        loaded = server.load(str(self.root / "forest-columns"))
        self.assertEqual(server.answer(*loaded, request)["predictions"], self.answers["forest-columns"][1]["predictions"])
        columns = dict(request["columns"], b=["secret"] * UNSEEN)
        error = server.answer(*loaded, {"columns": columns})["error"]
        self.assertEqual((error["kind"], error["column"]), ("bad_input", "b"))
        self.assertNotIn("secret", json.dumps(error))
        columns.pop("b")
        self.assertEqual(server.answer(*loaded, {"columns": columns})["error"]["column"], "b")


class FailingPredict:
    def predict(self, X):
        raise ValueError("no licence\nsecond line")


class Packaging(unittest.TestCase):
    """What the packager does with what it is given."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        self.X, self.y = data("frame", "binary", 1, 300)

    def test_what_cannot_be_packaged_is_a_sentence(self):
        config = {
            "model_path": str(self.root / "none"),
            "output_dir": str(self.root / "o"),
            "model_name": "m",
            "declared_version": "1",
        }
        self.assertIn("did not write the model", mlsys_packager.main(config, {})["error"])
        (self.root / "text").write_text("not a pickle")
        self.assertIn("cannot be read", mlsys_packager.main({**config, "model_path": str(self.root / "text")}, {})["error"])
        self.assertIn("no predict method", package(self.root / "dict", {"a": 1}, {})["error"])
        self.assertIn(
            "X_train",
            package(
                self.root / "text-model", make_pipeline(TfidfVectorizer(), logistic()).fit(["a1 b2", "c3 d4"], [0, 1]), {}
            )["error"],
        )

    def test_a_predict_that_fails_is_told(self):
        error = package(self.root / "m", FailingPredict(), {"X": self.X})["error"]
        self.assertIn("predict fails on the notebook's data: ValueError: no licence", error)

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

    def test_an_array_with_gaps_is_converted_only_if_each_of_its_numbers_may_be_missing(self):
        X, y = data("array", "binary", 1, 300)
        X[3, 0] = np.nan
        some = make_column_transformer((SimpleImputer(), [0]), remainder="passthrough")
        for imputer, missing in ((some, None), (SimpleImputer(), True)):
            manifest = package(self.root / str(missing), make_pipeline(imputer, logistic()).fit(X, y), {"X": X})["manifest"]
            self.assertEqual((manifest["onnx"] or {}).get("missing_numbers"), missing, manifest["onnx_reason"])
        self.assertEqual(manifest["flavour"], "onnx")

    def test_without_rows_there_is_a_signature_and_no_converted_model(self):
        X, y = data("mixed", "binary", 1, 300)
        manifest = package(self.root / "m", behind_columns(logistic()).fit(X, y), {})["manifest"]
        self.assertEqual([c["type"] for c in manifest["signature"]["columns"]], ["double"] * 3 + ["string"] * 2)
        self.assertEqual(
            (manifest["flavour"], manifest["onnx_reason"]), ("python", "there are no rows to verify a converted model on")
        )

    def test_code_of_the_repository_travels_inside_the_pickle(self):
        (self.root / "own_steps.py").write_text("def double(X):\n    return X * 2\n")
        sys.path.insert(0, str(self.root))
        self.addCleanup(sys.path.remove, str(self.root))
        import own_steps
        from sklearn.preprocessing import FunctionTransformer

        model = make_pipeline(FunctionTransformer(own_steps.double), logistic()).fit(self.X, self.y)
        result = package(self.root / "m", model, {"X": self.X})
        (self.root / "m" / "request.pkl").write_bytes(
            pickle.dumps((self.X, as_request(result["manifest"]["signature"], self.X)))
        )
        subprocess.run(
            [sys.executable, "-W", "ignore", __file__, "--load", str(self.root)], check=True, timeout=120, cwd="/"
        )
        by_mlflow, served = json.loads((self.root / "answers.json").read_text())["m"]
        self.assertEqual(by_mlflow, model.predict(self.X).tolist())
        self.assertEqual(served["predictions"], by_mlflow)


if __name__ == "__main__":
    unittest.main()
