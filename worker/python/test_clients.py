"""What a client's JSON becomes for the estimator: gaps, types, forms and settings that JSON and a signature cannot tell.

`python -m unittest discover worker/python` with the platform's Python.
"""

import importlib.util
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import sklearn
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import mlsys_packager
from mlsys_packager import schema
from model_cases import data

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # as what a notebook defines is

SERVER = HERE.parents[1] / "crates" / "scoring" / "python" / "serve_model.py"
CONFIG = {"model_name": "m", "declared_version": "1", "run_id": None, "tree_root": None}
ROWS = 300


def months(frame):
    """The months of moments, where they are."""
    return pd.DataFrame({"month": frame["when"].dt.month, "hour": frame["when"].dt.hour})


def difference(frame):
    """A column more, which an array could not have."""
    return frame.assign(r=frame["a"] - frame["b"])


class Clients(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        spec = importlib.util.spec_from_file_location("serve_model", SERVER)
        self.server = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.server)
        self.X, self.y = data("frame", "binary", 1, ROWS)
        self.draw = np.random.default_rng(0)

    def package(self, model, rows):
        """The columns of a packaged model's signature, by name."""
        joblib.dump(model, self.root / "model.pkl")
        config = {**CONFIG, "model_path": str(self.root / "model.pkl"), "output_dir": str(self.root / "m")}
        result = mlsys_packager.main(config, {"X_train": rows})
        self.assertNotIn("error", result)
        return {column["name"]: column for column in result["manifest"]["signature"]["columns"]}

    def probabilities(self, columns):
        """What is served for columns of JSON values."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            said = self.server.answer(*self.server.load(self.root / "m"), {"columns": columns})
        self.assertNotIn("error", said)
        return said["probabilities"]

    def assert_served(self, model, rows, seen=None):
        """Rows are served as the estimator answers them, or what it sees instead of them."""
        sent = {name: schema.plain(rows[name].tolist()) for name in rows}
        expected = model.predict_proba(rows if seen is None else seen)
        np.testing.assert_allclose(self.probabilities(sent), expected, rtol=1e-12)

    def encoder(self):
        """One-hot text beside numbers."""
        encoder = OneHotEncoder(handle_unknown="ignore")
        return make_pipeline(make_column_transformer((encoder, ["town"]), (StandardScaler(), ["a"])), LogisticRegression())

    def test_a_gap_in_a_column_of_objects_is_of_the_kind_that_training_had(self):
        whole = pd.Series(self.draw.choice(["x", "y"], ROWS)).astype(object)
        for gaps in ([None], [np.nan], [np.nan, None]):
            town = whole.copy()
            for at, gap in enumerate(gaps):
                town[at::10] = gap
            rows = self.X.assign(town=town)
            model = self.encoder().fit(rows, self.y)
            self.assertTrue(self.package(model, rows)["town"]["nullable"])
            asked = rows.head(20)
            seen = asked.assign(town=asked["town"].where(asked["town"].notna(), gaps[0])) if len(gaps) == 2 else asked
            with self.subTest(gaps):
                self.assert_served(model, asked, seen)

    def test_a_gap_is_taken_in_text_and_whole_numbers_where_the_estimator_takes_it(self):
        text = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
        rows = self.X.assign(town=self.draw.choice(["x", "y"], ROWS))
        model = make_pipeline(make_column_transformer((text, ["town"]), (SimpleImputer(), ["a", "b"])), LogisticRegression())
        model.fit(rows, self.y)
        columns = self.package(model, rows)
        self.assertTrue(all(columns[name]["nullable"] for name in ("town", "a", "b")))
        asked = rows.head(20).astype({"b": float})
        asked.loc[::3, "b"] = np.nan
        asked.loc[::4, "town"] = np.nan
        self.assert_served(model, asked)

    def test_what_detects_outliers_or_finds_clusters_says_labels(self):
        for model, classes in ((IsolationForest(n_estimators=10), [-1, 1]), (KMeans(3, n_init=1), [0, 1, 2])):
            rows = self.X[["a", "b"]]
            joblib.dump(model.fit(rows), self.root / "model.pkl")
            config = {**CONFIG, "model_path": str(self.root / "model.pkl"), "output_dir": str(self.root / "m")}
            manifest = mlsys_packager.main(config, {"X_train": rows})["manifest"]
            said = (manifest["flavour"], manifest["task"], manifest["classes"])
            self.assertEqual(said, ("native", "classification", classes))

    def test_what_the_estimator_drops_need_not_be_sent(self):
        rows = self.X.assign(town=self.draw.choice(["x", "y"], ROWS))
        model = self.encoder().fit(rows, self.y)
        columns = self.package(model, rows)
        self.assertEqual([name for name, column in columns.items() if column["required"]], ["a", "town"])
        self.assertTrue(columns["b"]["nullable"])
        asked = rows.head(20)
        self.assert_served(model, asked.assign(**{"b": np.nan, "c d": np.nan, "flag": None}), asked)

    def test_moments_keep_their_time_zone(self):
        start = pd.Timestamp("2024-01-01", tz="Europe/Berlin")
        rows = self.X[["a"]].assign(when=start + pd.to_timedelta(self.draw.integers(0, 7_000, ROWS), "h"))
        encoder = make_column_transformer((FunctionTransformer(months), ["when"]), remainder="passthrough")
        model = make_pipeline(encoder, LogisticRegression(max_iter=500)).fit(rows, self.y)
        self.assertEqual(self.package(model, rows)["when"]["type"], "datetime")
        self.assert_served(model, rows.head(20))

    def test_an_array_of_objects_is_served_as_columns(self):
        rows = np.array([["a", 1.0], ["b", 2.0], ["a", 3.0], ["b", 4.0]] * 20, dtype=object)
        encoder = make_column_transformer((OneHotEncoder(), [0]), remainder="passthrough")
        model = make_pipeline(encoder, LogisticRegression()).fit(rows, [0, 1] * 40)
        for form in (rows, pd.DataFrame(rows).infer_objects()):
            columns = self.package(model, form)
            self.assertEqual(
                [(name, column["type"]) for name, column in columns.items()], [("0", "string"), ("1", "double")]
            )
            self.assertEqual(
                self.probabilities({"0": ["b", "a"], "1": [7, 0.5]}), model.predict_proba([["b", 7.0], ["a", 0.5]]).tolist()
            )

    def test_settings_of_scikit_learn_hold_where_the_model_is_served(self):
        with sklearn.config_context(transform_output="pandas"):
            rows = self.X[["a", "b"]]
            model = make_pipeline(StandardScaler(), FunctionTransformer(difference), LogisticRegression()).fit(rows, self.y)
            self.package(model, rows)
            expected = model.predict_proba(rows.head(5))
        self.addCleanup(sklearn.set_config, transform_output="default")
        served = self.probabilities({"a": rows["a"].head(5).tolist(), "b": rows["b"].head(5).tolist()})
        np.testing.assert_allclose(served, expected, rtol=1e-12)


if __name__ == "__main__":
    unittest.main()
