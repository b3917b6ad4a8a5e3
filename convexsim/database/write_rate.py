"""How fast a world writes: the bytes that were committed in the last second (convex-semantics 2).

Owns the sliding window of the write throughput limiter; pure, told the time by whoever asks. The committer actor keeps
one and says with each snapshot whether the limit is passed; what a function does about it stands in
`actors/transact.py`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convexsim.database.writes import Write

__all__ = ["WriteRate"]

_WINDOW_MS: Final = 1_000


class WriteRate:
    """The bytes of the commits of the last second, whoever wrote them and into whatever table."""

    __slots__ = ("_commits", "_total")

    def __init__(self) -> None:
        self._commits: deque[tuple[float, int]] = deque()
        self._total = 0

    def record(self, now_ms: float, writes: Iterable[Write]) -> None:
        """Count a commit: each new revision as a whole, nothing for a delete."""
        size = sum(write.new.size for write in writes if write.new is not None)
        self._total += size
        if self._commits and self._commits[-1][0] == now_ms:
            size += self._commits.pop()[1]
        self._commits.append((now_ms, size))

    def exceeds(self, limit: float, now_ms: float) -> bool:
        """Tell whether more than `limit` bytes were committed in the last second."""
        if self._total <= limit:
            return False
        while self._commits and now_ms - self._commits[0][0] > _WINDOW_MS:
            self._total -= self._commits.popleft()[1]
        return self._total > limit
