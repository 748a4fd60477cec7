"""Which version of this program runs."""

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """As installed; ``source`` where it runs from a checkout that was never installed."""
    try:
        return version("hall-edge")
    except PackageNotFoundError:
        return "source"
