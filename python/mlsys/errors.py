"""What the functions of this package raise, whichever of the places the data lives in."""

from __future__ import annotations


class MlsysError(Exception):
    """Every error of this package; its text says how to fix it."""


class InvalidInput(MlsysError, ValueError):
    """A name, a query or a DataFrame that cannot be used as it is. Nothing was written."""


class NotFound(MlsysError, LookupError):
    """There is no such table, bucket or file."""


class AlreadyExists(MlsysError):
    """The table has rows already, and was to be written only if it had none."""


class NotAllowed(MlsysError, PermissionError):
    """The data is there or could be, and this notebook may not read or write it."""


class Unavailable(MlsysError, RuntimeError):
    """The place where the data lives refused or failed, or the library that reaches it is not installed."""
