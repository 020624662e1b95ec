"""What the two clients of Google Cloud have in common: how they are imported, and their errors as this package's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from mlsys.errors import AlreadyExists, InvalidInput, NotFound, Unavailable


def library(name: str) -> Any:
    """Google's module, or an error that says how to get it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise Unavailable(f"{name} is not installed: pip install 'mlsys[gcp]'") from error


@contextmanager
def errors_of_this_package() -> Iterator[None]:
    """Turns Google's errors into those that the same mistake makes on this machine."""
    exceptions = library("google.api_core.exceptions")
    auth = library("google.auth.exceptions")
    try:
        yield
    except exceptions.NotFound as error:
        raise NotFound(error.message) from error
    except exceptions.Conflict as error:
        raise AlreadyExists(error.message) from error
    except exceptions.BadRequest as error:
        raise InvalidInput(error.message) from error
    except (exceptions.GoogleAPIError, auth.GoogleAuthError) as error:
        raise Unavailable(f"Google Cloud refused or failed: {error}") from error
