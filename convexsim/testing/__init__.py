"""For people who write scenarios and tests: the scenarios of a file, and where in it something failed."""
