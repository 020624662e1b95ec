"""What only holds for tables in a folder: what SQL may reach, who else reads and writes them, and what is written at once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from unittest import mock

import duckdb
import pandas as pd
import polars
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from mlsys import _warehouse
from mlsys.bq import bq_get, bq_put
from mlsys.errors import InvalidInput, MlsysError, NotFound, Unavailable
from pandas.testing import assert_frame_equal

from tests.places import Place

WRITERS = 16


class Local(Place):
    def folder(self, name: str) -> Path:
        return self.home.joinpath("warehouse", *name.split("."))


class Reach(Local):
    def test_sql_reaches_no_files(self) -> None:
        secret = self.home / "secret.csv"
        secret.write_text("password\nhunter2\n")
        for query in (
            f"SELECT * FROM '{secret}'",
            f"SELECT * FROM `{secret}`",
            f"SELECT * FROM read_csv('{secret}')",
            f"SELECT * FROM read_text('{secret}')",
            f"SELECT * FROM read_parquet(['{secret}'])",
            f"SELECT (SELECT content FROM read_blob('{secret}')) AS x",
            f"WITH x AS (SELECT * FROM read_csv_auto('{secret}')) SELECT * FROM x",
            f"SELECT * FROM glob('{self.home}/*')",
            f"COPY (SELECT 1) TO '{self.home}/out.csv'",
            f"EXPORT DATA OPTIONS (uri='{self.home}/out') AS SELECT 1",
            f"ATTACH '{self.home}/out.db'",
            "INSTALL httpfs",
            "LOAD httpfs",
            "SET enable_external_access = true",
            "SELECT * FROM read_csv('http://127.0.0.1:9/x')",
            "PRAGMA database_list",
            "SELECT * FROM duckdb_settings()",
            "SELECT * FROM pg_class",
            "SELECT * FROM information_schema.tables",
            "CALL pragma_version()",
        ):
            with self.subTest(query), self.assertRaises(InvalidInput):
                bq_get(query)
        self.assertEqual(sorted(path.name for path in self.home.iterdir()), ["secret.csv"])

    def test_the_database_itself_reaches_no_files(self) -> None:
        """The second wall: what a mistake in checking the query would run into."""
        secret = self.home / "secret.csv"
        secret.write_text("password\nhunter2\n")
        frame = pd.DataFrame({"a": [1]})
        for sql in (
            f"SELECT * FROM read_csv('{secret}')",
            f"SELECT * FROM '{secret}'",
            f"COPY (SELECT 1) TO '{self.home}/out.csv'",
            f"ATTACH '{self.home}/out.db'",
            "INSTALL httpfs",
            "SET enable_external_access = true",
            "SET TimeZone = 'Asia/Tokyo'",
            "SELECT * FROM read_csv('http://127.0.0.1:9/x')",
            "SELECT * FROM frame",
        ):
            with self.subTest(sql), _warehouse._engine() as engine, self.assertRaises(duckdb.Error):
                engine.sql(sql).fetchall()
        self.assertEqual((len(frame), len(list(self.home.iterdir()))), (1, 1))

    def test_a_link_in_the_warehouse_is_refused(self) -> None:
        bq_put(pd.DataFrame({"a": [1]}), "p.d.t")
        (self.home / "outside").mkdir()
        for link, name in [(self.folder("p.linked"), "p.linked.t"), (self.folder("p.d.linked"), "p.d.linked")]:
            link.symlink_to(self.home / "outside")
            with self.subTest(name), self.assertRaisesRegex(InvalidInput, "link"):
                bq_put(pd.DataFrame({"a": [1]}), name)
            with self.subTest(name), self.assertRaisesRegex(InvalidInput, "link"):
                bq_get(f"SELECT * FROM {name}")
        self.assertEqual(list((self.home / "outside").iterdir()), [])

    def test_a_warehouse_with_unusual_characters(self) -> None:
        with mock.patch.dict(os.environ, {"MLSYS_WAREHOUSE": str(self.home / "wäre house #1?")}):
            bq_put(pd.DataFrame({"a": [1]}), "p-1.d_ä.t")
            self.assertEqual(bq_get("SELECT * FROM `p-1.d_ä.t`")["a"].tolist(), [1])
        percent = mock.patch.dict(os.environ, {"MLSYS_WAREHOUSE": str(self.home / "ware%20house")})
        with percent, self.assertRaisesRegex(InvalidInput, "%"):
            bq_put(pd.DataFrame({"a": [1]}), "p.d.t")


class Queries(Local):
    def test_a_missing_table_names_those_there_are(self) -> None:
        bq_put(pd.DataFrame({"a": [1]}), "p.d.one")
        bq_put(pd.DataFrame({"a": [1]}), "p.d.two")
        with self.assertRaisesRegex(NotFound, "no table p.d.three: p.d has one, two"):
            bq_get("SELECT * FROM p.d.three")
        with self.assertRaisesRegex(NotFound, "no table p.e.three: its dataset has no tables"):
            bq_get("SELECT * FROM p.e.three")

    def test_columns_without_a_name_are_named_as_in_bigquery(self) -> None:
        bq_put(pd.DataFrame({"a": [1]}), "p.d.t")
        result = bq_get("SELECT COUNT(*) OVER (), a, 1 + 1, 'x', CAST(a AS STRING), t.a AS b FROM p.d.t")
        self.assertEqual(list(result.columns), ["f0_", "a", "f1_", "f2_", "f3_", "b"])

    def test_columns_with_the_same_name_are_refused(self) -> None:
        with self.assertRaisesRegex(InvalidInput, "more than one column with the name 'a'"):
            bq_get("SELECT 1 AS a, 2 AS A")

    def test_sums_are_of_64_bits(self) -> None:
        bq_put(pd.DataFrame({"a": [2**62, 2**62]}), "p.d.t")
        self.assertEqual(bq_get("SELECT SUM(a - 1) AS s FROM p.d.t")["s"].tolist(), [2**63 - 2])
        with self.assertRaisesRegex(InvalidInput, "'s' is too large for INT64"):
            bq_get("SELECT SUM(a) AS s FROM p.d.t")

    def test_a_with_is_not_taken_for_a_table_nor_a_table_for_it(self) -> None:
        bq_put(pd.DataFrame({"a": [1]}), "p.d.t")
        for query in (
            "WITH t AS (SELECT 2 AS a) SELECT t.a, x.a AS b FROM p.d.t AS x CROSS JOIN T AS t",
            "WITH mlsys_table_0 AS (SELECT 2 AS a) SELECT mlsys_table_0.a, t.a AS b FROM p.d.t CROSS JOIN mlsys_table_0",
        ):
            with self.subTest(query):
                self.assertEqual(bq_get(query).iloc[0].to_dict(), {"a": 2, "b": 1})

    def test_what_is_not_a_table_is_named(self) -> None:
        for source in ("read_csv('x')", "p.d.f('x')", "p.d.INFORMATION_SCHEMA.TABLES", "p.d.events_*"):
            with self.subTest(source), self.assertRaisesRegex(MlsysError, "(?i)" + re.escape(source.split("(")[0])):
                bq_get(f"SELECT * FROM {source}")

    def test_times_are_of_utc_wherever_the_machine_is(self) -> None:
        program = "from mlsys.bq import bq_get\n"
        program += "print(bq_get(\"SELECT EXTRACT(HOUR FROM TIMESTAMP '2024-01-01 05:00:00+00') AS hour\")['hour'][0])"
        environment = os.environ | {"TZ": "Asia/Tokyo"}
        result = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
        self.assertEqual(result.stdout, "5\n")

    def test_parameters_must_match_the_query(self) -> None:
        for parameters, message in [({}, "no value for @a"), ({"a": 1, "b": 2}, "does not use 'b'")]:
            with self.subTest(message), self.assertRaisesRegex(InvalidInput, message):
                bq_get("SELECT @a AS a", parameters)

    def test_a_query_sees_one_version_of_a_table(self) -> None:
        bq_put(pd.DataFrame({"a": [1]}), "p.d.t")
        file = self.home / "lineage.jsonl"
        engine = _warehouse._engine

        def meanwhile() -> duckdb.DuckDBPyConnection:
            bq_put(pd.DataFrame({"a": [2]}), "p.d.t")
            return engine()

        query = "SELECT (SELECT COUNT(*) FROM p.d.t) AS n, (SELECT MAX(a) FROM `p.d.t`) AS m"
        with mock.patch.object(_warehouse, "_engine", meanwhile), mock.patch.dict(os.environ, {"MLSYS_LINEAGE": str(file)}):
            self.assertEqual(bq_get(query).iloc[0].tolist(), [1, 1])
        self.assertEqual(json.loads(file.read_text())["tables"], [{"table": "p.d.t", "version": 0}])
        self.assertEqual(bq_get(query).iloc[0].tolist(), [2, 2])

    def test_lineage_that_cannot_be_written_is_a_warning(self) -> None:
        (self.home / "file").write_text("")
        nowhere = mock.patch.dict(os.environ, {"MLSYS_LINEAGE": str(self.home / "file" / "lineage.jsonl")})
        with nowhere, self.assertWarnsRegex(RuntimeWarning, "MLSYS_LINEAGE"):
            result = bq_get("SELECT 1 AS a")
        self.assertEqual(result["a"].tolist(), [1])

    def test_lineage_lines_of_many_threads_do_not_mix(self) -> None:
        file = self.home / "lineage.jsonl"
        with mock.patch.dict(os.environ, {"MLSYS_LINEAGE": str(file)}), ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(bq_get, [f"SELECT {number} AS a, '{'x' * 5000}' AS b" for number in range(WRITERS)]))
        self.assertEqual(len({json.loads(line)["query"] for line in file.read_text().splitlines()}), WRITERS)


class OtherPrograms(Local):
    FRAME = pd.DataFrame(
        {"n": [1, 2, 3], "text": ["a", None, "c"], "x": [0.5, None, 2.0], "t": pd.to_datetime(["2024-01-01"] * 3)}
    )

    def test_duckdb_polars_and_pandas_read_what_was_put(self) -> None:
        bq_put(self.FRAME.iloc[:2], "p.d.t")
        bq_put(self.FRAME.iloc[2:], "p.d.t")
        table = DeltaTable(self.folder("p.d.t"))
        files = [path.removeprefix("file://") for path in table.file_uris()]
        self.assertEqual(len(files), 2)
        read = {
            "deltalake": table.to_pandas(),
            "pandas": pd.concat([pd.read_parquet(file) for file in files]),
            "duckdb": duckdb.sql("SELECT * FROM read_parquet(?)", params=[files]).df(),
            "polars": polars.read_delta(str(self.folder("p.d.t"))).to_pandas(),
        }
        for name, frame in read.items():
            with self.subTest(name):
                result = frame.sort_values("n").reset_index(drop=True)
                assert_frame_equal(result, self.FRAME, check_dtype=False, check_column_type=False)

    def test_tables_of_other_programs_are_read_and_appended_to(self) -> None:
        schema = pa.schema(
            [
                pa.field("id", pa.int32(), nullable=False),
                ("price", pa.decimal128(10, 2)),
                ("ratio", pa.float32()),
                ("tags", pa.list_(pa.string())),
                ("part of", pa.string()),
            ]
        )
        row = {"id": 1, "price": Decimal("9.99"), "ratio": 0.5, "tags": ["x"], "part of": "a/b %"}
        folder = self.folder("p.d.t")
        folder.mkdir(parents=True)
        write_deltalake(folder, pa.Table.from_pylist([row], schema), partition_by=["part of"])
        bq_put(pd.DataFrame({"id": [2], "price": [Decimal("1.5")], "part of": ["c"]}), "p.d.t")
        result = bq_get("SELECT * FROM p.d.t ORDER BY id")
        self.assertEqual(result["id"].tolist(), [1, 2])
        self.assertEqual(result["price"].tolist(), [Decimal("9.99"), Decimal("1.50")])
        self.assertEqual(result["part of"].tolist(), ["a/b %", "c"])
        self.assertEqual(list(result["tags"][0]), ["x"])
        for frame, message in [
            (pd.DataFrame({"id": [2**31]}), "'id' has a value that does not fit int32"),
            (pd.DataFrame({"id": [3], "price": [Decimal("0.001")]}), "'price' has a value that does not fit"),
            (pd.DataFrame({"price": [Decimal("1.5")]}), "'id' of p.d.t must not have gaps"),
            (pd.DataFrame({"id": [3], "tags": ["x"]}), "'tags' is list"),
        ]:
            with self.subTest(message), self.assertRaisesRegex(InvalidInput, message):
                bq_put(frame, "p.d.t")

    def test_a_damaged_table_is_an_error_of_this_package(self) -> None:
        log = self.folder("p.d.t") / "_delta_log"
        log.mkdir(parents=True)
        (log / f"{0:020}.json").write_text("not json\n")
        for call in (lambda: bq_get("SELECT * FROM p.d.t"), lambda: bq_put(pd.DataFrame({"a": [1]}), "p.d.t")):
            with self.assertRaises(Unavailable):
                call()

    def test_a_file_that_is_gone_is_an_error_of_this_package(self) -> None:
        bq_put(pd.DataFrame({"a": [1]}), "p.d.t")
        for file in self.folder("p.d.t").glob("*.parquet"):
            file.unlink()
        with self.assertRaises(MlsysError):
            bq_get("SELECT * FROM p.d.t")


class AtOnce(Local):
    """Many writers of one table. Each begins only when all are ready."""

    def together(self, write_disposition: str, values: range) -> list[Exception]:
        ready = threading.Barrier(len(values))

        def write(value: int) -> Exception | None:
            ready.wait()
            try:
                bq_put(pd.DataFrame({"a": [value]}), "p.d.t", write_disposition)  # type: ignore[arg-type]
            except MlsysError as error:
                return error
            return None

        with ThreadPoolExecutor(len(values)) as pool:
            return [error for error in pool.map(write, values) if error is not None]

    def test_threads_that_append_lose_nothing(self) -> None:
        self.assertEqual(self.together("WRITE_APPEND", range(WRITERS)), [])
        self.assertEqual(self.together("WRITE_APPEND", range(WRITERS, 2 * WRITERS)), [])
        self.assertEqual(sorted(bq_get("SELECT a FROM p.d.t")["a"]), list(range(2 * WRITERS)))

    def test_processes_that_append_lose_nothing(self) -> None:
        program = "import sys, pandas as pd\nfrom mlsys.bq import bq_put\nsys.stdin.read()\n"
        program += "for n in range(3): bq_put(pd.DataFrame({'a': [int(sys.argv[1]) * 3 + n]}), 'p.d.t')"
        commands = [[sys.executable, "-c", program, str(number)] for number in range(WRITERS)]
        processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for command in commands]
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None
        problems = [process.communicate()[1] for process in processes]
        self.assertEqual([process.returncode for process in processes], [0] * WRITERS, problems)
        self.assertEqual(sorted(bq_get("SELECT a FROM p.d.t")["a"]), list(range(3 * WRITERS)))

    def test_of_those_that_truncate_one_stays(self) -> None:
        for rows in ([], [-1, -2]):
            bq_put(pd.DataFrame({"a": pd.Series(rows, dtype="int64")}), "p.d.t", "WRITE_TRUNCATE")
            with self.subTest(rows):
                self.assertEqual(self.together("WRITE_TRUNCATE", range(8)), [])
                self.assertEqual(len(bq_get("SELECT a FROM p.d.t WHERE a >= 0")), 1)
                self.assertEqual(len(bq_get("SELECT a FROM p.d.t")), 1)

    def test_of_those_that_write_if_empty_one_succeeds(self) -> None:
        for name in ("without a table", "with an empty table"):
            if name == "with an empty table":
                bq_put(pd.DataFrame({"a": pd.Series([], dtype="int64")}), "p.d.t", "WRITE_TRUNCATE")
            with self.subTest(name):
                self.assertEqual(
                    [type(error).__name__ for error in self.together("WRITE_EMPTY", range(8))], ["AlreadyExists"] * 7
                )
                self.assertEqual(len(bq_get("SELECT a FROM p.d.t")), 1)


if __name__ == "__main__":
    unittest.main()
