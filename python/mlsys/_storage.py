"""Buckets in Google Cloud Storage, through Google's own client."""

from __future__ import annotations

from functools import cache
from typing import Any

from mlsys._cloud import credentials, errors_of_this_package, library
from mlsys.settings import Settings


class CloudStore:
    """The buckets that the notebook's Google account may use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def get(self, bucket: str, name: str) -> bytes:
        """The file's bytes."""
        with errors_of_this_package():
            data: bytes = self._bucket(bucket).blob(name).download_as_bytes()
            return data

    def put(self, bucket: str, name: str, data: bytes) -> None:
        """Writes the file, which nobody sees before it is whole."""
        with errors_of_this_package():
            self._bucket(bucket).blob(name).upload_from_string(data, content_type="application/octet-stream")

    def list(self, bucket: str, prefix: str) -> list[str]:
        """The names that begin with the prefix."""
        with errors_of_this_package():
            return [blob.name for blob in self._bucket(bucket).list_blobs(prefix=prefix)]

    def _bucket(self, name: str) -> Any:
        return _client(self._settings.require_gcp_project(), self._settings.storage_emulator).bucket(name)


@cache
def _client(project: str, emulator: str | None) -> Any:
    """One client for all calls: making one looks for credentials, which takes a while."""
    storage = library("google.cloud.storage")
    # The client finds the emulator by itself, but older ones would still ask Google for credentials.
    return storage.Client(project=project, credentials=credentials(emulator))
