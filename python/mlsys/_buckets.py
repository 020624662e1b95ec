"""Buckets on this machine: a folder for each, with its files under their names."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mlsys._names import LONGEST_PART, inside, not_allowed
from mlsys.errors import InvalidInput, NotFound, Unavailable

# Files that are not whole yet, in the bucket itself: a notebook may write nowhere else.
_UNFINISHED = ".unfinished"


class FolderStore:
    """The buckets in one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, bucket: str, name: str) -> bytes:
        """The file's bytes."""
        try:
            return self._path(bucket, name).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise NotFound(
                f"there is no file gs://{bucket}/{name}: gcs_list_blobs({bucket!r}) lists those there are"
            ) from error
        except PermissionError as error:
            raise not_allowed(f"gs://{bucket}/{name}", f"gs://{bucket}") from error
        except OSError as error:
            raise Unavailable(f"gs://{bucket}/{name} could not be read: {error}") from error

    def put(self, bucket: str, name: str, data: bytes) -> None:
        """Writes the file beside the bucket's others and then moves it to its name, so that nobody reads half of it."""
        path = self._path(bucket, name)
        unfinished = inside(self._root, bucket) / _UNFINISHED / uuid.uuid4().hex
        try:
            unfinished.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise InvalidInput(
                f"gs://{bucket}/{name} cannot be written: in a folder, no name can be both a file and the beginning of "
                "another file's name. Choose another name"
            ) from error
        except PermissionError as error:
            raise not_allowed(f"gs://{bucket}/{name}", f"gs://{bucket}", writing=True) from error
        except OSError as error:
            raise Unavailable(f"gs://{bucket}/{name} could not be written: {error}") from error
        finally:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def list(self, bucket: str, prefix: str) -> list[str]:
        """The names that begin with the prefix, in no order."""
        folder = inside(self._root, bucket)
        if not folder.is_dir():
            raise NotFound(f"there is no bucket {bucket!r}: gcs_put makes it with its first file")
        try:
            return [name for name in _names_in(folder) if name.startswith(prefix)]
        except PermissionError as error:
            raise not_allowed(f"gs://{bucket}", f"gs://{bucket}") from error
        except OSError as error:
            raise Unavailable(f"gs://{bucket} could not be listed: {error}") from error

    def _path(self, bucket: str, name: str) -> Path:
        parts = name.split("/")
        if any(part in ("", ".", "..", _UNFINISHED) for part in parts) or "\\" in name:
            raise InvalidInput(
                f"the file's name {name!r} cannot be used in a folder: it must not have '\\', '.', '..' or '{_UNFINISHED}' as a part, "
                "or '/' twice in a row or at an end"
            )
        if any(len(part.encode()) > LONGEST_PART for part in parts):
            raise InvalidInput(
                f"the file's name {name!r} is too long for a folder: at most {LONGEST_PART} bytes between two '/'"
            )
        return inside(self._root, bucket, *parts)


def _names_in(folder: Path) -> Iterator[str]:
    """The names of the files under the folder. Links are left out, as they cannot be read either."""
    for parent, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if name != _UNFINISHED]
        for file in files:
            path = Path(parent, file)
            if not path.is_symlink():
                yield path.relative_to(folder).as_posix()


def _raise(error: OSError) -> None:
    raise error
