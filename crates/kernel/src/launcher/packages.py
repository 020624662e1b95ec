"""What `pip`, `python` and `jupyter` mean in a notebook: the Python environment of its run, to which packages may be added for this run."""

import importlib
import os
import shutil
import sys


def use_own_tools(private, library):
    """Puts the environment's programs first, and before them a pip that acts on this run alone. `private` has that pip in `tools`;
    what is started finds the modules in `library`, too."""
    global packages
    tools, packages, programs = (os.path.join(private, name) for name in ("tools", "packages", "bin"))
    for folder in (packages, programs):
        os.makedirs(folder, exist_ok=True)
    uv = os.environ.get("MLSYS_UV") or shutil.which("uv") or os.path.join(os.path.dirname(sys.prefix), "uv", "bin", "uv")
    pip = f'exec "{sys.executable}" -m pip "$@"'
    scripts = dict.fromkeys(("pip", "pip3", f"pip{sys.version_info[0]}.{sys.version_info[1]}"), pip)
    if os.path.exists(uv):
        os.environ["MLSYS_UV"] = uv
        scripts["uv"] = f'if [ "$1" = pip ]; then shift; {pip}; fi\nexec "{uv}" "$@"'
    else:
        os.environ.pop("MLSYS_UV", None)
    for name, script in scripts.items():
        with open(os.open(os.path.join(programs, name), os.O_WRONLY | os.O_CREAT, 0o700), "w") as file:
            file.write(f"#!/bin/sh\n{script}\n")
    if sys.prefix != sys.base_prefix:
        os.environ["VIRTUAL_ENV"] = sys.prefix

    def before(folders, name, after=None):
        return os.pathsep.join([*folders, *filter(None, [os.environ.get(name), after])])

    os.environ["PATH"] = before([programs, os.path.dirname(sys.executable)], "PATH")
    os.environ["PYTHONPATH"] = before([tools, packages], "PYTHONPATH", library)
    os.environ["MLSYS_RUN_PACKAGES"] = packages
    at = next((at for at, folder in enumerate(sys.path) if folder.endswith("site-packages")), len(sys.path))
    sys.path[at:at] = [tools, packages]
    importlib.invalidate_caches()


def say_undeclared():
    """Says which of the packages in use are there for this run only."""
    inside = packages + os.sep
    files = {name: getattr(module, "__file__", None) or "" for name, module in list(sys.modules.items()) if "." not in name}
    used = sorted(name for name, file in files.items() if isinstance(file, str) and file.startswith(inside))
    if used:
        print(
            f"warning: {', '.join(used)} will not be there when the model is served, as pip installed it for this run only; "
            "if the model needs it, declare it in requirements.txt, pyproject.toml or a `# /// script` block"
        )
