"""Services of `probes`: read from the configuration, asked over HTTP and MCP, and stood in for by mocks."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from guardrails.config import MOCK_BEHAVIOURS, Expectation, MockBehaviour, ProbeCheck, Service, Settings, load_for_run
from guardrails.core import faults
from guardrails.errors import GuardrailError
from guardrails.evidence import StageSession
from guardrails.services.probes import (
    Asked,
    ProbeEnvironment,
    ProbeQuestion,
    Response,
    answer,
    document,
    probe,
    reason_against,
    shortfall,
    summarized,
)
from tests.services.probes.bench import KEY, holds_secret
from tests.services.probes.hostile import Connection, hostile, says

SERVER = str(Path(__file__).parent / "mcp_server.py")
SECRET = "CATALOGUE_KEY"
UP = {"path": "/up", "expect": "healthy"}


def configuration(**service: Any) -> bytes:
    """A configuration with one service, `catalogue`. JSON is YAML."""
    return json.dumps({"probes": {"catalogue": {"mode": "live", "checks": {"up": UP}, **service}}}).encode()


def read(**service: Any) -> tuple[Service, Settings]:
    loaded = load_for_run(configuration(**service), ".speckit.yaml", {})
    (made,) = loaded.run.probes
    return made, loaded.settings


def ask(**service: Any) -> tuple[Response, ...]:
    """What the service answers, with its key in the environment."""
    return probe(*read(**service), ProbeEnvironment({SECRET: KEY}, "."))


class TestConfiguration:
    def test_each_key_is_read(self) -> None:
        made, settings = read(
            base_url="https://catalogue.example/api/",
            secret_env=SECRET,
            required=True,
            timeout="1.5m",
            mock="slow",
            checks={
                "up": UP,
                "search": {
                    "path": "/search",
                    "query": {"text": "a b", "limit": 1, "all": True},
                    "status": [200, 203],
                    "expect": [{"at": "/hits", "type": "array", "min_items": 1}, {"at": "/done", "equals": False}],
                    "example": {"hits": [1], "done": False},
                },
                "ping": {"path": "/ping", "body": {"ping": 1}},
            },
        )
        up, search, ping = made.checks
        assert (made.mode, made.base_url, made.secret_env) == ("live", "https://catalogue.example/api", SECRET)
        assert (made.origin, made.key, made.label) == (".speckit.yaml:1", "probes.catalogue", "catalogue")
        assert (made.required, made.timeout, made.mock) == (True, 90.0, "slow")
        assert up == ProbeCheck("up", "/up", expect="healthy")
        assert search.query == "text=a+b&limit=1&all=true"
        assert search.expect == (Expectation("/hits", type="array", min_items=1), Expectation("/done", (False,)))
        assert (search.status, json.loads(search.example or b"")) == ((200, 203), {"hits": [1], "done": False})
        assert (ping.method, ping.payload) == ("POST", b'{"ping": 1}')
        assert SECRET in settings.secrets.variables

    def test_without_any_nothing_is_said_of_them(self) -> None:
        loaded = load_for_run(b"version: 1", ".speckit.yaml", {})
        assert loaded.run.probes == ()
        assert not [value.key for value in loaded.values if value.key.startswith("probes")]

    def test_every_value_is_shown_with_its_line(self) -> None:
        text = b"probes:\n  web:\n    mode: off\n    checks:\n      up: {path: /up, query: {a.b: 1}}\n"
        shown = {value.key: (value.value, value.origin) for value in load_for_run(text, "c.yaml", {}).values}
        assert shown["probes.web.mode"] == ("off", "c.yaml:3")
        assert shown["probes.web.checks.up.query.a.b"] == (1, "c.yaml:5")

    @pytest.mark.parametrize(
        ("service", "words"),
        [
            ({}, "asked live, and has no address"),
            ({"base_url": "http://h", "mcp": ["x"]}, "both base_url and mcp"),
            ({"base_url": "http://user:" + "secret@h"}, "holds a user or a password"),
            ({"base_url": "ftp://secret"}, "probes.catalogue.base_url is not an address"),
            ({"base_url": "http://h", "timeout": "2h"}, "probes.catalogue.timeout is 2h"),
            ({"base_url": "http://h", "mode": "on"}, "'on' is not one of 'off', 'mock', 'live'"),
            ({"base_url": "http://h", "checks": {}}, "has 0 of at least 1 keys"),
            ({"base_url": "http://h", "checks": {"a": {}}}, "has no path"),
            ({"base_url": "http://h", "checks": {"a": {"method": "GET"}}}, "has no path"),
            ({"base_url": "http://h", "checks": {"a": {"path": "//x?y"}}}, "does not match"),
            ({"base_url": "http://h", "checks": {"a": {"path": "x"}}}, "does not match"),
            ({"base_url": "http://h", "checks": {"a": {"tool": "t"}}}, "tool is a key for an MCP server"),
            ({"base_url": "http://h", "checks": {"a": {"path": "/", "tool": "t"}}}, "tool is a key for an MCP"),
            ({"mcp": ["x"], "checks": {"a": {"path": "/"}}}, "path is a key for HTTP"),
            ({"mode": "mock", "checks": {"a": {"path": "/", "tool": "t"}}}, "is a key for"),
            ({"mcp": [""]}, "not a command|path is a key"),
            ({"base_url": "http://h", "checks": {"a": {"path": "/", "method": "GET", "body": 1}}}, "GET has no body"),
            ({"base_url": "http://h", "checks": {"a": {"path": "/", "method": "DELETE"}}}, "not one of 'GET', 'POST'"),
            ({"base_url": "http://h", "checks": {"a": {"path": "/", "status": [301]}}}, "301"),
            ({"base_url": "http://h", "checks": {"a": {"path": "/", "expect": "fine"}}}, "fine"),
            ({"base_url": "http://h", "checks": {"a": {"path": "/", "expect": [{"at": "x"}]}}}, "does not match"),
            ({"base_url": "http://h", "checks": {"a__b": UP}}, "does not match"),
            ({"base_url": "http://h", "checks": {"../a": UP}}, "does not match"),
            ({"base_url": "http://h", "retries": 1}, "unknown key 'retries'"),
        ],
    )
    def test_what_could_never_be_asked_is_refused_with_its_place(self, service: dict[str, Any], words: str) -> None:
        with pytest.raises(GuardrailError, match=words) as raised:
            read(**service)
        assert str(raised.value).startswith(".speckit.yaml:1:")
        assert "secret" not in str(raised.value)

    @pytest.mark.parametrize("number", [".inf", ".nan", "0x" + "f" * 5000], ids=["endless", "none", "too long"])
    @pytest.mark.parametrize("key", ["body", "query", "example"])
    def test_a_number_that_cannot_be_sent_is_refused(self, key: str, number: str) -> None:
        text = f"probes:\n  web:\n    mode: off\n    checks:\n      up: {{path: /up, {key}: {{n: {number}}}}}\n"
        with pytest.raises(GuardrailError, match=rf"c\.yaml:5:.*\.{key}.* holds a number|does not satisfy"):
            load_for_run(text.encode(), "c.yaml", {})

    def test_hal_has_a_section_of_its_own(self) -> None:
        text = json.dumps({"probes": {"hal": {"mode": "off", "checks": {"up": UP}}}})
        with pytest.raises(GuardrailError, match=r"probes\.hal: HAL has a section of its own"):
            load_for_run(text.encode(), ".speckit.yaml", {})


def judged(expect: Sequence[dict[str, Any]], body: bytes, status: tuple[int, ...] = (), said: int = 200) -> str | None:
    """What is said against a body of which `expect` is expected."""
    checks = {"a": {"path": "/", "expect": list(expect), **({"status": list(status)} if status else {})}}
    check = read(base_url="http://h", checks=checks)[0].checks[0]
    question = ProbeQuestion(check, "http", "http://h/", 1.0)
    return reason_against(Asked(question, datetime.now(timezone.utc), 1, http_status=said, body=body))


class TestExpectations:
    @pytest.mark.parametrize(
        ("expect", "body"),
        [
            ([], b"anything"),
            ([{}], b"null"),
            ([{"at": "/a", "equals": 1}], b'{"a": 1.0}'),
            ([{"at": "/a", "equals": None}], b'{"a": null}'),
            ([{"at": "/a/1/b", "one_of": ["x", "y"]}], b'{"a": [0, {"b": "y"}]}'),
            ([{"at": "/a~1b/c~0", "equals": "x"}], b'{"a/b": {"c~": "x"}}'),
            ([{"at": "/", "equals": True}], b'{"": true}'),
            ([{"type": "array", "min_items": 2}], b"[1, 2]"),
            ([{"type": "number"}], b"1"),
            ([{"at": "/a"}, {"at": "/b", "type": "boolean"}], b'{"a": null, "b": false}'),
        ],
    )
    def test_what_holds_passes(self, expect: list[dict[str, Any]], body: bytes) -> None:
        assert judged(expect, body) is None

    @pytest.mark.parametrize(
        ("expect", "body", "words"),
        [
            ([{"at": "/a"}], b"{}", "/a is missing"),
            ([{"at": "/a/0"}], b'{"a": []}', "/a/0 is missing"),
            ([{"at": "/a/99999999999999999999"}], b'{"a": [1]}', "is missing"),
            ([{"at": "/a/-1"}], b'{"a": [1]}', "/a/-1 is missing"),
            ([{"at": "/a", "equals": 1}], b'{"a": true}', "/a is not what is expected"),
            ([{"at": "/a", "equals": False}], b'{"a": 0}', "/a is not what is expected"),
            ([{"at": "/a", "equals": "kvd"}], b'{"a": "other-kvd"}', "/a is not what is expected"),
            ([{"type": "integer"}], b"true", "the answer is not of type integer"),
            ([{"type": "integer"}], b"1.5", "the answer is not of type integer"),
            ([{"min_items": 2}], b"[1]", "the answer is not a list of 2 or more"),
            ([{"min_items": 0}], b"{}", "the answer is not a list of 0 or more"),
            ([{}], b"", "the answer is empty"),
            ([{}], b"<html>", "the answer is not JSON"),
        ],
    )
    def test_what_does_not_hold_fails_in_our_own_words(
        self, expect: list[dict[str, Any]], body: bytes, words: str
    ) -> None:
        reason = str(judged(expect, body))
        assert words in reason
        assert "other" not in reason

    @pytest.mark.parametrize(
        ("status", "said", "reason"),
        [((), 204, None), ((204,), 204, None), ((204,), 200, "it answered 200"), ((), 500, "it answered 500")],
    )
    def test_the_status_is_what_is_expected(self, status: tuple[int, ...], said: int, reason: str | None) -> None:
        assert judged([], b"", status, said) == reason


class TestLive:
    def test_over_http_each_check_is_sent_as_configured(self) -> None:
        with hostile(says(b'{"status": "ok", "n": [1]}')) as server:
            checks = {
                "up": UP,
                "search": {"path": "/s", "query": {"q": "a&b"}, "body": {"x": 1}, "expect": [{"at": "/n/0"}]},
            }
            made = ask(base_url=server.url + "/api", secret_env=SECRET, checks=checks)
        assert [(each.check, each.status, each.reason) for each in made] == [
            ("up", "passed", None),
            ("search", "passed", None),
        ]
        sent = b"".join(sorted(server.requests))
        assert b"GET /api/up HTTP" in sent
        assert b"POST /api/s?q=a%26b HTTP" in sent
        assert sent.lower().count(b"x-api-key: " + KEY.encode().lower()) == 2
        assert b"x-speckit-check" not in sent.lower()

    def test_without_a_key_of_its_own_none_is_sent(self) -> None:
        with hostile(says(b"OK")) as server:
            (made,) = ask(base_url=server.url)
        assert made.status == "passed"
        assert b"x-api-key" not in server.requests[0].lower()

    def test_a_key_that_is_not_set_fails_every_check(self) -> None:
        with hostile(says(b"OK")) as server:
            service, settings = read(base_url=server.url, secret_env=SECRET)
            (made,) = probe(service, settings, ProbeEnvironment({}, "."))
        assert (made.status, made.reason, server.requests) == ("failed", f"{SECRET} is not set", [])

    def test_a_secret_that_comes_back_is_in_no_record(self) -> None:
        def echo(connection: Connection) -> None:
            says(json.dumps({"status": connection.header("X-Api-Key")}).encode())(connection)

        with hostile(echo) as server:
            (made,) = ask(base_url=server.url, secret_env=SECRET)
        assert made.status == "failed"
        assert made.body is not None
        assert made.body.redactions == 1
        assert not holds_secret(repr(made).encode())

    def test_a_secret_in_an_address_or_a_tool_is_in_no_record(self) -> None:
        word = "kvd-plain-key-12345"
        around = ProbeEnvironment({SECRET: word}, ".")
        with hostile(says(b"OK")) as server:
            (http,) = probe(*read(base_url=server.url, secret_env=SECRET, checks={"a": {"path": f"/{word}"}}), around)
        command = [sys.executable, SERVER, "sound"]
        (mcp,) = probe(*read(mcp=command, secret_env=SECRET, checks={"a": {"tool": word}}), around)
        session = StageSession("SPEC-KIT-900", "validate", datetime.now(timezone.utc), "4f2a9c10")
        records = [document(made, session) for made in (http, mcp)]
        assert [made["request"].keys() & {"url", "tool"} for made in records] == [{"url"}, {"tool"}]
        assert not holds_secret(json.dumps(records).encode(), word)

    def test_a_redirect_is_not_followed(self) -> None:
        head = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/"
        with hostile(says(b"", head)) as server:
            (made,) = ask(base_url=server.url)
        assert "a redirect, and these are not followed" in str(made.reason)

    def test_over_mcp_the_tool_is_called_with_its_arguments(self) -> None:
        checks = {"alive": {"tool": "health"}, "movies": {"tool": "list_movies", "expect": "list"}, "absent": {}}
        made = ask(mcp=[sys.executable, SERVER, "sound"], timeout="20s", checks=checks)
        assert [each.status for each in made] == ["passed", "passed", "failed"]
        assert made[2].reason == "the MCP server has no such tool"
        assert [each.question and each.question.tool for each in made] == ["health", "list_movies", "absent"]


EVERY = {
    "up": UP,
    "items": {"path": "/items", "expect": "list"},
    "verify": {"path": "/verify", "body": {}, "expect": "no-failures"},
    "graph": {"path": "/graphql", "body": {"query": "{a}"}, "expect": "graphql"},
    "graph_too": {
        "path": "/graphql",
        "body": {"query": "{b}"},
        "expect": [
            {"at": "/data/b/1/c", "one_of": ["x", "y"]},
            {"at": "/data/list", "type": "array", "min_items": 3},
            {"at": "/data/n", "type": "integer"},
            {"at": "", "type": "object"},
        ],
    },
    "made": {"path": "/made", "status": [202], "expect": [{"min_items": 1}], "example": [7]},
}


class TestMock:
    def test_a_healthy_one_satisfies_every_check_and_is_marked(self) -> None:
        made = ask(mode="mock", secret_env=SECRET, checks=EVERY)
        assert [(each.check, each.status, each.reason) for each in made] == [(name, "passed", None) for name in EVERY]
        assert {each.mode for each in made} == {"mock"}
        assert made[-1].http_status == 202
        assert made[-1].body is not None
        assert made[-1].body.content == [7]

    @pytest.mark.parametrize("behaviour", ["failing", "garbage"])
    def test_one_that_misbehaves_fails_every_check(self, behaviour: str) -> None:
        assert {each.status for each in ask(mode="mock", mock=behaviour, checks=EVERY)} == {"failed"}

    def test_a_slow_one_ends_at_the_limit(self) -> None:
        (made,) = ask(mode="mock", mock="slow", timeout="300ms")
        assert made.reason == "no complete answer within 0.3 s"

    def test_it_stands_in_for_an_mcp_server_too(self) -> None:
        checks = {"find": {"tool": "find_notes", "arguments": {"text": "x"}, "expect": "list"}}
        (made,) = ask(mode="mock", mcp=["no-such-program-anywhere"], checks=checks)
        assert (made.status, made.mode) == ("passed", "mock")

    def test_a_service_elsewhere_is_never_asked_in_its_place(self) -> None:
        (made,) = ask(mode="mock", base_url="http://catalogue.invalid")
        assert made.status == "passed"

    @pytest.mark.parametrize("behaviour", MOCK_BEHAVIOURS)
    def test_a_list_that_is_asked_to_be_huge_is_not_made(self, behaviour: MockBehaviour) -> None:
        check = ProbeCheck("a", "/a", expect=(Expectation("/999999999/0", min_items=10**9),))
        assert len(answer(check, behaviour).body) < 1 << 20


class TestOutcome:
    def test_off_is_skipped_with_who_decided(self) -> None:
        (made,) = ask(mode="off")
        assert (made.status, made.reason) == ("skipped", "catalogue is off (.speckit.yaml:1)")

    def test_what_is_required_is_named_when_it_falls_short(self) -> None:
        service, _ = read(mode="mock", required=True)
        said = shortfall(service, summarized(service, ask(mode="mock", required=True)))
        assert said == "catalogue is required, and a mock answered (.speckit.yaml:1)"

    @pytest.mark.parametrize("mode", ["off", "mock"])
    def test_a_record_satisfies_its_schema_and_names_the_service(self, mode: str) -> None:
        session = StageSession("SPEC-KIT-900", "validate", datetime.now(timezone.utc), "4f2a9c10")
        service, _ = read(mode=mode)
        (made,) = ask(mode=mode)
        record = document(made, session, service)
        assert (record["service"], record["check"], record["mode"]) == ("catalogue", "up", mode)
        assert list(faults("hal_response", record)) == []
