"""The findings store: what campaigns have done and found, in one SQLite file of the current folder.

Owns the file, its tables and what may be wrong with it. Each block is written in one transaction as soon as it is done,
so whoever kills a campaign loses the blocks in flight at most. One process writes at a time; another one waits. What a
block is stands in `explore/block.py`. Used by `courses.py`, which fills it, and `findings.py`, which reads it.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from attrs import asdict, frozen

from convexsim.errors import UsageError
from convexsim.explore.block import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convexsim.explore.block import Sighting

__all__ = ["FILE", "Findings", "Identity", "Known", "Store", "path_of"]

FILE: Final = "findings.sqlite"
_VERSION: Final = 1
_PATIENCE_S: Final = 10.0
"""How long to wait for another process that writes."""
_TABLES: Final = """
CREATE TABLE campaigns (key TEXT PRIMARY KEY, facts TEXT NOT NULL, script TEXT NOT NULL);
CREATE TABLE blocks (
    campaign TEXT NOT NULL REFERENCES campaigns, number INTEGER NOT NULL, tally TEXT NOT NULL,
    PRIMARY KEY (campaign, number)
);
CREATE TABLE findings (
    number INTEGER PRIMARY KEY, file TEXT NOT NULL, scenario TEXT NOT NULL, level INTEGER NOT NULL,
    faults TEXT NOT NULL, invariant TEXT NOT NULL, message TEXT NOT NULL, shape TEXT NOT NULL, replay TEXT NOT NULL,
    UNIQUE (file, scenario, level, faults, invariant, shape)
);
CREATE TABLE sightings (
    finding INTEGER NOT NULL REFERENCES findings, campaign TEXT NOT NULL REFERENCES campaigns, block INTEGER NOT NULL,
    run INTEGER NOT NULL, times INTEGER NOT NULL, PRIMARY KEY (finding, campaign, block)
);
"""


def path_of(script: Path) -> str:
    """Return how a script is called in the store: as seen from the current folder, if it is in there."""
    path, here = script.resolve(), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


@frozen
class Identity:
    """What makes two campaigns the same one.

    Attributes:
        file: the script, as it was named.
        scenario: its name.
        explorer: the explorer's name in the catalogue, `seed` and `level` as in a `Plan`.
        faults: as they were asked for; empty if they are the scenario's own.
        keeps_going: whether it goes on after the first failure.
        script: a digest of the script's text; if that has changed, blocks of before mean nothing any more.

    """

    file: str
    scenario: str
    explorer: str
    seed: int
    level: int
    faults: str
    keeps_going: bool
    script: str

    @property
    def facts(self) -> str:
        """All of it but the script's text, as JSON."""
        return json.dumps({name: fact for name, fact in asdict(self).items() if name != "script"}, sort_keys=True)

    @property
    def key(self) -> str:
        """A digest of it all."""
        return blake2b(f"{self.facts} {self.script}".encode(), digest_size=8).hexdigest()


@frozen
class Known:
    """A failure that is in the store.

    Attributes:
        times: in how many runs it was seen, in all campaigns.
        explorer: whose campaign saw it first, with which `seed`, in which `run`.

    """

    file: str
    scenario: str
    level: int
    faults: str
    invariant: str
    message: str
    shape: str
    replay: str
    times: int
    explorer: str
    seed: int
    run: int


class _Opened:
    """The file, open to somebody who is told in a line what is wrong with it."""

    _database: sqlite3.Connection

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def _is_empty(self) -> bool:
        """Whether nobody has written anything; if somebody has, it is a store of this version or refused."""
        ((version,),) = self._database.execute("PRAGMA user_version")
        ((tables,),) = self._database.execute("SELECT count(*) FROM sqlite_master")
        if version != _VERSION and (version, tables) != (0, 0):
            raise self._refused(f"is no store of this version of convexsim ({version}, not {_VERSION})")
        return not tables

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in a line what SQLite has to object."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._refused(f"cannot be used: {error}") from None

    def _refused(self, why: str) -> UsageError:
        advice = "Name another folder with --store DIR, or take that one away; explore also takes --no-store."
        return UsageError(f"{self._name} {why}.", next_step=advice)


class Store(_Opened):
    """The file, open for a campaign.

    Args:
        folder: where it is or is to be; None for a store that nobody keeps.

    Raises:
        UsageError: the file is no store of this version, or cannot be read and written.

    """

    def __init__(self, folder: Path | None) -> None:
        super().__init__("the store" if folder is None else str(folder / FILE))
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._refused(f"cannot be made: {error.strerror}") from None
        with self._told():
            where = ":memory:" if folder is None else folder / FILE
            self._database = sqlite3.connect(where, timeout=_PATIENCE_S, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            with self._transaction():
                self._prepare()

    def begin(self, identity: Identity, *, resume: bool) -> list[Tally]:
        """Note that a campaign begins, and return the blocks that are done: without `resume` they are forgotten."""
        with self._told(), self._transaction():
            row = (identity.key, identity.facts, identity.script)
            self._database.execute("INSERT OR IGNORE INTO campaigns VALUES (?, ?, ?)", row)
            if not resume:
                self._database.execute("DELETE FROM blocks WHERE campaign = ?", (identity.key,))
            query = "SELECT tally FROM blocks WHERE campaign = ? ORDER BY number"
            rows = self._database.execute(query, (identity.key,)).fetchall()
        try:
            return [Tally.from_json(json.loads(text)) for (text,) in rows]
        except (ValueError, TypeError, LookupError):
            raise self._refused("holds blocks that no convexsim has written") from None

    def knows_another(self, identity: Identity) -> bool:
        """Whether there are blocks of this campaign from before its script was changed."""
        query = "SELECT count(*) FROM campaigns JOIN blocks ON key = campaign WHERE facts = ? AND script != ?"
        with self._told():
            return bool(self._database.execute(query, (identity.facts, identity.script)).fetchone()[0])

    def keep(self, identity: Identity, tally: Tally) -> None:
        """Write down what came of a block: its failures, and if it was explored to its end, all the rest."""
        if tally.error:
            return
        with self._told(), self._transaction():
            for seen in tally.sightings:
                self._keep_sighting(identity, tally.block, seen)
            if tally.is_whole:
                row = (identity.key, tally.block, json.dumps(tally.to_json(), separators=(",", ":")))
                self._database.execute("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?)", row)

    def _keep_sighting(self, identity: Identity, block: int, seen: Sighting) -> None:
        bug = (identity.file, identity.scenario, identity.level, identity.faults, seen.invariant, seen.shape)
        query = """
            INSERT INTO findings (file, scenario, level, faults, invariant, shape, message, replay)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET message = excluded.message, replay = excluded.replay RETURNING number
        """
        ((number,),) = self._database.execute(query, (*bug, seen.message, seen.replay)).fetchall()
        row = (number, identity.key, block, seen.found_at_run, seen.times)
        query = """
            INSERT INTO sightings VALUES (?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET run = excluded.run, times = excluded.times
        """
        self._database.execute(query, row)

    def _prepare(self) -> None:
        if self._is_empty():
            for statement in _TABLES.split(";"):
                self._database.execute(statement)
            self._database.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


class Findings(_Opened):
    """The file, open to be read, also where nobody may write.

    Args:
        folder: where it is.

    Raises:
        UsageError: the file is no store of this version, or cannot be read.

    """

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder / FILE))
        file = (folder / FILE).absolute()
        try:
            file.open("rb").close()
        except OSError as error:
            raise self._refused(f"cannot be read: {error.strerror}") from None
        with self._told():
            self._database = sqlite3.connect(f"{file.as_uri()}?mode=ro", timeout=_PATIENCE_S, uri=True)
            try:
                self._is_empty()
            except sqlite3.OperationalError:
                # SQLite puts a log beside whatever is open. Where it may not, and there is none, nobody is writing.
                self._database.close()
                if file.with_name(f"{FILE}-wal").exists():
                    raise
                self._database = sqlite3.connect(f"{file.as_uri()}?immutable=1", uri=True)

    def findings(self) -> list[Known]:
        """Return the distinct failures, those that were found first at the top."""
        query = """
            SELECT file, scenario, level, faults, invariant, message, shape, replay,
                (SELECT sum(times) FROM sightings WHERE finding = number),
                json_extract(facts, '$.explorer'), json_extract(facts, '$.seed'), run
            FROM findings JOIN sightings AS first ON first.rowid =
                (SELECT min(rowid) FROM sightings WHERE finding = number)
            JOIN campaigns ON key = first.campaign
            ORDER BY number
        """
        with self._told():
            rows = [] if self._is_empty() else self._database.execute(query).fetchall()
        return [Known(*row) for row in rows]
