"""What may be exported, and what becomes of it: in the kernel, and by the child program that serves it.

`python -m unittest discover worker/python` with the platform's Python.
"""

import datetime
import decimal
import importlib.util
import json
import os
import sys
import tempfile
import threading
import time
import unittest
import warnings
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
from sklearn.cluster import DBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KernelDensity, LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import mlsys_packager
from mlsys_packager import adapter, budget, fresh, schema
from model_cases import behind_columns, data, logistic
from test_native import Verifier
from test_package_model import SERVER, as_request

spec = importlib.util.spec_from_file_location("serve_model", SERVER)
server = importlib.util.module_from_spec(spec)
spec.loader.exec_module(server)

FRAME, LABELS = data("frame", "binary", 1, 200)
MIXED, MIXED_LABELS = data("mixed", "binary", 1, 200)
TEXTS, _ = data("text", "binary", 1, 200)


class Judge:
    """A class of the notebook: an answer in its own form."""

    def __init__(self, model):
        self.model = model

    def predict(self, X):
        return [{"p": p, "sure": bool(p > 0.9)} for p in self.model.predict_proba(X)[:, 1]]


class Called:
    def __call__(self, X):
        return X["a"] * 2


def told(X):
    return pd.DataFrame({"twice": X["a"] * 2, "when": pd.Timestamp("2024-05-01 12:00", tz="Europe/Berlin")})


def of_dicts(rows):
    return [row["a"] + row["b"] for row in rows]


def of_arrays(X):
    return X[:, 1].tolist()


def flat(value):
    return np.asarray(value, float).ravel()


cloudpickle.register_pickle_by_value(sys.modules[__name__])  # as what a notebook defines is


class Exports(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        warnings.simplefilter("ignore")
        self.in_fresh, self.tried = fresh.check, []
        fresh.check = lambda *given: self.tried.append(given) or []  # each takes a second: one test has it as it is
        self.addCleanup(setattr, fresh, "check", self.in_fresh)

    def package(self, model, user_ns, **config):
        """The manifest and the log of what the packager makes of an export."""
        path = self.folder / "export.pkl"
        path.write_bytes(cloudpickle.dumps(model))
        answer = mlsys_packager.main(
            {
                "model_path": str(path),
                "output_dir": str(self.folder / "made"),
                "model_name": "test-model",
                "declared_version": "1.0.0",
                "run_id": None,
                "tree_root": str(self.folder),
                "environment": None,
                **config,
            },
            user_ns,
        )
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["manifest"], "\n".join(answer["log"])

    def refused(self, model, user_ns):
        """Why an export is refused."""
        with self.assertRaises(AssertionError) as caught:
            self.package(model, user_ns)
        return str(caught.exception)

    def served(self, manifest, rows):
        """What the child program answers."""
        request = as_request(manifest["signature"], rows)
        return server.answer(*server.load(str(self.folder / "made")), request)

    def test_a_transformer_answers_rows_of_numbers_with_their_names(self):
        cases = {
            "pca": (make_pipeline(StandardScaler(), PCA(2)), FRAME, ["pca0", "pca1"]),
            "one_hot": (OneHotEncoder(handle_unknown="ignore"), MIXED[["town", "kind"]], None),
            "tf_idf": (TfidfVectorizer(), TEXTS, ["big", "tiny", "town"]),
            "whole": (OneHotEncoder(dtype="int32"), MIXED[["kind"]], ["kind_p", "kind_q"]),
        }
        for name, (model, rows, columns) in cases.items():
            with self.subTest(name), Verifier() as verifier:
                model.fit(rows)
                manifest, log = self.package(model, {"X_train": rows})
                expected = model.transform(rows)
                expected = expected.toarray() if hasattr(expected, "toarray") else expected
                self.assertEqual((manifest["task"], manifest["flavour"]), ("transformation", "native"), log)
                self.assertIn("transform", log)
                self.assertEqual(manifest["columns"], columns or list(model.get_feature_names_out()))
                files = [(self.folder / "made" / f"{which}.native").read_bytes() for which in ("model", "proof")]
                self.assertTrue(verifier.verify(*files).startswith("ok"))
                said = self.served(manifest, rows)["predictions"]
                np.testing.assert_allclose(flat(said), flat(expected), rtol=1e-9)
                self.assertTrue(all(isinstance(number, float) for number in said[0]))

    def test_a_transformer_that_makes_too_many_columns_is_refused_with_a_word_on_what_to_do(self):
        self.assertIn("1,048,576 columns", self.refused(HashingVectorizer(), {"texts": TEXTS}))

    def test_a_collection_stands_for_the_one_model_in_it_and_the_log_names_it(self):
        model = logistic().fit(FRAME, LABELS)
        scaler = StandardScaler().fit(FRAME)
        for collection, named in (
            ({"model": model, "features": list(FRAME)}, ("'model' (LogisticRegression)", "'features' (list) is not used")),
            ((scaler, model), ("1 (LogisticRegression)", "0 (StandardScaler) is not applied")),
            ({"scaler": scaler, "n": 3}, ("'scaler' (StandardScaler)",)),
        ):
            manifest, log = self.package(collection, {"X_train": FRAME})
            self.assertEqual(manifest["flavour"], "native")
            for words in named:
                self.assertIn(words, log)
        error = self.refused([model, KMeans(2).fit(FRAME)], {"X_train": FRAME})
        self.assertIn("several models: 0 (LogisticRegression), 1 (KMeans)", error)
        self.assertIn("holds nothing that has one: 'n' (int)", self.refused({"n": 1}, {}))
        self.assertIn("it is empty", self.refused({}, {}))

    def test_what_answers_no_new_rows_says_what_to_do_instead(self):
        self.assertIn("answers the rows it was fitted on", self.refused(DBSCAN().fit(FRAME), {"X_train": FRAME}))
        self.assertIn("novelty=True", self.refused(LocalOutlierFactor().fit(FRAME), {"X_train": FRAME}))
        self.assertIn("an instance of it", self.refused(Judge, {}))
        self.assertIn("a DataFrame, which has no predict", self.refused(FRAME, {}))
        (self.folder / "saved").mkdir()
        (self.folder / "saved" / "MLmodel").touch()
        answer = mlsys_packager.main({"model_path": str(self.folder / "saved"), "output_dir": str(self.folder / "made")}, {})
        self.assertIn("an MLflow model's folder", answer["error"])

    def test_outlier_detectors_clusterers_and_densities_are_served_as_they_answer(self):
        rows = FRAME.drop(columns="flag")
        for model, task in (
            (LocalOutlierFactor(novelty=True), "classification"),
            (IsolationForest(n_estimators=10), "classification"),
            (KMeans(3), "classification"),
            (KernelDensity(), "regression"),
        ):
            manifest, _ = self.package(model.fit(rows), {"X_train": rows})
            self.assertEqual(manifest["task"], task, model)
            expected = model.predict(rows) if hasattr(model, "predict") else model.score_samples(rows)
            np.testing.assert_allclose(self.served(manifest, rows)["predictions"], expected)

    def test_functions_and_classes_of_the_notebook_answer_in_their_own_forms(self):
        import mlflow

        pipeline = behind_columns(logistic()).fit(MIXED, MIXED_LABELS)
        objects = MIXED.astype({"town": object})  # a type that JSON loses
        by_objects = behind_columns(logistic()).fit(objects, MIXED_LABELS)
        for model, rows, task, columns in (
            (Judge(pipeline), MIXED, "transformation", list(MIXED)),
            (Judge(by_objects), objects, "transformation", list(MIXED)),
            (Called(), FRAME, "regression", ["a"]),
            (told, FRAME, "transformation", ["a"]),
            (of_dicts, FRAME, "regression", ["a", "b"]),
            (lambda X: np.where(X["a"] > 0, "up", "down"), FRAME, "classification", ["a"]),
            (lambda X: list(zip(X["a"], X["flag"], strict=True)), FRAME, "transformation", ["a", "flag"]),
        ):
            manifest, log = self.package(model, {"table": rows.assign(target=1.0)})
            self.assertEqual((manifest["task"], manifest["flavour"]), (task, "python"), log)
            self.assertEqual([column["name"] for column in manifest["signature"]["columns"]], columns)
            asked = rows.to_dict("records") if model is of_dicts else rows
            expected = schema.plain(model.predict(asked) if hasattr(model, "predict") else model(asked))
            self.assertTrue(fresh.same(self.served(manifest, rows)["predictions"], expected), log)
            by_mlflow = mlflow.pyfunc.load_model(str(self.folder / "made")).predict(rows)
            self.assertTrue(fresh.same(schema.plain(by_mlflow), expected), log)
        manifest, _ = self.package(of_arrays, {"table": FRAME[["a", "b"]]})
        self.assertEqual(manifest["signature"]["tensor"], {"dtype": "float64", "shape": [-1, 2]})

    def test_a_column_that_seldom_matters_is_still_asked_for(self):
        rows = pd.DataFrame({"a": [50.0, 60.0], "b": [1.0, 2.0], "town": ["x", "y"]})
        manifest, _ = self.package(lambda X: X[["a", "b"]].max(axis=1), {"X_train": rows})
        self.assertEqual([column["name"] for column in manifest["signature"]["columns"]], ["a", "b"])

    def test_what_does_not_answer_once_a_row_or_nothing_that_json_has_is_refused(self):
        frame = {"X_train": FRAME}
        self.assertIn("Calling it makes a list of 3 of 50 rows", self.refused(lambda X: [1, 2, 3], frame))
        self.assertIn("makes a dict of 50 rows", self.refused(lambda X: {"answer": 1}, frame))
        self.assertIn("makes a float of 50 rows", self.refused(lambda X: 0.5, frame))
        self.assertIn(
            "Calling it fails on the notebook's data: KeyError: 'other'", self.refused(lambda X: X["other"], frame)
        )
        self.assertIn("Nothing tells what the model takes", self.refused(lambda X: X, {}))
        for wrong, kind in ((1j, "complex"), (object(), "object"), ({1}, "set"), (b"1", "bytes")):
            self.assertIn(f"{kind} has no form in JSON", self.refused(lambda X, one=wrong: [one] * len(X), frame))

    def test_an_mlflow_python_model_is_asked_as_mlflow_asks_it(self):
        import mlflow

        class Doubles(mlflow.pyfunc.PythonModel):
            def predict(self, context, model_input, params=None):
                return model_input["a"] * 2

        class Bare(mlflow.pyfunc.PythonModel):
            def predict(self, model_input, params=None):
                return model_input["a"] * 2

        for model in (Doubles(), Bare()):
            manifest, _ = self.package(model, {"X_train": FRAME})
            self.assertEqual(manifest["task"], "regression")
            np.testing.assert_allclose(self.served(manifest, FRAME)["predictions"], FRAME["a"] * 2)

    def test_more_than_one_label_a_row_is_a_list(self):
        for model, probabilities, classes in (
            (RandomForestClassifier(5), False, None),
            (MultiOutputClassifier(logistic()), False, None),
            (ClassifierChain(logistic()), True, None),
            (OneVsRestClassifier(logistic()), True, [0, 1]),
        ):
            model.fit(FRAME, np.c_[LABELS, 1 - LABELS])
            manifest, log = self.package(model, {"X_train": FRAME})
            self.assertEqual((manifest["task"], manifest["classes"]), ("classification", classes))
            self.assertEqual(manifest["flavour"], "native", log)
            by_python, _ = self.package(model, {"X_train": FRAME}, native_refused="not now")
            self.assertEqual(by_python["flavour"], "python")
            for name in ("task", "classes", "columns", "signature", "expected_output"):
                self.assertEqual(manifest[name], by_python[name], name)
            said = self.served(by_python, FRAME)
            self.assertEqual((said["predictions"], "probabilities" in said), (model.predict(FRAME).tolist(), probabilities))

    def test_what_takes_too_long_or_too_much_memory_is_given_up_for_the_next_way(self):
        model = make_pipeline(StandardScaler(), logistic()).fit(FRAME, LABELS)
        real = mlsys_packager.native.export
        self.addCleanup(setattr, mlsys_packager.native, "export", real)
        mlsys_packager.native.export = lambda *_: time.sleep(60)
        manifest, log = self.package(model, {"X_train": FRAME}, seconds=40)
        self.assertEqual(
            (manifest["flavour"], manifest["native_reason"]),
            ("onnx", "exporting it is given up: it takes longer than 20 s"),
            log,
        )
        mlsys_packager.native.export = lambda *_: [bytearray(10 << 20) for _ in range(100)] and time.sleep(60)
        manifest, _ = self.package(model, {"X_train": FRAME}, memory=200 << 20)
        self.assertIn("more than 200 MiB", manifest["native_reason"])
        refused = {"native_refused": "it was stopped", "onnx_refused": "it was stopped"}
        manifest, _ = self.package(model, {"X_train": FRAME}, **refused)
        self.assertEqual((manifest["flavour"], manifest["onnx_reason"]), ("python", "it was stopped"))

    def test_a_budget_ends_what_swallows_errors_and_leaves_the_notebooks_timer(self):
        import signal

        heard = []
        before = signal.signal(signal.SIGALRM, lambda *_: heard.append(1))
        signal.setitimer(signal.ITIMER_REAL, 100)
        try:
            with self.assertRaises(budget.Spent), budget.within(0.3, 1 << 30):
                while True:
                    try:
                        time.sleep(0.01)
                    except Exception:
                        pass
            self.assertGreater(signal.getitimer(signal.ITIMER_REAL)[0], 50)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        done = []

        def elsewhere():
            with budget.within(0, 0):
                done.append(True)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        self.assertEqual(done, [True])

    def test_a_model_that_fails_outside_of_the_notebook_is_refused_before_anything_serves_it(self):
        fresh.check = self.in_fresh
        manifest, _ = self.package(Called(), {"X_train": FRAME})
        self.assertEqual(manifest["flavour"], "python")

        class Formula:
            """Looks for names where it is loaded, as statsmodels does: up to four frames above."""

            def predict(self, X):
                return [0.0] * len(X)

            def __getstate__(self):
                return {"formula": "y ~ x"}

            def __setstate__(self, state):
                self.names = [sorted(sys._getframe(depth).f_locals) for depth in range(5)]

        self.package(Formula(), {"X_train": FRAME})

        class Unlike:
            def predict(self, X):
                return [float("MLSYS_TEST_ONLY" in os.environ)] * len(X)

        class Broken:
            def predict(self, X):
                return [os.environ["MLSYS_TEST_ONLY"]] * len(X)

        os.environ["MLSYS_TEST_ONLY"] = "1"
        self.addCleanup(os.environ.pop, "MLSYS_TEST_ONLY")
        self.assertIn("otherwise in a process of its own", self.refused(Unlike(), {"X_train": FRAME}))
        self.assertIn("KeyError: 'MLSYS_TEST_ONLY'", self.refused(Broken(), {"X_train": FRAME}))

    def test_reasons_are_words_of_the_notebook_and_not_of_converters(self):
        from sklearn.preprocessing import FunctionTransformer

        model = make_pipeline(FunctionTransformer(lambda X: X * 2), logistic()).fit(FRAME, LABELS)
        manifest, log = self.package(model, {"X_train": FRAME}, native_refused="not now")
        self.assertIn("the converter does not know this combination of steps", manifest["onnx_reason"])
        self.assertIn("FunctionTransformer is not supported", log)
        self.assertNotIn("mlsys_", log)
        manifest, _ = self.package(Judge(logistic().fit(FRAME, LABELS)), {"X_train": FRAME}, native_refused="not now")
        self.assertEqual(manifest["onnx_reason"], "Judge has no ONNX conversion")

    def test_values_become_json_alike_in_the_packager_and_in_the_server(self):
        moment = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)
        values = {
            "numbers": (np.array([1.5, np.nan, np.inf]), [1.5, None, None]),
            "whole": (np.array([[1, 2]], "int8"), [[1, 2]]),
            "scalars": ([np.float32(0.5), np.bool_(True), np.int64(3), np.str_("x")], [0.5, True, 3, "x"]),
            "decimal": (decimal.Decimal("1.5"), 1.5),
            "moments": (
                [moment, moment.date(), pd.Timestamp(moment), pd.NaT],
                [moment.isoformat(), "2024-05-01", moment.isoformat(), None],
            ),
            "numpy_moments": (np.array(["2024-05-01", "NaT"], "datetime64[ns]"), ["2024-05-01T00:00:00", None]),
            "nested": (
                {"a": [{1: (1, None)}, pd.NA], "b": {True: 0.5}},
                {"a": [{"1": [1, None]}, None], "b": {"true": 0.5}},
            ),
            "series": (pd.Series(["x", None], dtype=object), ["x", None]),
            "frame": (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        }
        for name, (value, expected) in values.items():
            for plain in (schema.plain, server.plain):
                with self.subTest(name, plain=plain.__module__):
                    self.assertEqual(json.loads(json.dumps(plain(value), allow_nan=False)), expected)
        for value in (1j, {1, 2}, b"x", datetime.timedelta(1), np.timedelta64(1, "s"), {(1, 2): 3}):
            for module in (schema, server):
                with self.subTest(value), self.assertRaises(module.NoJson):
                    module.plain(value)

    def test_predictions_of_one_kind_are_an_array_and_others_stay_as_they_are(self):
        self.assertEqual(schema.array([1, 2]).dtype.kind, "i")
        self.assertEqual(schema.array(["a", "b"]).dtype.kind, "U")
        for said in ([("a", 1), ("b", 2)], [1, "a"], [[1], [1, 2]], [True, 1.5], [{"a": 1}, {}]):
            self.assertEqual((schema.array(said).dtype.kind, list(schema.array(said))), ("O", said))

    def test_a_served_model_survives_its_pickle(self):
        for method, how in (("transform", None), ("predict", {"dtypes": {}})):
            model = PCA(2).fit(FRAME) if method == "transform" else logistic().fit(FRAME, LABELS)
            served = cloudpickle.loads(cloudpickle.dumps(adapter.Served(model, method, how)))
            expected = model.transform(FRAME) if method == "transform" else model.predict(FRAME)
            np.testing.assert_array_equal(served.predict(FRAME), expected)
            self.assertEqual(hasattr(served, "predict_proba"), method == "predict")


if __name__ == "__main__":
    unittest.main()
