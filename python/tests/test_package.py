"""The package itself: what it reads from the environment, and what it imports when."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

from mlsys._cloud import credentials
from mlsys.errors import InvalidInput
from mlsys.settings import settings


class Settings(unittest.TestCase):
    def test_defaults(self) -> None:
        with mock.patch.dict(os.environ, {}, clear=True):
            chosen = settings()
        self.assertEqual(
            (chosen.home, chosen.warehouse, chosen.buckets),
            (Path(".mlsys"), Path(".mlsys/warehouse"), Path(".mlsys/buckets")),
        )
        self.assertEqual(
            (chosen.lineage, chosen.gcp_project, chosen.bigquery_emulator, chosen.storage_emulator), (None,) * 4
        )

    def test_folders(self) -> None:
        with mock.patch.dict(os.environ, {"MLSYS_HOME": "/h", "MLSYS_BUCKETS": "/b", "MLSYS_WAREHOUSE": ""}, clear=True):
            chosen = settings()
        self.assertEqual((chosen.warehouse, chosen.buckets), (Path("/h/warehouse"), Path("/b")))

    def test_google_cloud(self) -> None:
        variables = {"MLSYS_WAREHOUSE": "BigQuery", "MLSYS_BUCKETS": "gcs", "GCP_PROJECT_ID": "p", "MLSYS_LINEAGE": "/l"}
        with mock.patch.dict(os.environ, variables, clear=True):
            chosen = settings()
        self.assertEqual((chosen.warehouse, chosen.buckets, chosen.lineage), (None, None, Path("/l")))
        self.assertEqual(chosen.require_gcp_project(), "p")

    def test_an_address_that_notebooks_do_not_reach_is_named(self) -> None:
        with (
            mock.patch.dict(os.environ, {"MLSYS_WAREHOUSE": "s3://tables/all"}, clear=True),
            self.assertRaisesRegex(InvalidInput, "MLSYS_WAREHOUSE is 's3://tables/all'"),
        ):
            settings()
        with mock.patch.dict(os.environ, {"MLSYS_WAREHOUSE": "file:///t"}, clear=True):
            self.assertEqual(settings().warehouse, Path("/t"))

    def test_a_key_that_is_none_is_refused_and_not_shown(self) -> None:
        for key in ("secret-part", '{"private_key": "secret-part"}', '["secret-part"]'):
            with (
                mock.patch.dict(os.environ, {"GOOGLE_SERVICE_ACCOUNT_KEY": key}, clear=True),
                self.assertRaises(InvalidInput) as refused,
            ):
                credentials(None)
            self.assertNotIn("secret-part", str(refused.exception))

    def test_a_missing_project_is_an_error_with_its_remedy(self) -> None:
        with (
            mock.patch.dict(os.environ, {}, clear=True),
            self.assertRaisesRegex(InvalidInput, "set it to the Google Cloud project"),
        ):
            settings().require_gcp_project()


class Imports(unittest.TestCase):
    def loaded(self, program: str) -> set[str]:
        """The libraries that a program has loaded at its end."""
        program += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
        return set(
            subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
        )

    def test_imports_are_put_off(self) -> None:
        heavy = {"pandas", "numpy", "pyarrow", "duckdb", "sqlglot", "deltalake", "google", "matplotlib", "sklearn", "joblib"}
        self.assertEqual(heavy & self.loaded("import mlsys, mlsys.bq, mlsys.gcs, mlsys.vis, mlsys.settings"), set())

    def test_files_need_no_pandas(self) -> None:
        program = "from mlsys.gcs import gcs_list_blobs\nfrom mlsys.errors import NotFound\n"
        program += "try: gcs_list_blobs('no-such-bucket')\nexcept NotFound: pass"
        self.assertNotIn("pandas", self.loaded(program))

    def test_a_missing_library_is_an_error_with_its_remedy(self) -> None:
        program = (
            "import sys, os\n"
            "for name in ('google', 'google.cloud', 'matplotlib', 'sklearn'): sys.modules[name] = None\n"
            "os.environ.update(MLSYS_BUCKETS='gcs', GCP_PROJECT_ID='p')\n"
            "from mlsys import gcs, vis\n"
            "for call in (lambda: gcs.gcs_get('bucket', 'a'), lambda: vis.metrics({'a': 1}), lambda: vis.roc([0, 1], [0, 1])):\n"
            "    try: call()\n"
            "    except Exception as error: print(type(error).__name__, error)"
        )
        lines = subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True
        ).stdout.splitlines()
        self.assertEqual(
            [line.split(": ")[-1] for line in lines], [f"pip install 'mlsys[{extra}]'" for extra in ("gcp", "vis", "vis")]
        )
        self.assertTrue(all(line.startswith("Unavailable ") for line in lines), lines)


if __name__ == "__main__":
    unittest.main()
