"""Puts a section, read from standard input, in the place of the one with the same heading in a Markdown file, or at its end."""

import re
import sys
from pathlib import Path

path, section = Path(sys.argv[1]), sys.stdin.read().strip()
if not section.startswith("## "):
    sys.exit("no section to keep")
sections = re.split(r"^(?=## )", path.read_text(), flags=re.MULTILINE)
heading = section.splitlines()[0]
place = next((i for i, old in enumerate(sections) if old.startswith(f"{heading}\n")), len(sections))
sections[place : place + 1] = [f"{section}\n"]
path.write_text("\n".join(f"{old.strip()}\n" for old in sections))
