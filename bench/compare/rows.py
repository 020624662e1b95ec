"""Rows for a packaged model, right ones and wrong ones, drawn by a seed.

A model is known by its manifest: its signature says which values its columns take, its example which are likely.
"""

import json
from dataclasses import dataclass

WHOLE = {"integer", "long"}
FRACTIONS = {"float", "double"}
NUMBERS = WHOLE | FRACTIONS
GOOD = "as the model takes them"

# What may be wrong with one value: what it is called, the types of columns that it happens to, and the values that do.
WRONG_VALUES = [
    ("text for a number", NUMBERS, ["many", ""]),
    ("a number as text", NUMBERS, ["29", "1e2"]),
    ("a truth for a number", NUMBERS, [True, False]),
    ("a fraction for a whole number", WHOLE, [2.5, -0.25]),
    ("a whole number written as a fraction", WHOLE, [3.0]),
    ("a number beyond 32 bits", {"integer"}, [1 << 31, -(1 << 40)]),
    ("a number beyond 64 bits", {"long"}, [1 << 63, -(10**30)]),
    ("a very large whole number for a fraction", FRACTIONS, [1 << 53, 10**30]),
    ("a number beyond a float of 32 bits", {"float"}, [1e300]),
    ("an infinity", FRACTIONS, [float("inf"), float("-inf")]),
    ("null for a fraction", FRACTIONS, [None]),
    ("null for a whole number", WHOLE, [None]),
    ("null for text", {"string"}, [None]),
    ("null for a truth", {"boolean"}, [None]),
    ("null for a moment", {"datetime"}, [None]),
    ("a number for text", {"string"}, [3, 0.5]),
    ("a truth for text", {"string"}, [True]),
    ("0 or 1 for a truth", {"boolean"}, [0, 1]),
    ("another number for a truth", {"boolean"}, [2, -1, 0.5]),
    ("text for a truth", {"boolean"}, ["true", "no"]),
    (
        "a moment in another form",
        {"datetime"},
        ["2024-05-06", "2024-05-06 07:08:09", "2024-05-06T07:08", "2024-05-06T07:08:09.123456789"],
    ),
    ("a moment with a time zone", {"datetime"}, ["2024-05-06T07:08:09Z", "2024-05-06T07:08:09+02:00"]),
    ("text that is no moment", {"datetime"}, ["soon", "2024-13-01T00:00:00"]),
    ("a number for a moment", {"datetime"}, [1_714_979_289]),
    ("a list for a value", NUMBERS | {"string", "boolean", "datetime"}, [[1], []]),
    ("an object for a value", NUMBERS | {"string", "boolean", "datetime"}, [{"x": 1}]),
]
# What may be wrong with a table, whatever its values.
WRONG_TABLES = ["a column is missing", "a column too many", "columns in another order", "no rows"]
WRONG_ARRAYS = [
    "a column is missing",
    "a column too many",
    "no rows",
    "rows of different lengths",
    "rows in one more list",
    "no lists in the list",
]


@dataclass
class Rows:
    """Rows of a model: of a table each column's name, type and values; of an array lists of values."""

    what: str
    columns: dict | None = None  # name: values
    types: dict | None = None
    array: list | None = None

    @property
    def count(self):
        """How many rows there are."""
        return len(next(iter(self.columns.values()), [])) if self.array is None else len(self.array)

    def records(self):
        """Rows of a table as objects."""
        return [{name: values[at] for name, values in self.columns.items()} for at in range(self.count)]

    def split(self):
        """Rows of a table as lists."""
        return [list(row.values()) for row in self.records()]


class Model:
    """A packaged model, as far as its clients know it."""

    def __init__(self, folder):
        self.folder = folder
        self.manifest = json.loads((folder / "metadata.json").read_text())
        self.name = self.manifest["model_name"]
        signature, example = self.manifest["signature"], self.manifest["input_example"]
        self.is_table = signature["kind"] == "columns"
        if self.is_table:
            self.types = {column["name"]: column["type"] for column in signature["columns"]}
            self.nullable = {column["name"] for column in signature["columns"] if column["nullable"]}
            self.required = [column["name"] for column in signature["columns"] if column["required"]]
            self.likely = {name: [row[at] for row in example["data"]] for at, name in enumerate(example["columns"])}
        else:
            self.element = {"float32": "float", "float64": "double"}[signature["tensor"]["dtype"]]
            self.width = signature["tensor"]["shape"][1]

    def value(self, dice, name):
        """A value that a column takes."""
        kind, likely = self.types[name], self.likely[name]
        if kind == "double":
            return dice.choice([round(dice.uniform(-5, 90), 3), *[value for value in likely if value is not None]])
        if kind == "float":
            return dice.choice([7.25, 30.5, 71.125, 0.0])  # in 64 bits as well
        if kind in WHOLE:
            return dice.choice([0, 1, 2, 3, *likely])
        if kind == "boolean":
            return dice.random() < 0.5
        texts = [value for value in likely if value is not None]
        return dice.choice(texts if kind == "datetime" else [*texts, "ä", 'other, "unheard" of', ""])

    def good(self, dice):
        """Rows as the model takes them."""
        count = dice.randint(1, 4)
        if not self.is_table:
            make = (
                (lambda: dice.choice([7.25, -0.5, 0.125]))
                if self.element == "float"
                else (lambda: round(dice.uniform(-9, 9), 3))
            )
            return Rows(GOOD, array=[[make() for _ in range(self.width)] for _ in range(count)])
        columns = {name: [self.value(dice, name) for _ in range(count)] for name in self.types}
        for name in self.nullable & {name for name, kind in self.types.items() if kind in FRACTIONS}:
            columns[name] = [None if dice.random() < 0.2 else value for value in columns[name]]
        return Rows(GOOD, columns, dict(self.types))

    def wrong(self, dice):
        """Rows of which one thing is unusual."""
        rows = self.good(dice)
        if not self.is_table:
            return self._wrong_array(dice, rows)
        fitting = [each for each in WRONG_VALUES if each[1] & set(self.types.values())]
        if dice.random() < 0.25:
            return self._wrong_table(dice, rows)
        rows.what, kinds, values = dice.choice(fitting)
        name = dice.choice([name for name, kind in self.types.items() if kind in kinds])
        if rows.what.startswith("null") and name in self.nullable:
            rows.what += ", where training had gaps"
        rows.columns[name][dice.randrange(rows.count)] = dice.choice(values)
        return rows

    def _wrong_table(self, dice, rows):
        rows.what = dice.choice(WRONG_TABLES)
        if rows.what == "a column is missing":
            del rows.columns[dice.choice(self.required)]
        elif rows.what == "a column too many":
            rows.columns["extra"], rows.types["extra"] = ["extra"] * rows.count, "string"
        elif rows.what == "columns in another order":
            rows.columns = dict(reversed(rows.columns.items()))
        else:
            rows.columns = {name: [] for name in rows.columns}
        return rows

    def _wrong_array(self, dice, rows):
        if dice.random() < 0.5:
            rows.what, _, values = dice.choice([each for each in WRONG_VALUES if self.element in each[1]])
            dice.choice(rows.array)[dice.randrange(self.width)] = dice.choice(values)
            return rows
        rows.what = dice.choice(WRONG_ARRAYS)
        if rows.what == "no rows":
            rows.array = []
        elif rows.what == "rows of different lengths":
            rows.array = [*rows.array, rows.array[0][:-1]]
        elif rows.what == "rows in one more list":
            rows.array = [rows.array]
        elif rows.what == "no lists in the list":
            rows.array = rows.array[0]
        else:
            step = 1 if rows.what == "a column too many" else -1
            rows.array = [(row * 2)[: self.width + step] for row in rows.array]
        return rows
