"""What a real run leaves is ok, and every way to spoil it is not."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import pytest

from guardrails.core import Result
from guardrails.engine import check_named, runner
from guardrails.snapshot import CheckContext, MemorySnapshot
from tests.consensus.builder import STYLES, Bundle, Files, said, settings
from tests.consensus.mutations import MUTATIONS, OF_VERDICT
from tests.runs.agents_world import EVIDENCE, Cast, answer
from tests.runs.stage_world import SPEC, TRIO
from tests.sandbox import Sandbox


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Files]:
    """The files of a repository after `consensus run`, and the names they go by."""
    place = tmp_path_factory.mktemp("spoiled")
    for name in ("home", "repo"):
        (place / name).mkdir()
    sandbox = Sandbox(place / "repo", place / "home")
    sandbox.git("init", "-q", "-b", "main")
    cast = Cast(sandbox)
    for name in TRIO:
        cast.says(name, answer(of=name.upper()))
    sandbox.write("PLANNING.md", "# Planning\n")
    ran = sandbox.speckit("consensus", "run", "plan", SPEC)
    assert ran.code == 0, ran
    [verdict] = cast.filed("verdict.json")
    match = re.fullmatch(r"spec-plan_(\d{8}T\d{6}Z)-([0-9a-f]+)_verdict\.json", verdict.name)
    assert match
    moment = datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    bundle = Bundle(spec=SPEC, roster=TRIO, moment=moment, style=STYLES[3], session=match[2])
    return bundle, files_of(sandbox.root)


def files_of(root: Path) -> Files:
    wanted = [root / "PLANNING.md", *(root / "docs" / SPEC).rglob("*"), *(root / EVIDENCE / "consensus").rglob("*")]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in wanted if path.is_file()}


def judge(files: Files) -> Result:
    """What `consensus check` makes of the files today."""
    subject = CheckContext(MemorySnapshot(files), settings(TRIO, "plan"), datetime.now(timezone.utc))
    return runner.run_checks("consensus check", [check_named("consensus check")], [subject])


def test_what_nobody_touched_is_ok(left: tuple[Bundle, Files]) -> None:
    result = judge(left[1])
    assert result.verdict == "pass", said(result)


@pytest.mark.parametrize("name", [*MUTATIONS, *OF_VERDICT])
def test_never_ok_when(name: str, left: tuple[Bundle, Files]) -> None:
    bundle, files = left
    spoiled = {**MUTATIONS, **OF_VERDICT}[name](bundle, dict(files))
    assert spoiled != files
    assert judge(spoiled).verdict != "pass"
