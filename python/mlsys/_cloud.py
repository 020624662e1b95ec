"""What the two clients of Google Cloud have in common: how they are imported, and their errors as this package's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from mlsys.errors import AlreadyExists, InvalidInput, NotAllowed, NotFound, Unavailable

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


def library(name: str) -> Any:
    """Google's module, or an error that says how to get it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise Unavailable(f"{name} is not installed: pip install 'mlsys[gcp]'") from error


def credentials(emulator: str | None) -> Any:
    """What shows Google who asks: nothing to an emulator, else the key that ``GOOGLE_SERVICE_ACCOUNT_KEY`` holds as JSON, a secret of
    the notebook's repository; None: what the machine has."""
    if emulator:
        return library("google.auth.credentials").AnonymousCredentials()
    key = os.environ.get("GOOGLE_SERVICE_ACCOUNT_KEY", "").strip()
    if not key:
        return None
    try:
        return library("google.oauth2.service_account").Credentials.from_service_account_info(
            json.loads(key), scopes=_SCOPES
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        # The reason would show parts of the key.
        raise InvalidInput(
            "GOOGLE_SERVICE_ACCOUNT_KEY holds no service account's key: set the secret to the whole JSON file"
        ) from None


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
    except exceptions.Forbidden as error:
        raise NotAllowed(error.message) from error
    except (exceptions.GoogleAPIError, auth.GoogleAuthError) as error:
        raise Unavailable(f"Google Cloud refused or failed: {error}") from error
