"""What all tests have alike: no wishes of whoever runs them, as for colours, reach what is compared."""

from __future__ import annotations

import os

for wish in ("NO_COLOR", "FORCE_COLOR"):
    os.environ.pop(wish, None)
