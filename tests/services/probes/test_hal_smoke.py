"""`speckit hal smoke`: exit codes, records, and no secret anywhere."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from guardrails.config import Layout
from guardrails.core import faults
from guardrails.evidence import locked
from guardrails.git import open_repo
from guardrails.layouts import evidence_name
from tests.sandbox import Sandbox
from tests.services.probes.bench import CHECKS, COMMANDS, KEY, VARIABLE, everything, holds_secret, records, smoke
from tests.services.probes.hostile import Connection, hostile, says
from tests.test_secret_values import ENCODERS

SERVER = str(Path(__file__).parent / "mcp_server.py")
LIVE = ("SPEC-KIT-900", "--mode", "live")


def test_a_mock_of_its_own_is_served_when_none_is_named(sandbox: Sandbox) -> None:
    ran = smoke(sandbox, "--mode", "mock")
    assert ran.code == 0, ran
    assert re.search(r"^hal: passed: 4 of 4 passed; mock at http://127\.0\.0\.1:\d+ \(--mode\)$", ran.out, re.M)
    assert records(sandbox) == {}, "without a SPEC nothing is written"


def test_with_a_spec_each_response_becomes_a_valid_record(sandbox: Sandbox) -> None:
    ran = smoke(sandbox, "SPEC-KIT-900-smoke", "--mode", "mock", "--stage", "audit")
    assert ran.code == 0, ran
    made = records(sandbox)
    assert set(made) == set(CHECKS)
    for check, document in made.items():
        assert list(faults("hal_response", document)) == []
        assert (document["mode"], document["origin"], document["status"]) == ("mock", "--mode", "passed")
        assert (document["specId"], document["stage"], document["check"]) == ("SPEC-KIT-900", "audit", check)
    for path in (sandbox.root / COMMANDS).iterdir():
        assert f"record: {path.relative_to(sandbox.root)}\n" in ran.out
        name = evidence_name(Layout(), str(path.relative_to(sandbox.root)))
        assert name is not None
        assert (name.kind, name.spec, name.stage, name.agent) == ("hal_response", "SPEC-KIT-900", "audit", None)
    assert sandbox.speckit("validate").code == 0


def test_nothing_is_asked_by_default(sandbox: Sandbox) -> None:
    ran = smoke(sandbox, "SPEC-KIT-900")
    assert ran.code == 3
    assert ran.out.count("skipped: HAL is off (default)") == 4
    assert "hint: --mode live" in ran.out
    assert records(sandbox) == {}, "nobody wanted HAL: there is nothing to record"


def test_a_skip_is_recorded_and_is_no_pass(sandbox: Sandbox) -> None:
    sandbox.write(".speckit.yaml", "hal: {mode: mock}\n")
    ran = smoke(sandbox, "SPEC-KIT-900", SPEC_OPS_HAL_SKIP="1")
    assert ran.code == 3
    for document in records(sandbox).values():
        assert (document["status"], document["reason"]) == ("skipped", "SPEC_OPS_HAL_SKIP=1")
        assert (document["mode"], document["origin"]) == ("off", "environment SPEC_OPS_HAL_SKIP")
        assert (document["transport"], document["response"]) == (None, None)
    assert len(records(sandbox)) == 4
    assert sandbox.speckit("validate").code == 0


def test_a_live_service_that_answers_well_passes(sandbox: Sandbox) -> None:
    with hostile(by_check) as server:
        sandbox.write(".speckit.yaml", f"hal:\n  mode: live\n  base_url: {server.url}/\n")
        ran = smoke(sandbox, "SPEC-KIT-900")
    assert ran.code == 0, ran
    assert f"hal: passed: 4 of 4 passed; live at {server.url} (.speckit.yaml:2)" in ran.out
    assert {document["mode"] for document in records(sandbox).values()} == {"live"}
    assert records(sandbox)["list_movies"]["request"]["url"] == server.url + "/api/v3/movie"


def by_check(connection: Connection) -> None:
    """A sound HAL."""
    for path, body in [(b"/health", b'{"status": "ok"}'), (b"/graphql", b'{"data": {"__typename": "Query"}}')]:
        if path in connection.request:
            return says(body)(connection)
    return says(b"[]")(connection)


def test_one_failed_check_fails_the_run(sandbox: Sandbox) -> None:
    with hostile(says(b"[]")) as server:
        ran = smoke(sandbox, *LIVE, "--base-url", server.url)
    assert ran.code == 1
    assert "hal: failed: 2 of 4 passed; live at" in ran.out
    assert records(sandbox)["health"]["reason"] == "the answer has no status"
    assert sandbox.speckit("validate").code == 0, "a failed check is sound evidence"


def test_an_mcp_server_is_asked_when_the_configuration_names_one(sandbox: Sandbox) -> None:
    sandbox.write(".speckit.yaml", f"hal: {{mode: live, mcp: [{json.dumps(sys.executable)}, {SERVER}, sound]}}\n")
    ran = smoke(sandbox, "SPEC-KIT-900")
    assert ran.code == 0, ran
    assert "live over MCP (.speckit.yaml:1)" in ran.out
    assert records(sandbox)["health"]["request"] == {"method": "tools/call", "tool": "health", "timeout_ms": 10000}
    assert records(sandbox)["health"]["transport"] == "mcp"


def test_what_an_mcp_server_writes_beside_the_protocol_is_not_shown(sandbox: Sandbox) -> None:
    sandbox.write(".speckit.yaml", f"hal: {{mode: live, mcp: [{json.dumps(sys.executable)}, {SERVER}, chatty]}}\n")
    ran = smoke(sandbox)
    assert (ran.code, ran.err) == (0, "")
    assert not holds_secret(ran.out.encode())


def test_a_proxy_is_asked_for_what_is_elsewhere_only(sandbox: Sandbox) -> None:
    with hostile(by_check) as server, hostile(by_check) as proxy:
        environ = {"HTTP_PROXY": proxy.url, "http_proxy": proxy.url, "NO_PROXY": "", "no_proxy": ""}
        assert smoke(sandbox, "--mode", "live", "--base-url", server.url, **environ).code == 0
        assert (len(server.requests), len(proxy.requests)) == (4, 0)
        assert smoke(sandbox, "--mode", "live", "--base-url", "http://hal.invalid", **environ).code == 0
        assert (len(server.requests), len(proxy.requests)) == (4, 4)


def test_only_the_configured_checks_are_asked(sandbox: Sandbox) -> None:
    sandbox.write(".speckit.yaml", "hal: {mode: mock, checks: [graphql_ping, health, health]}\n")
    ran = smoke(sandbox)
    assert [line.partition(":")[0] for line in ran.out.splitlines()] == ["graphql_ping", "health", "hal"]


def test_no_configured_check_is_no_pass(sandbox: Sandbox) -> None:
    sandbox.write(".speckit.yaml", "hal: {mode: mock, checks: []}\n")
    assert smoke(sandbox).code == 3


def test_a_missing_key_fails_and_names_the_variable(sandbox: Sandbox) -> None:
    sandbox.write(".speckit.yaml", "hal: {secret_env: MY_HAL_KEY}\n")
    with hostile(says(b"{}")) as server:
        ran = smoke(sandbox, *LIVE, "--base-url", server.url)
    assert ran.code == 1
    assert ran.out.count("failed: MY_HAL_KEY is not set") == 4
    assert server.requests == []
    assert {document["reason"] for document in records(sandbox).values()} == {"MY_HAL_KEY is not set"}


def test_without_an_address_nothing_is_examined(sandbox: Sandbox) -> None:
    ran = smoke(sandbox, *LIVE)
    assert ran.code == 3
    assert "no address is configured" in ran.err
    assert "SPEC_OPS_HAL_BASE_URL" in ran.err


@pytest.mark.parametrize("library", ["httpx", "mcp"])
def test_a_missing_library_is_named_with_what_to_install(sandbox: Sandbox, tmp_path: Path, library: str) -> None:
    (tmp_path / f"{library}.py").write_text("raise ImportError\n")
    paths = f"{tmp_path}:{sandbox.environment['PYTHONPATH']}"
    sandbox.write(".speckit.yaml", "hal: {mcp: [some-server]}\n" if library == "mcp" else "hal: {base_url: http://h}\n")
    ran = smoke(sandbox, "--mode", "live", PYTHONPATH=paths)
    assert ran.code == 3
    assert f"{library} cannot be imported" in ran.err
    assert "speckit-guardrails[auto]" in ran.err


@pytest.mark.parametrize(
    "url",
    [
        "http://user:" + "pa55word@h",
        "https://" + "pa55word@h/",
        "ftp://user:" + "pa55word@h",
        "file:///etc/passwd",
        "h:80",
        "http://",
        "http://h:99999",
        "http://h/?q=pa55word",
        "http://h/#pa55word",
        "http://h/a b",
        "http://h\\@x",
        "http://h\r\nX: y",
        "javascript:alert(1)",
        "http://" + "h" * 3000,
    ],
)
def test_what_is_no_plain_address_is_refused_and_not_repeated(sandbox: Sandbox, url: str) -> None:
    for ran in (smoke(sandbox, *LIVE, "--base-url", url), smoke(sandbox, *LIVE, SPEC_OPS_HAL_BASE_URL=url)):
        assert ran.code == 2, ran
        assert "pa55word" not in ran.out + ran.err
    sandbox.write(".speckit.yaml", f"hal:\n  base_url: {json.dumps(url)}\n")
    for arguments in (("hal", "smoke"), ("config",)):
        ran = sandbox.speckit(*arguments)
        assert ran.code == 2, ran
        assert ".speckit.yaml:2:" in ran.err
        assert "pa55word" not in ran.out + ran.err


def test_a_mock_is_never_asked_for_elsewhere(sandbox: Sandbox) -> None:
    for url in ("http://hal.example", "http://127.example", "http://localhost.example", "http://10.0.0.1"):
        assert smoke(sandbox, "--mode", "mock", "--base-url", url).code == 2
    sandbox.write(".speckit.yaml", "hal: {mode: mock, base_url: 'http://hal.invalid'}\n")
    ran = smoke(sandbox)
    assert ran.code == 0
    assert "mock at http://127.0.0.1:" in ran.out


@pytest.mark.parametrize("spec", ["../x", "spec kit", "SPEC-*", "SPEC-1;x"])
def test_what_is_no_spec_is_refused_before_anybody_is_asked(sandbox: Sandbox, spec: str) -> None:
    with hostile(says(b"{}")) as server:
        assert smoke(sandbox, spec, "--mode", "live", "--base-url", server.url).code == 2
    assert server.requests == []


def test_a_dry_run_asks_nobody_writes_nothing_and_is_no_pass(sandbox: Sandbox) -> None:
    with hostile(says(b"{}")) as server:
        before = everything(sandbox.root)
        ran = smoke(sandbox, *LIVE, "--dry-run", "--base-url", server.url + "/" + KEY.replace("+", "").split("?")[0])
    assert ran.code == 3
    assert "health: would be asked" in ran.out
    assert f"hal: live (--mode): would ask {server.url}" in ran.out
    assert server.requests == []
    assert everything(sandbox.root) == before


def test_quiet_shows_only_what_failed(sandbox: Sandbox) -> None:
    assert smoke(sandbox, "-q", "--mode", "mock").out == ""
    with hostile(says(b"[]")) as server:
        ran = smoke(sandbox, "-q", "--mode", "live", "--base-url", server.url)
    assert ran.out.splitlines() == [
        "health: failed: the answer has no status",
        "graphql_ping: failed: the answer is not a GraphQL response",
    ]


def test_what_is_required_and_not_met_is_said(sandbox: Sandbox) -> None:
    sandbox.write(".speckit.yaml", "hal: {required: true}\n")
    assert "note: HAL is required, and a mock answered (--mode)" in smoke(sandbox, "--mode", "mock").out
    assert "note: HAL is required, and it was not asked (default)" in smoke(sandbox).out


def test_a_spec_at_which_somebody_works_is_left_alone(sandbox: Sandbox) -> None:
    with locked(open_repo(str(sandbox.root), sandbox.environment), "SPEC-KIT-900", "another run"):
        ran = smoke(sandbox, "SPEC-KIT-900", "--mode", "mock")
    assert ran.code == 2
    assert "another run" in ran.err
    assert records(sandbox) == {}


def test_two_runs_in_one_second_leave_eight_records(sandbox: Sandbox) -> None:
    for _ in range(2):
        assert smoke(sandbox, "SPEC-KIT-900", "--mode", "mock").code == 0
    assert len(list((sandbox.root / COMMANDS).iterdir())) == 8


def echo(connection: Connection) -> None:
    """Give the key back in every form and in every place."""
    key = connection.header("X-Api-Key")
    shown = [encode(key).decode("latin-1") for name, encode in ENCODERS.items() if name != "UTF-16"]
    escaped = "".join(f"\\u{ord(char):04x}" for char in key)
    body = json.dumps({"status": shown, **dict.fromkeys(shown, 1)})[:-1] + f', "e": "{escaped}"}}'
    head = f"HTTP/1.1 401 {key}\r\nContent-Type: text/{key}\r\nLocation: http://h/{key}\r\nWWW-Authenticate: {key}"
    as_utf16 = b"/graphql" in connection.request
    says(body.encode("utf-16") if as_utf16 else body.encode(), head)(connection)


def as_a_page(connection: Connection) -> None:
    """Give the key back in every form in something that is no JSON."""
    key = connection.header("X-Api-Key")
    says(b"<p>" + b"</p><p>".join(encode(key) for encode in ENCODERS.values() if b"\0" not in encode(key)))(connection)


@pytest.mark.parametrize("script", [echo, as_a_page])
def test_the_key_is_in_no_file_and_no_output_in_any_form(sandbox: Sandbox, script: object) -> None:
    with hostile(script) as server:  # type: ignore[arg-type]
        ran = smoke(sandbox, *LIVE, "-v", "--base-url", server.url)
    assert ran.code == 1
    assert len(server.requests) == 4
    assert all(KEY.encode() in request for request in server.requests), "it was sent"
    made = records(sandbox)
    assert len(made) == 4
    assert made["health"]["response"]["redactions"] > 10
    for path, data in [*everything(sandbox.root), ("output", (ran.out + ran.err).encode())]:
        assert not holds_secret(data), path
        assert not holds_secret(json.dumps(json.loads(data)).encode() if path.endswith(".json") else b""), path
    for document in made.values():
        assert list(faults("hal_response", document)) == []
    assert sandbox.speckit("secrets", **{VARIABLE: KEY}).code == 0


def test_terminal_escapes_in_an_answer_reach_no_terminal(sandbox: Sandbox) -> None:
    with hostile(says(b'"\\u001b[2J"', "HTTP/1.1 200 \x1b[2J\r\nContent-Type: \x1b[31m/\x1b]0;x\x07")) as server:
        ran = smoke(sandbox, *LIVE, "--base-url", server.url)
    assert ran.code == 1
    assert "\x1b" not in ran.out + ran.err
    assert not any(b"\x1b" in data for _, data in everything(sandbox.root / COMMANDS))
