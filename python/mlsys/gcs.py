"""Files in buckets.

``MLSYS_BUCKETS`` decides where the buckets are: folders of this machine, or Google Cloud Storage.
"""

from __future__ import annotations

import io
import re
from typing import Any, Protocol

from mlsys.errors import InvalidInput
from mlsys.settings import settings

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_LONGEST_NAME = 1024


class Store(Protocol):
    """A place that holds buckets. Buckets and names have been checked before it is asked."""

    def get(self, bucket: str, name: str) -> bytes: ...

    def put(self, bucket: str, name: str, data: bytes) -> None: ...

    def list(self, bucket: str, prefix: str) -> list[str]: ...


def gcs_get(bucket: str, name: str | None = None) -> bytes:
    """The bytes of a file: ``gcs_get("bucket", "folder/name")`` or ``gcs_get("gs://bucket/folder/name")``."""
    return _store().get(*_address(bucket, name))


def gcs_put(bucket: str, name: str, data: bytes | str) -> None:
    """Writes a file, in the place of one that has the name already. Text is written as UTF-8."""
    if not isinstance(data, bytes | bytearray | memoryview | str):
        raise InvalidInput(
            f"a file is written from bytes or text, not {type(data).__name__}: gcs_put_pickle writes any object"
        )
    _store().put(*_address(bucket, name), data.encode() if isinstance(data, str) else bytes(data))


def gcs_get_pickle(bucket: str, name: str | None = None) -> Any:
    """The object that ``gcs_put_pickle`` or ``joblib.dump`` wrote. Reading a pickle runs code in it: read only what you trust."""
    import joblib

    return joblib.load(io.BytesIO(gcs_get(bucket, name)))


def gcs_put_pickle(bucket: str, name: str, obj: Any) -> None:
    """Writes any object that joblib can, such as a fitted model."""
    import joblib

    file = io.BytesIO()
    joblib.dump(obj, file)
    gcs_put(bucket, name, file.getvalue())


def gcs_list_blobs(bucket: str, prefix: str = "") -> list[str]:
    """The sorted names of the files in a bucket that begin with the prefix, such as ``"folder/"``."""
    return sorted(_store().list(_checked_bucket(bucket), prefix))


def _store() -> Store:
    chosen = settings()
    if chosen.buckets is None:
        from mlsys._storage import CloudStore

        return CloudStore(chosen)
    from mlsys._buckets import FolderStore

    return FolderStore(chosen.buckets)


def _address(bucket: str, name: str | None) -> tuple[str, str]:
    """The bucket and the name, whichever way they were given."""
    if isinstance(bucket, str) and bucket.startswith("gs://"):
        if name is not None:
            raise InvalidInput(f"{bucket!r} is a whole address: leave the name out, or give the bucket without 'gs://'")
        bucket, _, name = bucket.removeprefix("gs://").partition("/")
    if not isinstance(name, str) or not name:
        raise InvalidInput("the file's name is missing: give a bucket and a name, or one address 'gs://bucket/name'")
    if len(_utf8(name)) > _LONGEST_NAME or re.search(r"[\x00\r\n]", name):
        raise InvalidInput(
            f"the file's name {name!r} is longer than {_LONGEST_NAME} bytes or has line breaks: choose another"
        )
    return _checked_bucket(bucket), name


def _utf8(name: str) -> bytes:
    try:
        return name.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"the file's name {name!r} is not valid text: {error}") from error


def _checked_bucket(bucket: str) -> str:
    if not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise InvalidInput(
            f"{bucket!r} is not a bucket's name: it has 3 or more small letters, digits, '-', '_' and '.', with a letter or digit at both ends"
        )
    return bucket
