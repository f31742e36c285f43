"""What can be wrong with a database, and what becomes of it: always an answer, never a traceback."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardrails.errors import Undecidable
from guardrails.services.memory import MemoryStore
from guardrails.services.memory import store as store_module
from tests.examples import examples
from tests.pages import ROOT
from tests.sandbox import Sandbox
from tests.services.memory.makers import found, note, store_in


def damaged(store: MemoryStore, says: str) -> None:
    """Both searching and adding end in an answer that says this."""
    for act in (lambda: found(store, "x"), lambda: store.add([note("new")])):
        with pytest.raises(Undecidable, match=says) as raised:
            act()
        assert raised.value.exit_code == 3
        assert raised.value.hint


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a sound memory."""
    store = store_in(tmp_path_factory.mktemp("whole"))
    store.add(note(f"word {number} x", f"n:{number}") for number in range(30))
    return Path(store.path)


class TestMissing:
    def test_is_said_when_searching(self, tmp_path: Path) -> None:
        with pytest.raises(Undecidable, match="no memory yet"):
            found(store_in(tmp_path), "x")
        assert list(tmp_path.iterdir()) == []

    def test_is_made_when_adding_with_its_directories(self, tmp_path: Path) -> None:
        store = store_in(tmp_path / "a" / "b")
        store.add([note("x")])
        assert found(store, "x") == ["x"]

    def test_an_empty_file_is_one_that_was_begun(self, tmp_path: Path) -> None:
        (tmp_path / "memory.db").touch()
        store = store_in(tmp_path)
        with pytest.raises(Undecidable, match="no memory yet"):
            found(store, "x")
        store.add([note("x")])
        assert found(store, "x") == ["x"]

    @pytest.mark.parametrize("name", ["a b%20?mode=memory#x.db", "ünïcode ☃.db", "file:x.db", "'; DROP.db"])
    def test_a_name_is_only_a_name(self, tmp_path: Path, name: str) -> None:
        store = store_in(tmp_path)._replace(path=str(tmp_path / name))
        store.add([note("x")])
        assert found(store, "x") == ["x"]
        assert [path.name for path in tmp_path.iterdir()] == [name]

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
    def test_a_name_that_is_not_utf8(self, tmp_path: Path) -> None:
        store = store_in(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")))
        store.add([note("x")])
        assert found(store, "x") == ["x"]


class TestDamaged:
    def test_no_database_at_all(self, tmp_path: Path) -> None:
        (tmp_path / "memory.db").write_text("not a database, and longer than the header of one. " * 20)
        damaged(store_in(tmp_path), "damaged or no database")

    def test_pages_that_are_overwritten(self, tmp_path: Path) -> None:
        store = store_in(tmp_path)
        store.add(note(f"x {number} " * 50) for number in range(200))
        path = tmp_path / "memory.db"
        data = bytearray(path.read_bytes())
        data[4096:] = b"\xa5" * (len(data) - 4096)
        path.write_bytes(data)
        damaged(store, "damaged or no database")

    def test_tables_that_are_gone(self, tmp_path: Path) -> None:
        store = store_in(tmp_path)
        store.add([note("x")])
        with sqlite3.connect(store.path) as connection:
            connection.execute("DROP TABLE memory")
        damaged(store, "damaged or no database")

    @pytest.mark.parametrize(
        "change", ["text = x'ff'", "tags = CAST(x'ff' AS TEXT)", "created = x'35'", "text = CAST(x'c328' AS TEXT)"]
    )
    def test_values_nobody_wrote(self, tmp_path: Path, change: str) -> None:
        store = store_in(tmp_path)
        store.add([note("x")])
        with sqlite3.connect(store.path) as connection:
            connection.execute(f"UPDATE memory SET {change}")
        with pytest.raises(Undecidable, match="damaged or no database"):
            found(store, "x")

    @settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(at=st.integers(0, 40_000), data=st.binary(min_size=1, max_size=300))
    def test_any_bytes_anywhere_end_in_an_answer(self, whole: Path, tmp_path: Path, at: int, data: bytes) -> None:
        path = tmp_path / "memory.db"
        content = bytearray(whole.read_bytes())
        content[at : at + len(data)] = data
        path.write_bytes(content)
        store = store_in(tmp_path, patience=0.1)
        for act in (lambda: found(store, "word x"), lambda: store.add([note("new")]), lambda: found(store, "")):
            try:
                act()
            except Undecidable as error:
                assert error.hint
        for tail in ("-wal", "-shm", "-journal"):
            Path(f"{path}{tail}").unlink(missing_ok=True)


class TestForeign:
    def test_the_database_of_another_program_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "memory.db"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE customers (name TEXT)")
        connection.close()
        before = path.read_bytes()
        damaged(store_in(tmp_path), "another program")
        assert path.read_bytes() == before

    def test_a_newer_form_is_refused(self, tmp_path: Path) -> None:
        store = store_in(tmp_path)
        store.add([note("x")])
        with sqlite3.connect(store.path) as connection:
            connection.execute(f"PRAGMA user_version = {len(store_module.MIGRATIONS) + 1}")
        damaged(store, "newer speckit")


class TestLocked:
    def test_by_a_writer_that_does_not_end(self, tmp_path: Path) -> None:
        store = store_in(tmp_path, patience=0.2)
        store.add([note("x")])
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Undecidable, match="locked by another process"):
            store.add([note("y")])
        assert found(store, "x") == ["x"]
        other.execute("ROLLBACK")
        other.close()
        assert store.add([note("y")])[0].new

    def test_by_one_that_keeps_everybody_out(self, tmp_path: Path) -> None:
        store = store_in(tmp_path, patience=0.2)
        store.add([note("x")])
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        damaged(store, "locked by another process")
        other.close()


class TestMigrations:
    NEXT = ("ALTER TABLE memory ADD COLUMN note TEXT",)

    def test_an_older_form_is_brought_up_with_what_it_holds(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = store_in(tmp_path)
        store.add([note("x", "stage:plan")])
        monkeypatch.setattr(store_module, "MIGRATIONS", (*store_module.MIGRATIONS, self.NEXT))
        assert found(store, "x stage:plan") == ["x"]
        with sqlite3.connect(store.path) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (2,)
            assert connection.execute("SELECT note FROM memory").fetchall() == [(None,)]

    def test_one_that_fails_changes_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store = store_in(tmp_path)
        store.add([note("x")])
        with monkeypatch.context() as patch:
            patch.setattr(
                store_module, "MIGRATIONS", (*store_module.MIGRATIONS, (*self.NEXT, "CREATE TABLE memory (a)"))
            )
            with pytest.raises(Undecidable):
                store.add([note("y")])
        assert found(store, "") == ["x"]
        with sqlite3.connect(store.path) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (1,)

    def test_sqlite_without_full_text_search(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (*tables, index) = store_module.MIGRATIONS[0]
        without = (*tables, index.replace("fts5", "fts9"))  # what SQLite says of a module it lacks
        monkeypatch.setattr(store_module, "MIGRATIONS", (without,))
        with pytest.raises(Undecidable, match="no FTS5") as raised:
            store_in(tmp_path).add([note("x")])
        assert raised.value.hint


@contextmanager
def nobody() -> Iterator[None]:
    """As another user where the tests run as root, who may do everything."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="there is no other user to be")
class TestNotAllowed:
    @pytest.fixture
    def store(self) -> Iterator[MemoryStore]:
        """A memory in a directory every user can get to."""
        folder = Path(tempfile.mkdtemp())
        folder.chmod(0o755)
        made = store_in(folder, patience=0.2)
        made.add([note("x")])
        yield made
        folder.chmod(0o755)
        shutil.rmtree(folder)

    def test_to_read(self, store: MemoryStore) -> None:
        Path(store.path).chmod(0)
        with nobody():
            damaged(store, "cannot be|denied")

    def test_to_enter(self, store: MemoryStore) -> None:
        Path(store.path).parent.chmod(0)
        with nobody():
            damaged(store, "Permission denied|cannot be opened")

    def test_to_write(self, store: MemoryStore) -> None:
        Path(store.path).chmod(0o444)
        Path(store.path).parent.chmod(0o555)
        with nobody(), pytest.raises(Undecidable, match="cannot be"):
            store.add([note("y")])


def test_a_name_no_file_system_takes(tmp_path: Path) -> None:
    damaged(store_in(tmp_path)._replace(path=str(tmp_path / ("x" * 5000 + ".db"))), "too long|cannot be opened")


def test_a_python_without_sqlite(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "sqlite3.py").write_text("raise ImportError('No module named _sqlite3')")
    script = (
        "from guardrails.errors import Undecidable\nfrom guardrails.git.repo import open_repo\n"
        "from guardrails.services.memory.write import open_store\nfrom guardrails.config.settings import Settings\n"
        "try:\n    open_store(open_repo(), Settings())\nexcept Undecidable as error:\n"
        "    print(error.message, error.hint)\n"
    )
    environment = {**sandbox.environment, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=sandbox.root, env=environment, capture_output=True, text=True
    )
    assert "no sqlite3" in done.stdout, done.stderr
