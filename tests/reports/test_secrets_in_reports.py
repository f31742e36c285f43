"""No report shows a secret that evidence quotes, whatever its format makes of the characters of one."""

from __future__ import annotations

import html
import json

import pytest

from tests.consensus.builder import SPEC, Bundle, put, render
from tests.reports.history import at, costs, disputed, history, run
from tests.sandbox import EVIDENCE, Sandbox

TOKEN = "ghp_" + "R8x2LmQ9vT4nKw7ZbY3cJd6FhG1sPa5EuXo0"
VALUES = {
    "plain": "kavedarr_key_77_zulu",
    "marked": 'k&v"d<r>_*|7',
    "spaced": "long pass phrase, nine",
    "slash": "a\\b/c`d#9x!",
}
REPORTS = (
    *((("status", SPEC), style) for style in ("text", "json", "html")),
    *((("adoption", "--until", "2026-02-18"), style) for style in ("text", "json", "csv", "html")),
    *((("audit", SPEC, "--dry-run"), style) for style in ("text", "json", "markdown", "html")),
    *((("qa", SPEC, "--dry-run"), style) for style in ("text", "json", "markdown", "html")),
)


@pytest.fixture(params=[*VALUES, "token"])
def quoting(request: pytest.FixtureRequest, sandbox: Sandbox) -> tuple[Sandbox, str]:
    """A history whose records quote a secret wherever a report shows text."""
    secret = VALUES.get(request.param, TOKEN)
    bundle = Bundle(moment=at(2, 17))
    files = {**history(), **disputed(bundle, (0.1, 0.1, 0.1)), **costs({"plan": 1.7}, runProfile=f"under {secret} x")}
    said = f"storage: {secret} or Postgres"
    files = put(files, bundle.path("gemini"), consensus={"agreements": [said], "conflicts": [said]}, model=said)
    files = put(files, bundle.path("gemini_metrics"), model_id=said, error=said)
    files = put(files, bundle.path("claude"), status="error", error=f"it said {secret} and left")
    run_ = "20260209T090000Z-4f2a9c10"
    files[f"{EVIDENCE}/runs/{SPEC}/{run_}.json"] = render({
        "schemaVersion": 1, "specId": SPEC, "run": run_, "profile": said, "started_at": "2026-02-17T09:00:00Z",
        "outcome": "halted", "exit_code": 4, "halt": {"stage": "plan", "reason": "conflict", "message": said},
        "stages": [{"stage": "plan", "status": "failed"}], "seal": {"head": said, "ledger": said},
    })  # fmt: skip
    for path, data in {**run(Bundle(stage="tasks", moment=at(2, 17)), (1, 1, 1)), **files}.items():
        sandbox.write(path, data)
    sandbox.write(f"{EVIDENCE}/commands/{SPEC}/{secret.replace('/', '')}.log", "x" * 90_000)
    sandbox.write(".speckit.yaml", "secrets: {env: [MY_SECRET]}\n")
    sandbox.commit()
    return sandbox, secret


def test_no_format_shows_it(quoting: tuple[Sandbox, str]) -> None:
    sandbox, secret = quoting
    shown = []
    for arguments, style in REPORTS:
        ran = sandbox.speckit(*arguments, "--format", style, MY_SECRET=secret)
        assert ran.code in (0, 1), ran
        texts = [ran.out, ran.err]
        if style == "json":
            texts.append(json.dumps(json.loads(ran.out), ensure_ascii=False))
        # As whoever reads the page sees it, and as the cell of a spreadsheet.
        texts += [html.unescape(text).replace("\\", "").replace('""', '"') for text in texts]
        if any(needle in text for needle in (secret, secret.replace("\\", "")) for text in texts):
            shown.append((*arguments[:1], style))
    assert shown == []
