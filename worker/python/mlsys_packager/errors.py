"""The one error of the packager."""


class PackagingError(Exception):
    """A model that cannot be packaged. Its text is a sentence for the notebook's author: what is wrong, what to do."""


# So much of another error's text is told; the log has all of it.
TOLD = 240


def brief(error):
    """An error as part of a sentence: its class and the first line of its text."""
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    cut = len(lines) > 1 or len(lines[0]) > TOLD
    return f"{type(error).__name__}: {lines[0][:TOLD].rstrip()}{' …' if cut else ''}"
