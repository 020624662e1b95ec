"""Where tables and files live, read from environment variables."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mlsys.errors import InvalidInput


@dataclass(frozen=True)
class Settings:
    """One reading of the environment. A place that is ``None`` is on Google Cloud, else it is a folder of this machine."""

    home: Path
    warehouse: Path | None
    buckets: Path | None
    lineage: Path | None
    gcp_project: str | None
    bigquery_emulator: str | None
    storage_emulator: str | None

    def require_gcp_project(self) -> str:
        """The project that pays for what is done on Google Cloud."""
        if self.gcp_project is None:
            raise InvalidInput("GCP_PROJECT_ID is not set: set it to the Google Cloud project that runs your queries")
        return self.gcp_project


def settings() -> Settings:
    """Reads the environment anew, so that a notebook's first cell can still change it."""
    home = Path(_variable("MLSYS_HOME") or ".mlsys")
    lineage = _variable("MLSYS_LINEAGE")
    return Settings(
        home=home,
        warehouse=_folder("MLSYS_WAREHOUSE", cloud="bigquery", default=home / "warehouse"),
        buckets=_folder("MLSYS_BUCKETS", cloud="gcs", default=home / "buckets"),
        lineage=Path(lineage) if lineage else None,
        gcp_project=_variable("GCP_PROJECT_ID") or _project(_variable("MLSYS_WAREHOUSE") or ""),
        bigquery_emulator=_variable("BIGQUERY_EMULATOR_HOST"),
        storage_emulator=_variable("STORAGE_EMULATOR_HOST"),
    )


def _variable(name: str) -> str | None:
    """The variable's value; an empty one counts as unset, as shells and containers often cannot unset one."""
    return os.environ.get(name, "").strip() or None


def _folder(name: str, cloud: str, default: Path) -> Path | None:
    """The folder that the variable names, or ``None`` if it is the word for Google Cloud, or an address that begins with it."""
    value = _variable(name)
    if value is None:
        return default
    if value.lower() == cloud or value.startswith(f"{cloud}://"):
        return None
    folder = value.removeprefix("file://")
    if "://" in folder:
        raise InvalidInput(f"{name} is {value!r}, which notebooks do not reach: it has to be a folder or the word {cloud}")
    return Path(folder)


def _project(warehouse: str) -> str | None:
    """The project in ``bigquery://PROJECT/BUCKET/PREFIX``, as mlsys itself names its tables' place."""
    return warehouse.removeprefix("bigquery://").split("/")[0] if warehouse.startswith("bigquery://") else None
