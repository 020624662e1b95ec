"""Which columns of a DataFrame can be put into a table, and what the others are refused with."""

from __future__ import annotations

import datetime as dt
import unittest
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from mlsys.bq import bq_get, bq_put
from mlsys.errors import InvalidInput
from pandas.testing import assert_series_equal

from tests.places import Place

TEXT = pd.Series(["a"]).dtype


def arrow(values: list[Any], data_type: pa.DataType) -> pd.Series[Any]:
    return pd.Series(values, dtype=pd.ArrowDtype(data_type))


class Columns(Place):
    def through_a_table(self, column: Any) -> pd.Series[Any]:
        bq_put(pd.DataFrame({"x": column}), "p.d.t", "WRITE_TRUNCATE")
        return bq_get("SELECT x FROM p.d.t")["x"]

    def test_unusual_types_of_pandas_become_the_usual_ones(self) -> None:
        day = dt.date(2024, 2, 29)
        ambiguous = pd.Series(pd.to_datetime(["2024-10-27 00:30", "2024-10-27 01:30"], utc=True))
        cases: dict[str, tuple[Any, Any, Any]] = {
            "int8": (np.array([1, -128], "int8"), [1, -128], "int64"),
            "uint32": (np.array([0, 2**32 - 1], "uint32"), [0, 2**32 - 1], "int64"),
            "uint64 that fits": (np.array([0, 2**63 - 1], "uint64"), [0, 2**63 - 1], "int64"),
            "float16": (np.array([0.5, 2], "float16"), [0.5, 2.0], "float64"),
            "float32": (np.array([0.1, np.nan], "float32"), [float(np.float32(0.1)), None], "float64"),
            "nullable without gaps": (pd.array([1, 2], "Int64"), [1, 2], "int64"),
            "nullable real": (pd.array([1.5, None], "Float32"), [1.5, None], "float64"),
            "nullable text": (pd.array(["a", None], "string"), ["a", None], TEXT),
            "text as objects": (np.array(["a", None], object), ["a", None], TEXT),
            "fixed-width text": (np.array(["a", "bc"]).tolist(), ["a", "bc"], TEXT),
            "text and nan": (pd.Series(["a", np.nan], dtype=object), ["a", None], TEXT),
            "categories of text": (pd.Categorical(["b", None, "b"], ["a", "b"]), ["b", None, "b"], TEXT),
            "categories of numbers": (pd.Categorical([3, None]), [3, None], "Int64"),
            "sparse": (pd.arrays.SparseArray([0, 0, 7]), [0, 0, 7], "int64"),
            "booleans with None": (pd.Series([True, None], dtype=object), [True, None], "boolean"),
            "numbers with NA": (pd.Series([pd.NA, 2**60 + 1], dtype=object), [None, 2**60 + 1], "Int64"),
            "only gaps": ([None, None], [None, None], TEXT),
            "only NaT": (pd.to_datetime([None, None]), [None, None], "datetime64[us]"),
            "nanoseconds without a rest": (
                pd.to_datetime(["2024-01-01"]).as_unit("ns"),
                [pd.Timestamp("2024-01-01")],
                "datetime64[us]",
            ),
            "seconds": (np.array(["2500-01-01"], "datetime64[s]"), [pd.Timestamp("2500-01-01")], "datetime64[us]"),
            "another zone": (ambiguous.dt.tz_convert("Europe/Berlin"), ambiguous.tolist(), "datetime64[us, UTC]"),
            "times as objects": (
                np.array([dt.datetime(2024, 1, 1), None], object),
                [pd.Timestamp("2024-01-01"), None],
                "datetime64[us]",
            ),
            "decimal of another scale": ([Decimal("1E+3"), Decimal("-0.50")], [Decimal(1000), Decimal("-0.5")], "object"),
            "decimal NaN": ([Decimal("NaN"), Decimal("1")], [None, Decimal("1")], "object"),
            "arrow int32": (arrow([1, None], pa.int32()), [1, None], "Int64"),
            "arrow text": (arrow(["a", None], pa.string()), ["a", None], TEXT),
            "arrow large bytes": (arrow([b"a", None], pa.large_binary()), [b"a", None], "object"),
            "arrow date64": (arrow([day], pa.date64()), [day], "object"),
            "arrow dictionary": (arrow(["a", None], pa.dictionary(pa.int8(), pa.string())), ["a", None], TEXT),
            "arrow decimal": (arrow([Decimal("1.25")], pa.decimal128(5, 2)), [Decimal("1.25")], "object"),
            "arrow gaps": (arrow([None], pa.null()), [None], TEXT),
        }
        for name, (column, values, expected) in cases.items():
            with self.subTest(name):
                result = self.through_a_table(column)
                assert_series_equal(result, pd.Series(values, dtype=expected, name="x"), check_exact=True)

    def test_columns_that_no_table_can_hold(self) -> None:
        instant = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
        cases: dict[str, tuple[Any, str]] = {
            "text and numbers": (["a", 1], "int, str"),
            "whole and real": (pd.Series([1, 2.5], dtype=object), "float, int"),
            "truth and numbers": (pd.Series([True, 1], dtype=object), "bool, int"),
            "bytes and text": ([b"a", "b"], "bytes, str"),
            "decimal and whole": ([Decimal("1"), 1], "Decimal, int"),
            "days and times": (pd.Series([dt.date(2024, 1, 1), dt.datetime(2024, 1, 1, 5)], dtype=object), "date, datetime"),
            "times with and without zone": (pd.Series([instant.replace(tzinfo=None), instant], dtype=object), "time zone"),
            "times of day": ([dt.time(1)], "time"),
            "durations": (pd.to_timedelta([1], "s"), "duration"),
            "lists": ([[1], [2]], "list"),
            "dictionaries": ([{"a": 1}], "dict"),
            "objects": ([object()], "object"),
            "complex": ([1j], "complex"),
            "periods": (pd.period_range("2024", periods=1), "period"),
            "intervals": (pd.interval_range(0, 1), "interval"),
            "nanoseconds": (pd.to_datetime([1]), r"dt\.floor\('us'\)"),
            "too large": ([2**70], "too large"),
            "too large without a sign": (np.array([2**63], "uint64"), "64 bits with a sign"),
            "too many decimals": ([Decimal("0.0000000001")], "value"),
            "too many digits": ([Decimal(10) ** 29], "value"),
            "infinite decimal": ([Decimal("Infinity")], "infinite"),
            "half a character": (pd.Series(["\ud800"], dtype=object), "surrogates"),
        }
        for name, (column, message) in cases.items():
            with self.subTest(name), self.assertRaisesRegex(InvalidInput, f"(?s)column 'x'.*{message}"):
                bq_put(pd.DataFrame({"ok": [1] * len(column), "x": column}), "p.d.refused")
        self.assertFalse((self.home / "warehouse").exists())

    def test_names_of_columns(self) -> None:
        for names, message in [
            ([1], "the column name 1 "),
            ([""], "the column name '' "),
            (["  "], "not a text with something in it"),
            ([None], "the column name"),
            ([("a", "b")], "the column name"),
            (["a.b"], "cannot be used"),
            (["a\nb"], "cannot be used"),
            (["x" * 301], "at most 300 characters"),
            (["a", "A"], r"\['a', 'A'\] have the same name"),
            (["a", "a"], r"\['a', 'a'\] have the same name"),
            ([], "no columns"),
        ]:
            with self.subTest(names), self.assertRaisesRegex(InvalidInput, message):
                frame = pd.DataFrame([range(len(names))])
                frame.columns = pd.Index(names, dtype=object, tupleize_cols=False)
                bq_put(frame, "p.d.t")
        names = ["a b", "ä", "select", "x-y", "1st", "a=b", "50%"]
        bq_put(pd.DataFrame([range(len(names))], columns=names), "p.d.t")
        self.assertEqual(list(bq_get("SELECT * FROM p.d.t").columns), names)

    def test_only_frames_are_put(self) -> None:
        with self.assertRaisesRegex(InvalidInput, "not list"):
            bq_put([{"a": 1}], "p.d.t")  # type: ignore[arg-type]

    def test_columns_without_rows_or_type_are_text(self) -> None:
        bq_put(pd.DataFrame(columns=["a"]), "p.d.t")
        bq_put(pd.DataFrame({"a": ["x"]}), "p.d.t")
        self.assertEqual(bq_get("SELECT a FROM p.d.t")["a"].tolist(), ["x"])


if __name__ == "__main__":
    unittest.main()
