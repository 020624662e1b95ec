"""The same rows as each server takes them.

| file | |
|---|---|
| `N.json` | a list of objects |
| `N.rows.json` | the same as the argument `rows` |
| `N.split.json` | MLflow's `dataframe_split` |
| `N.v2.json` | the Open Inference Protocol's, for MLServer's pandas codec |
| `N.v2`, `N.v2.length` | the same protocol's with binary tensors, for labels and probabilities as binary tensors; how long its JSON is |
| `N.arrow` | a stream of Arrow's |

The Open Inference Protocol and MLflow's server have no form for a missing text: there, it is an empty one.
"""

import json

import numpy as np
import pyarrow

COUNTS = (1, 1_000)
OUTPUTS = ("predict", "predict_proba")


def write(table, folder):
    """All of them."""
    folder.mkdir(exist_ok=True)
    for count in COUNTS:
        some = table.head(count)
        rows = plain(some)
        # pandas would make its own type of text of them.
        whole = some.assign(**{name: some[name].fillna("").astype(object) for name in texts(some)})
        split = {"columns": list(whole.columns), "data": [list(row.values()) for row in plain(whole)]}
        for suffix, body in {
            "json": rows,
            "rows.json": {"rows": rows},
            "split.json": {"dataframe_split": split},
            "v2.json": {
                "parameters": {"content_type": "pd"},
                "inputs": [as_list(whole[name]) for name in whole.columns],
                "outputs": [{"name": name} for name in OUTPUTS],
            },
        }.items():
            (folder / f"{count}.{suffix}").write_text(json.dumps(body))
        head, tensors = binary(whole)
        (folder / f"{count}.v2").write_bytes(head + tensors)
        (folder / f"{count}.v2.length").write_text(str(len(head)))
        batch = pyarrow.RecordBatch.from_pandas(some, preserve_index=False)
        with pyarrow.ipc.new_stream(str(folder / f"{count}.arrow"), batch.schema) as stream:
            stream.write_batch(batch)


def texts(table):
    """The names of the columns of text."""
    return [name for name in table.columns if table[name].dtype == object]


def plain(table):
    """The rows as JSON has them, `null` for what is missing."""
    return json.loads(table.to_json(orient="records", double_precision=15))


def as_list(column):
    """A column as MLServer's pandas codec reads it."""
    if column.dtype == object:
        said = {"datatype": "BYTES", "parameters": {"content_type": "str"}, "data": list(column)}
    else:
        said = {"datatype": "FP64", "data": [None if np.isnan(value) else float(value) for value in column]}
    return {"name": column.name, "shape": [len(column), 1], **said}


def binary(table):
    """A request with binary tensors: its JSON, and the tensors."""
    inputs, tensors = [], []
    for name in table.columns:
        column = table[name]
        if column.dtype == object:
            encoded = [text.encode() for text in column]
            tensor, datatype = b"".join(len(text).to_bytes(4, "little") + text for text in encoded), "BYTES"
        else:
            tensor = column.to_numpy().tobytes()
            datatype = {"f": "FP64", "i": "INT64"}[column.dtype.kind]
        said = {"shape": [len(column), 1], "datatype": datatype, "parameters": {"binary_data_size": len(tensor)}}
        inputs.append({"name": name, **said})
        tensors.append(tensor)
    outputs = [{"name": name, "parameters": {"binary_data": True}} for name in OUTPUTS]
    return json.dumps({"inputs": inputs, "outputs": outputs}).encode(), b"".join(tensors)
