"""The wheel is whole: built, installed into an empty environment, and used far from any checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.records import plan_telemetry, telemetry_path
from tests.sandbox import Sandbox

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path) -> None:
    """Run a tool of the packaging world, with the user's own configuration of indexes."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def built(place: Path) -> Path:
    """The wheel of this tree."""
    run(sys.executable, "-m", "build", "--wheel", "--outdir", place, ROOT, cwd=place)
    (wheel,) = place.glob("*.whl")
    return wheel


def installed(wheel: Path, place: Path) -> Path:
    """The directory of programs of an environment that holds the wheel and nothing else of ours."""
    run(sys.executable, "-m", "venv", place, cwd=place.parent)
    programs = place / ("Scripts" if os.name == "nt" else "bin")
    run(programs / "python", "-m", "pip", "install", "--quiet", wheel, cwd=place.parent)
    return programs


def require_whole(wheel: Path) -> None:
    """The wheel carries what is read at run time, and the licence, and no tests."""
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("schemas", "hooks", "prompts", "examples", "demo"):
        shipped = {f"guardrails/_shipped/{kind}/{path.name}" for path in (ROOT / kind).iterdir() if path.is_file()}
        assert shipped
        assert shipped <= names
    workload = {path.relative_to(ROOT).as_posix() for path in (ROOT / "workload").rglob("*") if path.is_file()}
    assert {f"guardrails/_shipped/{name}" for name in workload} <= names
    assert "guardrails/py.typed" in names
    assert {f"guardrails/reports/templates/{name}" for name in ("page.html", "style.css")} <= names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert not [name for name in names if not name.startswith(("guardrails/", "speckit_guardrails-"))]


@pytest.mark.tier2
def test_a_wheel_works_where_there_is_no_checkout(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    wheel = built(tmp_path / "dist")
    require_whole(wheel)
    programs = installed(wheel, tmp_path / "venv")
    sandbox.environment["PATH"] = str(programs) + os.pathsep + os.environ["PATH"]
    del sandbox.environment["PYTHONPATH"]

    def speckit(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(programs / "speckit"), *arguments]
        return subprocess.run(command, cwd=sandbox.root, env=sandbox.environment, capture_output=True, text=True)

    where = "import guardrails, json; print(json.dumps([guardrails.__file__, guardrails.__version__]))"
    asked = subprocess.run(
        [programs / "python", "-c", where], cwd=sandbox.root, env=sandbox.environment, capture_output=True, check=True
    )
    file, version = json.loads(asked.stdout)
    assert Path(file).is_relative_to(tmp_path / "venv")
    assert speckit("--version").stdout.split()[-1] == version
    assert version in wheel.name

    sandbox.write(telemetry_path("plan"), plan_telemetry())
    good = speckit("validate", "--format", "json")
    assert (good.returncode, json.loads(good.stdout)["examined"]["checked"]) == (0, 1), good.stderr

    sandbox.write(telemetry_path("plan", "b2"), plan_telemetry(schemaVersion="banana"))
    bad = speckit("validate", "--format", "json")
    assert bad.returncode == 1, bad.stderr
    assert [finding["rule"] for finding in json.loads(bad.stdout)["findings"]] == ["TEL002"]

    assert speckit("install").returncode == 0
    sandbox.add()
    refused = sandbox.git("commit", "-m", "evidence", check=False)
    assert refused.code == 1
    assert "TEL002" in refused.out + refused.err
    assert sandbox.git("rev-parse", "--verify", "--quiet", "HEAD", check=False).code != 0


@pytest.mark.parametrize("kind", ["schemas", "hooks", "prompts"])
def test_a_checkout_finds_what_it_ships_beside_the_package(kind: str) -> None:
    from guardrails.core import resources

    for path in (ROOT / kind).iterdir():
        assert resources.read_resource(kind, path.name) == path.read_bytes()
