"""For people who write scenarios and tests: the scenarios of a file, scripts of operations, worlds driven by hand."""
