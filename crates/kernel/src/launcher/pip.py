"""Stands for pip in a run: what it installs is there for this run only, and never in a Python environment that others use too."""

import glob
import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile

__version__ = "0+mlsys"
PACKAGES = os.environ.get("MLSYS_RUN_PACKAGES", "")
DECLARE = (
    "declare it: in a requirements.txt or pyproject.toml beside the notebook, or in the notebook's `# /// script` block"
)
# Where to install is decided here.
REFUSED = {"--user", "--system", "--break-system-packages", "-e", "--editable"}


def main(arguments=None):
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    command = next((each for each in arguments if not each.startswith("-")), "")
    if command == "install":
        return install(arguments)
    if command == "uninstall":
        print("pip uninstall: nothing is removed, as other runs use this Python environment too")
        return 0
    return run_pip(arguments)


def install(arguments):
    installed = {normal(each.name): each.version for each in importlib.metadata.distributions() if each.name}
    upgrade = not {"-U", "--upgrade", "--force-reinstall"}.isdisjoint(arguments)
    kept, named = [], set()
    for argument in (each for each in arguments if each not in REFUSED):
        name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*(?=$|[\[<>=!~; @])", argument)
        if name and argument != "install":
            if not upgrade and (version := satisfied(argument, installed)):
                print(f"Requirement already satisfied: {argument} ({version})")
                continue
            named.add(normal(name[0]))
        kept.append(argument)
    if not named and not [each for each in kept if each != "install" and each not in ("-q", "--quiet", "--dry-run")]:
        return 0
    code = with_uv(kept, {name for name in installed if name not in named})
    if code in (None, 2):  # no uv, or an option that only pip has
        code = with_pip(kept, {name: version for name, version in installed.items() if name not in named})
    if code == 0 and "--dry-run" not in kept:
        what = ", ".join(sorted(named)) or "what pip installed"
        print(f"warning: {what} is there for this run only, and not where the model is served; {DECLARE}", file=sys.stderr)
    return code


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def satisfied(requirement, installed):
    """The installed version that satisfies a requirement."""
    try:
        from packaging.requirements import Requirement

        wanted = Requirement(requirement)
        version = installed.get(normal(wanted.name))
        return version if version and not wanted.url and wanted.specifier.contains(version, prereleases=True) else None
    except Exception:
        return None


def with_uv(arguments, installed):
    """Installs what is not there yet: a copy of a package that is already loaded would get mixed up with it."""
    uv = os.environ.get("MLSYS_UV")
    if not uv:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{name}; python_version < '3'\n" for name in sorted(installed))
        file.flush()
        options = ["--target", PACKAGES, "--python", sys.executable, "--overrides", file.name]
        return subprocess.call([uv, "pip", *arguments, *options])


def with_pip(arguments, installed):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{name}=={version}\n" for name, version in sorted(installed.items()))
        file.flush()
        return run_pip([*arguments, "--target", PACKAGES, "--upgrade", "--constraint", file.name])


def run_pip(arguments):
    """Runs the pip that Python brings along: environments made by uv have none."""
    import ensurepip

    wheels = glob.glob(os.path.join(os.path.dirname(ensurepip.__file__), "_bundled", "pip-*.whl"))
    if not wheels:
        print(f"there is no pip here; {DECLARE}", file=sys.stderr)
        return 1
    quiet = {"PYTHONPATH": PACKAGES, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    return subprocess.call([sys.executable, f"{wheels[0]}/pip", *arguments], env={**os.environ, **quiet})
