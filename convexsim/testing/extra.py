"""What is said where a module needs a package that is not installed: extras are optional, and so are their modules."""

from __future__ import annotations

from convexsim.errors import UsageError

__all__ = ["MissingExtraError"]


class MissingExtraError(UsageError, ImportError):
    """A module needs a package that comes with an extra; to `try: import` it is a failed import like any other.

    Args:
        module: what was imported.
        missing: what could not be found for it.

    """

    def __init__(self, module: str, missing: ModuleNotFoundError) -> None:
        msg = f"{module} needs {missing.name}, which is not installed."
        super().__init__(msg, next_step="Install the extra: convexsim[test].")
