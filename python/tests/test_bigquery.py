"""What Google's client is asked and answers where the emulator cannot show it."""

from __future__ import annotations

import json
import os
import unittest
from datetime import UTC, datetime
from types import SimpleNamespace
from unittest import mock

import pyarrow as pa
from mlsys import _bigquery
from mlsys.bq import bq_get, bq_put
from mlsys.errors import InvalidInput, Unavailable
from mlsys.settings import settings

from tests.places import PROJECT, Place

try:
    import google.cloud.bigquery as bigquery
    from google.auth.exceptions import DefaultCredentialsError
except ImportError as error:
    raise unittest.SkipTest("google-cloud-bigquery is not installed: pip install '.[gcp]'") from error


class Answers(Place):
    def variables(self) -> dict[str, str]:
        return {"MLSYS_WAREHOUSE": "bigquery", "GCP_PROJECT_ID": PROJECT}

    def client(self, **answers: object) -> mock.Mock:
        client = mock.create_autospec(bigquery.Client, instance=True, **answers)
        self.enterContext(mock.patch.object(_bigquery, "_client", return_value=client))
        return client

    def test_lineage_has_the_etag_of_each_table_or_when_it_changed(self) -> None:
        references = [bigquery.TableReference.from_string(f"{PROJECT}.data.{name}") for name in ("a", "b")]
        changed = datetime(2024, 1, 2, tzinfo=UTC)
        client = self.client()
        client.query.return_value.statement_type = "SELECT"
        client.query.return_value.referenced_tables = references
        client.query.return_value.result.return_value.to_arrow.return_value = pa.table({"n": [1]})
        client.get_table.side_effect = [
            SimpleNamespace(etag="x7", modified=changed),
            SimpleNamespace(etag=None, modified=changed),
        ]
        file = self.home / "lineage.jsonl"
        with mock.patch.dict(os.environ, {"MLSYS_LINEAGE": str(file)}):
            bq_get("SELECT 1 AS n")
        tables = json.loads(file.read_text())["tables"]
        expected = {f"{PROJECT}.data.a": "x7", f"{PROJECT}.data.b": "2024-01-02T00:00:00+00:00"}
        self.assertEqual({table["table"]: table["version"] for table in tables}, expected)

    def test_the_address_that_mlsys_takes_says_the_project(self) -> None:
        with mock.patch.dict(os.environ, {"MLSYS_WAREHOUSE": "bigquery://another/bucket/staging", "GCP_PROJECT_ID": ""}):
            self.assertEqual((settings().warehouse, settings().require_gcp_project()), (None, "another"))

    def test_what_is_not_a_query_is_planned_but_not_run(self) -> None:
        client = self.client()
        client.query.return_value.statement_type = "SCRIPT"
        with self.assertRaisesRegex(InvalidInput, "SCRIPT"):
            bq_get("SELECT 1; DROP TABLE data.t")
        self.assertEqual([call.kwargs["job_config"].dry_run for call in client.query.call_args_list], [True])

    def test_columns_of_other_types_are_left_to_bigquery(self) -> None:
        import pandas as pd

        fields = [("a", "INTEGER", "NULLABLE"), ("tags", "STRING", "REPEATED"), ("place", "GEOGRAPHY", "NULLABLE")]
        client = self.client()
        client.get_table.return_value.schema = [bigquery.SchemaField(*field) for field in fields]
        bq_put(pd.DataFrame({"a": [1]}), f"{PROJECT}.data.t")
        config = client.load_table_from_file.call_args.kwargs["job_config"]
        self.assertEqual([field.name for field in config.schema], ["a"])
        with self.assertRaisesRegex(InvalidInput, "'place'"):
            bq_put(pd.DataFrame({"a": [1], "place": ["POINT(1 2)"]}), f"{PROJECT}.data.t")

    def test_the_project_of_a_laptop_is_the_own_one(self) -> None:
        import pandas as pd

        client = self.client()
        client.query.return_value.statement_type = "SELECT"
        client.query.return_value.result.return_value.to_arrow.return_value = pa.table({"n": [1]})
        bq_get("SELECT local.n FROM local.data.t AS local JOIN other.data.u USING (n) WHERE s = 'local.data.t'")
        asked = {call.args[0] for call in client.query.call_args_list}
        own = f"SELECT local.n FROM `{PROJECT}`.data.t AS local JOIN other.data.u USING (n) WHERE s = 'local.data.t'"
        self.assertEqual(asked, {own})
        client.get_table.return_value.schema = [bigquery.SchemaField("a", "INTEGER")]
        bq_put(pd.DataFrame({"a": [1]}), "local.data.t")
        self.assertEqual(client.load_table_from_file.call_args.args[1], f"{PROJECT}.data.t")

    def test_without_credentials(self) -> None:
        with (
            mock.patch.object(_bigquery, "_client", side_effect=DefaultCredentialsError("run gcloud auth")),
            self.assertRaisesRegex(Unavailable, "run gcloud auth"),
        ):
            bq_get("SELECT 1 AS n")

    def test_without_a_project(self) -> None:
        del os.environ["GCP_PROJECT_ID"]
        with self.assertRaisesRegex(InvalidInput, "GCP_PROJECT_ID"):
            bq_get("SELECT 1 AS n")


if __name__ == "__main__":
    unittest.main()
