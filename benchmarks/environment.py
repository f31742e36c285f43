"""What measured processes run with: no user configuration, no hook around them, and bytecode that may be kept."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping

from benchmarks.measure import NotMeasuredError

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PREFIXES = ("GIT_", "PYTHON", "PRE_COMMIT", "PREK", "SPEC_OPS_", "SPECKIT_", "SPEC_KIT_", "HAL_")
"""PYTHONDONTWRITEBYTECODE among them: with it every start would compile every module again, ours and the peers'."""


def clean_environment(home: str) -> dict[str, str]:
    """The environment of a user without git configuration, who runs the `guardrails` of this checkout."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_PREFIXES)}
    return kept | {
        "HOME": home,
        "XDG_CONFIG_HOME": os.path.join(home, ".config"),
        "XDG_CACHE_HOME": os.path.join(home, ".cache"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.path.join(home, ".gitconfig"),
        "GIT_AUTHOR_NAME": "Dev",
        "GIT_AUTHOR_EMAIL": "dev@example.invalid",
        "GIT_COMMITTER_NAME": "Dev",
        "GIT_COMMITTER_EMAIL": "dev@example.invalid",
        "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", os.defpath),
        "PYTHONPATH": ROOT,
        "NO_COLOR": "1",
    }


def tool(name: str, environment: Mapping[str, str], needs: str) -> str:
    """The path of a peer. Raises NotMeasuredError when it is not there; `needs` says how to get it."""
    found = shutil.which(name, path=environment["PATH"])
    if found is None:
        raise NotMeasuredError(f"{name} is missing: {needs}")
    return found


def speckit() -> tuple[str, ...]:
    """How `speckit` is started: by its console script, as the peers are, where this Python has one."""
    script = shutil.which("speckit", path=os.path.dirname(sys.executable))
    return (script,) if script else (sys.executable, "-m", "guardrails")


def check_jsonschema(environment: Mapping[str, str]) -> tuple[str, ...]:
    """`check-jsonschema` with the schema of stage telemetry; file names follow."""
    command = tool("check-jsonschema", environment, "pip install 'speckit-guardrails[bench]'")
    return command, "--schemafile", os.path.join(ROOT, "schemas", "telemetry.v1.schema.json")
