"""The benchmarks' own parts: what is a broken limit, what is not measured, and the table that says so. No measured time
is judged here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks import (
    adoption,
    agent_calls,
    archive,
    cli,
    footprint,
    guard,
    hostile,
    lint_once,
    startup,
    status,
    tracker,
    validate,
)
from benchmarks.environment import check_jsonschema, clean_environment
from benchmarks.measure import Command, NotMeasuredError, Series, interleave, peak, prove
from benchmarks.registry import BENCHMARKS, Benchmark
from benchmarks.rows import Claim, Limit, Pair, Row, holds, rows
from benchmarks.setting import Setting, Sizes
from benchmarks.table import HEADER, render

TINY = Sizes(telemetry=3, evidence=8, files=5, rows=20, specs=1, reported=1, history=20, archived=1, hostile=1)


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    home, folder = tmp_path / "home", tmp_path / "data"
    home.mkdir()
    folder.mkdir()
    return Setting(str(folder), clean_environment(str(home)), TINY, repeat=1)


def series(*values: float) -> Series:
    return Series("made up", values)


def made(ours: float, theirs: float, limit: Limit | None) -> Row:
    return Row(Claim("made-up", "ours", "theirs", limit), series(ours), series(theirs))


@pytest.mark.parametrize(
    ("row", "outcome", "ratio"),
    [
        pytest.param(made(34, 100, Limit(0.35)), "ok", 0.34, id="under the limit holds"),
        pytest.param(made(35, 100, Limit(0.35)), "ok", 0.35, id="exactly the limit holds"),
        pytest.param(made(100, 1000, Limit(10, throughput=True)), "ok", 10, id="exactly ten times as fast holds"),
        pytest.param(made(36, 100, Limit(0.35)), "over", 0.36, id="over the limit is over"),
        pytest.param(
            made(101, 1000, Limit(10, throughput=True)), "over", 9.9, id="less than ten times as fast is over"
        ),
        pytest.param(made(5, 1, None), "shown", 5, id="without a limit it is only shown"),
    ],
)
def test_a_ratio_is_judged_by_its_limit(row: Row, outcome: str, ratio: float) -> None:
    assert (row.outcome, round(row.ratio or 0, 2)) == (outcome, ratio)
    assert holds([row]) is (outcome != "over")


def test_the_median_is_compared_and_not_the_mean() -> None:
    row = Row(Claim("made-up", "ours", "theirs", Limit(2)), series(1, 1, 100), series(1, 1, 1))
    assert row.outcome == "ok"


def test_what_was_not_measured_never_holds() -> None:
    def missing() -> list[Pair]:
        raise NotMeasuredError("peer is missing")

    found = rows([Claim("a", "b", "c"), Claim("a", "b", "c", Limit(1))], missing)
    assert [row.outcome for row in found] == ["not measured", "not measured"]
    assert not holds(found)
    assert "a: not measured: peer is missing" in render(found)


def test_a_missing_peer_is_not_measured(setting: Setting) -> None:
    alone = setting._replace(environment={**setting.environment, "PATH": "/nowhere"})
    with pytest.raises(NotMeasuredError, match="check-jsonschema is missing"):
        check_jsonschema(alone.environment)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        pytest.param("raise SystemExit(7)", "exited with 7", id="another exit code"),
        pytest.param("print('nothing')", "did not say 'done'", id="other words"),
    ],
)
def test_a_command_that_does_not_do_its_work_is_not_measured(setting: Setting, program: str, said: str) -> None:
    command = Command("it", (sys.executable, "-c", program), setting.folder, says="done")
    with pytest.raises(NotMeasuredError, match=said):
        prove(command, setting.environment)


def test_commands_take_turns(setting: Setting) -> None:
    log = Path(setting.folder, "log")
    commands = [
        Command(name, (sys.executable, "-c", f"open({str(log)!r}, 'a').write({name!r})"), setting.folder)
        for name in ("a", "b")
    ]
    taken = interleave(commands, setting.environment, 3)
    assert log.read_text() == "ab" * 4  # once to warm up, then three rounds
    assert [(each.label, len(each.values)) for each in taken] == [("a", 3), ("b", 3)]


def test_measured_commands_may_keep_bytecode_and_see_no_user_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("SPEC_OPS_ALLOW_DIRTY", "1")
    environment = clean_environment(str(tmp_path))
    assert not {"PYTHONDONTWRITEBYTECODE", "GIT_DIR", "SPEC_OPS_ALLOW_DIRTY"} & environment.keys()
    assert environment["HOME"] == str(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX tells the peak of a child")
def test_peak_memory_counts_what_a_command_holds(setting: Setting) -> None:
    small, large = (
        peak(Command("it", (sys.executable, "-c", f"x = bytearray({size})"), setting.folder), setting.environment)
        for size in (1, 64 * 2**20)
    )
    assert 50 < large.largest - small.largest < 80


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looked up in /proc")
def test_peak_memory_adds_up_processes_that_live_together(setting: Setting) -> None:
    held = "import time; x = bytearray(64 * 2**20); time.sleep(0.5)"
    program = f"import os\nchild = os.fork()\n{held}\nchild and os.waitpid(child, 0)"
    found = peak(Command("it", (sys.executable, "-c", program), setting.folder), setting.environment)
    assert found.together is not None
    assert found.together > found.largest + 50


@pytest.mark.parametrize(
    ("benchmark", "claims"),
    [
        pytest.param(startup.version, 1, id="start"),
        pytest.param(footprint.run, 2, id="footprint", marks=pytest.mark.tier2),
        pytest.param(guard.run, 4, id="guard", marks=pytest.mark.tier2),
        pytest.param(adoption.run, 4, id="adoption", marks=pytest.mark.tier2),
        pytest.param(archive.run, 3, id="archive", marks=pytest.mark.tier2),
        pytest.param(status.run, 2, id="status", marks=pytest.mark.tier2),
        pytest.param(agent_calls.run, 2, id="agent-calls", marks=pytest.mark.tier2),
        pytest.param(tracker.run, 2, id="tracker", marks=pytest.mark.tier2),
        pytest.param(hostile.run, 2 * len(hostile.SHAPES), id="hostile", marks=pytest.mark.tier2),
    ],
)
def test_on_little_data_every_part_does_its_work(
    benchmark: Callable[[Setting], Iterator[Row]], claims: int, setting: Setting
) -> None:
    found = list(benchmark(setting))
    assert [row.problem for row in found] == [None] * claims


@pytest.mark.parametrize("shape", hostile.SHAPES, ids=[shape.name for shape in hostile.SHAPES])
def test_a_hostile_file_is_of_the_size_that_is_asked_for(shape: hostile.Shape) -> None:
    assert 60_000 < len(shape.make(100_000)) < 140_000


@pytest.mark.tier2
def test_no_hostile_file_passes(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cheapest of them: all are measured in the second tier."""
    monkeypatch.setattr(hostile, "SHAPES", [shape for shape in hostile.SHAPES if shape.name == "keys on one line"])
    assert [(row.claim.against, row.problem) for row in hostile.run(setting)] == [("10 s", None), ("500 MB", None)]


@pytest.mark.tier2
def test_the_data_of_validate_is_sound_for_us_and_for_the_peer(setting: Setting) -> None:
    pytest.importorskip("check_jsonschema")
    found = list(validate.run(setting))
    assert [row.problem for row in found] == [None] * 6


def test_the_tracker_that_is_measured_breaks_no_rule(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["lint_once", "50"])
    lint_once.main()
    assert json.loads(capsys.readouterr().out)["checked"] > 1


def run(monkeypatch: pytest.MonkeyPatch, limit: float, *arguments: str) -> Result:
    """The command line with one made-up benchmark: one second of ours against one of theirs."""

    def one(setting: Setting) -> Iterator[Row]:
        yield made(1000, 1000, Limit(limit))

    benchmark = Benchmark("made-up", "Ours beside theirs.", one)
    monkeypatch.setattr(cli, "BENCHMARKS", (benchmark,))
    monkeypatch.setattr(cli, "named", {"made-up": benchmark}.get)
    return CliRunner().invoke(cli.main, arguments)


def test_one_table_is_printed_with_the_limit_beside_each_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = run(monkeypatch, 2)
    header, rule, row, *_ = ran.stdout.splitlines()
    assert ran.exit_code == 0
    assert header.split() == list(HEADER)
    assert set(rule) == {"-", " "}
    assert " ".join(row.split()) == "made-up ours 1000 ms theirs 1000 ms 0% 1.00 <= 2 ok"


@pytest.mark.parametrize(
    ("arguments", "code"), [((), 1), (("--no-fail",), 0), (("made-up",), 1), (("--only", "made-up"), 1)]
)
def test_a_broken_limit_fails_unless_it_may_not(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int
) -> None:
    ran = run(monkeypatch, 0.5, *arguments)
    assert (ran.exit_code, "over" in ran.stdout) == (code, True)


def test_the_samples_are_written_as_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch, 2, "--json", str(tmp_path / "out.json"))
    row = json.loads((tmp_path / "out.json").read_text())["rows"][0]
    assert (row["ours"]["values"], row["ratio"], row["limit"], row["result"]) == ([1000], 1.0, 2, "ok")


def test_a_name_that_no_benchmark_has_is_a_usage_error() -> None:
    ran = CliRunner().invoke(cli.main, ["made-up"])
    assert ran.exit_code == 2


def test_the_list_names_every_benchmark() -> None:
    ran = CliRunner().invoke(cli.main, ["--list"])
    assert [line.split()[0] for line in ran.stdout.splitlines()] == [benchmark.name for benchmark in BENCHMARKS]
