"""For people who write scenarios and tests: `@explore`, the scenarios of a file, scripts, worlds driven by hand."""

from convexsim.testing.explored import explore
from convexsim.testing.property_error import PropertyError

__all__ = ["PropertyError", "explore"]
