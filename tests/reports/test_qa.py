"""The telemetry QA sweep: fields that say nothing, alerts that fire, and where they go."""

from __future__ import annotations

import http.server
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from guardrails.config import Settings, load_for_run
from guardrails.errors import GuardrailError
from guardrails.reports import Played, Population, playback, population, reduce_evidence, state
from guardrails.services import GIVE_UP
from guardrails.snapshot import MemorySnapshot
from tests.consensus.builder import SPEC, Bundle, Files, put
from tests.reports.history import NOW, at, costs, history, run
from tests.sandbox import EVIDENCE, Ran, Sandbox

EPOCH = "1771416000"


def populated(files: Files) -> Population:
    snapshot = MemorySnapshot(files)
    return population(snapshot, Settings(), snapshot.entries())


@pytest.mark.parametrize(
    ("record", "name", "expected"),
    [
        pytest.param({"cost_usd": 0.5}, "cost_usd", "said", id="a value is said"),
        pytest.param({"cost_usd": 0, "source": "measured"}, "cost_usd", "said", id="a measured zero is said"),
        pytest.param({"cost_usd": 0}, "cost_usd", "zero", id="a zero nobody measured is a default"),
        pytest.param({"cost_usd": None}, "cost_usd", "null", id="null says nothing"),
        pytest.param({"model_id": ""}, "model_id", "null", id="an empty text says nothing"),
        pytest.param({}, "cost_usd", "absent", id="absent"),
        pytest.param({"spec_id": "S"}, "specId|spec_id", "said", id="either spelling counts"),
        pytest.param({"hooks": {"session.start": "ok"}}, "hooks.session.start", "said", id="a key with a dot"),
        pytest.param({"gen_ai.usage.input_tokens": 3}, "gen_ai.usage.input_tokens", "said", id="a name with dots"),
        pytest.param({"cost": {"usd": 0}}, "cost.usd", "zero", id="a zero within"),
        pytest.param({"output_tokens": False}, "output_tokens", "said", id="false is not zero"),
    ],
)
def test_a_field_says_something_or_why_not(record: dict[str, Any], name: str, expected: str) -> None:
    assert state(record, name) == expected


def test_fields_are_counted_over_all_records_and_the_empty_ones_named() -> None:
    found = populated(history())
    counted = {(field.kind, field.name): field for field in found.fields}
    cost = counted["agent_metrics", "cost_usd"]
    assert (cost.records, cost.said, cost.null, cost.zero) == (27, 26, 1, 0)
    assert counted["telemetry", "baseline.status"].share == 1.0
    assert counted["telemetry", "baseline.status"].records == 7, "only plan has one"
    assert any(each.field == "cost_usd" and "20260212" in each.path for each in found.missing)


def test_alerts_fire_as_they_would_have_and_always_under_the_same_id() -> None:
    facts = reduce_evidence(MemorySnapshot(history()), Settings())
    fired = playback(facts, NOW, 4, 3.75, SPEC).fired
    names = [each.alert.name for each in fired]
    assert names.count("consensus-conflict") == 3
    assert names.count("cost-unknown") == 1
    assert [each.alert.message for each in fired if each.alert.name == "cost-over-cap"] == ["$4.00 of $3.75"]
    assert names[-3:] == ["adoption-low-runs", "adoption-low-agreement", "adoption-high-cost"]
    assert len({each.id for each in fired}) == len(fired)
    assert [each.id for each in playback(facts, NOW, 4, 3.75, SPEC).fired] == [each.id for each in fired]


def test_weeks_before_the_first_run_raise_nothing() -> None:
    facts = reduce_evidence(MemorySnapshot(run(Bundle(moment=at(2, 17)), (0.1, 0.1, 0.1))), Settings())
    assert playback(facts, NOW, 8, 3.0, SPEC) == Played(1, ())


def test_a_sound_history_fires_nothing() -> None:
    files: Files = {}
    for week in (26, 27, 28, 29, 30):
        files |= run(Bundle(moment=at(1, week)), (0.1, 0.1, 0.1))
        files |= run(Bundle(moment=at(2, week - 24)), (0.1, 0.1, 0.1))
        files |= run(Bundle(moment=at(2, week - 17)), (0.1, 0.1, 0.1))
    assert playback(reduce_evidence(MemorySnapshot(files), Settings()), NOW, 4, 3.0, SPEC) == Played(15, ())


class Heard(http.server.BaseHTTPRequestHandler):
    """Keeps what was posted; answers as its server says."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(getattr(self.server, "body", b""))

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[http.server.HTTPServer]:
    made = http.server.HTTPServer(("127.0.0.1", 0), Heard)
    made.heard, made.status = [], 204  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def swept(sandbox: Sandbox) -> Sandbox:
    for path, data in (history() | costs({"plan": 1.7})).items():
        sandbox.write(path, data)
    sandbox.commit()
    return sandbox


def qa(sandbox: Sandbox, *arguments: str, **extra: str) -> Ran:
    return sandbox.speckit("qa", SPEC, "--format", "json", *arguments, SOURCE_DATE_EPOCH=EPOCH, **extra)


def test_nothing_is_sent_without_being_asked_for(swept: Sandbox) -> None:
    swept.write(".speckit.yaml", "alerts: {file: alerts.jsonl}\n")
    ran = qa(swept)
    assert ran.document["routing"] == {"places": ["file alerts.jsonl"], "sent": None}
    assert not (swept.root / "alerts.jsonl").exists()


@pytest.mark.tier2
def test_alerts_reach_file_command_and_webhook_once(swept: Sandbox, service: http.server.HTTPServer) -> None:
    keep = "import sys; open('given.jsonl', 'ab').write(sys.stdin.buffer.read())"
    address = f"http://127.0.0.1:{service.server_port}/hook/secret"
    config = {"file": "log/alerts.jsonl", "command": [sys.executable, "-c", keep], "webhook": address}
    swept.write(".speckit.yaml", json.dumps({"alerts": config}))
    ran = qa(swept, "--route")
    sent = ran.document["routing"]["sent"]
    fired = ran.document["alerts"]
    assert {row["outcome"] for row in sent} == {"delivered"}
    assert len(sent) == 3 * len(fired)
    assert "secret" not in json.dumps(ran.document["routing"]), "an address may be what lets one post there"
    logged = [json.loads(line) for line in (swept.root / "log/alerts.jsonl").read_text().splitlines()]
    given = [json.loads(line) for line in (swept.root / "given.jsonl").read_text().splitlines()]
    assert logged == given == service.heard  # type: ignore[attr-defined]
    assert [row["id"] for row in logged] == [row["id"] for row in fired]
    again = qa(swept, "--route").document["routing"]["sent"]
    assert {row["outcome"] for row in again} == {"delivered before"}
    assert len(service.heard) == len(fired)  # type: ignore[attr-defined]


@pytest.mark.tier2
def test_what_fails_is_said_and_tried_again(swept: Sandbox, service: http.server.HTTPServer) -> None:
    service.status = 302  # type: ignore[attr-defined]
    command = [sys.executable, "-c", "raise SystemExit(7)"]
    config = {"command": command, "webhook_env": "HOOK_ADDRESS", "file": ".git/hooks/pre-commit"}
    swept.write(".speckit.yaml", json.dumps({"alerts": config}))
    where = {"HOOK_ADDRESS": f"http://127.0.0.1:{service.server_port}/"}
    ran = qa(swept, "--route", **where)
    sent = ran.document["routing"]["sent"]
    outcomes = {row["place"].split()[0]: row["outcome"] for row in reversed(sent)}
    assert sent[GIVE_UP]["outcome"] == f"failed: not tried after {GIVE_UP} failures"
    assert outcomes == {
        "file": "failed: lies in the git directory",
        "command": "failed: exit code 7",
        "webhook": "failed: status 302",
    }
    assert "an alert did not reach its place" in ran.document["faults"]
    service.status = 200  # type: ignore[attr-defined]
    again = qa(swept, "--route", **where).document["routing"]["sent"]
    assert {row["outcome"] for row in again if row["place"].startswith("webhook")} == {"delivered"}
    assert qa(swept, "--route").code == 2, "the variable is not set"


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nX: "], ids=["nothing", "a start", "headers"])
@pytest.mark.tier2
def test_a_place_that_hangs_is_left_after_its_time(swept: Sandbox, says: bytes) -> None:
    """It accepts, and then drips: each byte in time, the answer never."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        with suppress(OSError):
            while True:
                there, _ = listening.accept()
                threading.Thread(target=_drip, args=(there, says, over), daemon=True).start()

    threading.Thread(target=drip, daemon=True).start()
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    swept.write(".speckit.yaml", json.dumps({"alerts": {"webhook": address, "timeout": "300ms"}}))
    try:
        sent = qa(swept, "--route").document["routing"]["sent"]
    finally:
        over.set()
        listening.close()
    assert [row["outcome"] for row in sent[:GIVE_UP]] == ["failed: no answer in 0.3 s"] * GIVE_UP
    assert {row["outcome"] for row in sent[GIVE_UP:]} == {f"failed: not tried after {GIVE_UP} failures"}


def _drip(there: socket.socket, says: bytes, over: threading.Event) -> None:
    with there, suppress(OSError):
        there.sendall(says)
        while says and not over.wait(0.05):
            there.sendall(b"x")
        over.wait(20)


@pytest.mark.tier2
def test_an_endless_answer_is_not_listened_to(swept: Sandbox, service: http.server.HTTPServer) -> None:
    service.body = b"x" * 50_000_000  # type: ignore[attr-defined]
    swept.write(
        ".speckit.yaml",
        json.dumps({"alerts": {"webhook": f"http://127.0.0.1:{service.server_port}/", "timeout": "20s"}}),
    )
    sent = qa(swept, "--route").document["routing"]["sent"]
    assert {row["outcome"] for row in sent} == {"delivered"}


@pytest.mark.tier2
def test_no_secret_is_sent_anywhere(swept: Sandbox, service: http.server.HTTPServer) -> None:
    """Neither in what an alert says, nor in what it is about: a record names its run."""
    secret = "kavedarr key of 77 zulus"
    name = "20260217T090000Z-4f2a9c10"
    cost = {"usd": None, "tokens": None, "source": "unknown", "calls": 2, "priced_calls": 0}
    summary = {"schemaVersion": 1, "specId": SPEC, "run": f"run of {secret}", "started_at": "2026-02-17T09:00:00Z",
               "outcome": "halted", "stages": [], "cost": cost}  # fmt: skip
    swept.write(f"{EVIDENCE}/runs/{SPEC}/{name}.json", json.dumps(summary))
    config = {"webhook": f"http://127.0.0.1:{service.server_port}/", "file": "log.jsonl"}
    swept.write(".speckit.yaml", json.dumps({"alerts": config, "secrets": {"env": ["MY_SECRET"]}}))
    qa(swept, "--route", MY_SECRET=secret)
    heard = json.dumps(service.heard) + (swept.root / "log.jsonl").read_text()  # type: ignore[attr-defined]
    assert "run of [secret]" in heard
    assert "77 zulus" not in heard


def test_a_link_is_not_written_through(swept: Sandbox, tmp_path: Path) -> None:
    (swept.root / "alerts").symlink_to(tmp_path, target_is_directory=True)
    swept.write(".speckit.yaml", "alerts: {file: alerts/log.jsonl}\n")
    sent = qa(swept, "--route").document["routing"]["sent"]
    assert all(row["outcome"].startswith("failed") for row in sent)
    assert not (tmp_path / "log.jsonl").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("alerts: {file: ../x}", "'..'"),
        ("alerts: {webhook: 'https://user:" + "pw@host/'}", "holds a user or a password"),
        ("alerts: {webhook: 'ftp://x'}", "does not match"),
        ("alerts: {command: ['']}", "not a command"),
        ("alerts: {timeout: 0s}", "no time to wait"),
        ("alerts: {to: somebody}", "to"),
    ],
)
def test_a_route_that_cannot_be_is_refused(text: str, problem: str) -> None:
    with pytest.raises(GuardrailError) as caught:
        load_for_run(text.encode(), ".speckit.yaml", {})
    assert problem in caught.value.message
    assert "user:pw" not in caught.value.message


def test_the_report_is_filed_and_a_newer_one_replaces_it(swept: Sandbox) -> None:
    first = swept.speckit("qa", SPEC, SOURCE_DATE_EPOCH=EPOCH)
    report = swept.root / f"docs/{SPEC}/validation/telemetry-qa.md"
    assert first.code == 1
    assert "written: " in first.err
    assert "| agent\\_metrics | cost\\_usd | 26 of 27 |" in report.read_text()
    assert "unchanged: " in swept.speckit("qa", SPEC, SOURCE_DATE_EPOCH="1771416005").err
    bundle = Bundle(moment=at(2, 17))
    for path, data in put(run(bundle, (0, 0, 0)), bundle.path("claude_metrics"), source="estimated").items():
        swept.write(path, data)
    assert "written: " in swept.speckit("qa", SPEC, SOURCE_DATE_EPOCH=EPOCH).err
    assert swept.speckit("qa", "SPEC-KIT-NONE").code == 3
    assert json.loads((report.with_suffix(".json")).read_text())["trusted"] is False
