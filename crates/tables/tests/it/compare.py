"""Compares a table of predictions with what the estimator itself says of its rows: `compare.py TABLE MODEL TOLERANCE`."""

import glob
import sys

import joblib
import numpy as np
import pandas as pd

table, model, tolerance = sys.argv[1], sys.argv[2], float(sys.argv[3])
rows = pd.concat(pd.read_parquet(file) for file in sorted(glob.glob(f"{table}/*.parquet")))
estimator = joblib.load(f"{model}/model.pkl")
given = rows[["Age", "Fare", "Pclass", "Sex", "Embarked", "Alone"]].astype({"Fare": "float32", "Alone": bool})
given["Embarked"] = given["Embarked"].where(given["Embarked"].notna(), "missing")
predicted, probable = estimator.predict(given), estimator.predict_proba(given).max(axis=1)
# Of labels that are all but equally probable, either may be said.
sure = np.abs(probable - 0.5) > tolerance
assert (predicted == rows["Prediction"])[sure].all(), "labels differ"
difference = np.abs(probable - rows["PredictionProbability"]).max()
assert difference <= tolerance, f"probabilities differ by {difference}"
print(len(rows), "rows are equal")
