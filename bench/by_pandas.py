"""A table through a model into a table, as one does by hand: `by_pandas.py MODEL INPUT OUTPUT`. Prints how long it took, and the most memory."""

import json
import resource
import sys
import time
from pathlib import Path

import joblib
import pandas as pd

began = time.perf_counter()
model, table = joblib.load(sys.argv[1]), pd.read_parquet(sys.argv[2])
# pandas reads texts with gaps as None; the estimator was fitted on NaN.
texts = table.select_dtypes("object").columns
table[texts] = table[texts].fillna(float("nan"))
probabilities = model.predict_proba(table)
table["Prediction"] = model.classes_[probabilities.argmax(axis=1)]
table["PredictionTimestamp"] = pd.Timestamp.now("UTC")
table["ModelName"], table["ModelVersion"] = Path(sys.argv[1]).stem, 1
table["PredictionProbability"] = probabilities.max(axis=1)
table.to_parquet(sys.argv[3])
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": time.perf_counter() - began, "mib": most}))
