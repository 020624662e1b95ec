"""The one error of the packager."""


class PackagingError(Exception):
    """A model that cannot be packaged. Its text is a sentence for the notebook's author: what is wrong, what to do."""
