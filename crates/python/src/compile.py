"""Compiles the packages of a new environment: `compile.py NEW PLATFORM`, the folders of two environments.

What the platform's environment has too, byte for byte, it has compiled as well: that is copied, which takes a tenth of the time.
"""

import compileall
import importlib.util
import os
import sys

new, platform = (
    os.path.join(folder, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")
    for folder in sys.argv[1:]
)
# Flags, then the time and the size of the source: https://peps.python.org/pep-0552/
BY_TIME = importlib.util.MAGIC_NUMBER + bytes(4)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def copy(source, same):
    code = content(importlib.util.cache_from_source(same))
    if not code.startswith(BY_TIME) or content(source) != content(same):
        return
    status, target = os.stat(source), importlib.util.cache_from_source(source)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    times = (int(number) & 0xFFFFFFFF for number in (status.st_mtime, status.st_size))
    with open(target, "wb") as file:
        file.write(BY_TIME + b"".join(number.to_bytes(4, "little") for number in times) + code[16:])


for folder, _, names in os.walk(new):
    for name in names:
        if name.endswith(".py"):
            source = os.path.join(folder, name)
            try:
                copy(source, os.path.join(platform, os.path.relpath(source, new)))
            except OSError:
                pass  # the platform has no such file
# Only what is not compiled yet. Files that are no Python of this version stay as they are.
compileall.compile_dir(os.path.join(sys.argv[1], "lib"), quiet=2, workers=2)
