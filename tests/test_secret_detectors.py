"""Every detector finds what it is for, and its gate never keeps a find from it.

No token stands in this file: each is put together when the test runs.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from base64 import urlsafe_b64encode

import pytest
from detect_secrets import plugins
from detect_secrets.plugins.base import RegexBasedDetector
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from guardrails.secrets import ALL, FOREIGN, OWN, URL_PASSWORD, Detector, scan_stream, spans
from tests.examples import examples

NO_SECRETS = {"IPPublicDetector"}
ASCII = st.characters(min_codepoint=0x20, max_codepoint=0x7E)


def found_in(data: bytes) -> set[str]:
    return {hit.what for hit in scan_stream([data], ()).hits}


def shipped() -> dict[tuple[str, str], RegexBasedDetector]:
    """Every detector of patterns that the installed detect-secrets has."""
    made = {}
    for info in pkgutil.iter_modules(plugins.__path__):
        module = importlib.import_module("detect_secrets.plugins." + info.name)
        for name, value in vars(module).items():
            if not isinstance(value, type) or not issubclass(value, RegexBasedDetector):
                continue
            if value.__module__ == module.__name__ and isinstance(value.denylist, (list, tuple)):
                made[info.name, name] = value()
    return made


SHIPPED = {key: plugin for key, plugin in shipped().items() if key[1] not in NO_SECRETS}
PATTERNS = [
    pytest.param(key, pattern, id=f"{key[1]}-{number}")
    for key, plugin in SHIPPED.items()
    for number, pattern in enumerate(plugin.denylist)
]


def test_every_token_detector_of_detect_secrets_is_used_under_its_own_name() -> None:
    assert {row.plugin: row.name for row in FOREIGN} == {key: plugin.secret_type for key, plugin in SHIPPED.items()}


def generated(pattern: re.Pattern[str]) -> st.SearchStrategy[str]:
    """Texts that the pattern matches. What it wants before an assignment is put there by the caller."""
    text = pattern.pattern.removeprefix(r"(?:(?<=\W)|(?<=^))")
    return st.from_regex(re.compile(text, pattern.flags), fullmatch=True, alphabet=ASCII)


@pytest.mark.parametrize(("key", "pattern"), PATTERNS)
@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_gate_lets_through_whatever_its_detector_finds(
    key: tuple[str, str], pattern: re.Pattern[str], data: st.DataObject
) -> None:
    plugin = SHIPPED[key]
    before = data.draw(st.sampled_from(["", " ", "x ", 'é "', "=", "[", "a: '"]))
    after = data.draw(st.sampled_from(["", " ", '"', "'\r", " é", ","]))
    line = before + _valid(plugin, data.draw(generated(pattern))) + after
    assume(any(plugin.analyze_string(line)))
    if key[1] == "BasicAuthDetector":
        assume(all(re.search("[a-z]", secret) for secret in plugin.analyze_string(line)))
    assert plugin.secret_type in found_in(f"first\n{line}\nlast".encode())


def _valid(plugin: RegexBasedDetector, text: str) -> str:
    """A web token must be JSON inside, which its pattern does not say."""
    if plugin.secret_type != "JSON Web Token":
        return text
    header, payload = (urlsafe_b64encode(part).rstrip(b"=").decode() for part in (b'{"alg":"HS256"}', b'{"a":"x"}'))
    return f"{header}.{payload}.c2ln"


@pytest.mark.parametrize("detector", OWN, ids=lambda row: row.name)
@settings(max_examples=examples(40), deadline=None)
@given(data=st.data())
def test_our_own_detectors_find_what_their_pattern_says(detector: Detector, data: st.DataObject) -> None:
    token = data.draw(st.from_regex(detector.pattern, fullmatch=True))
    assert detector.name in found_in(b'{"key": "' + token + b'"}')


A62 = "abcdefghijABCDEFGHIJ0123456789klmnopqrstKLMNOPQRSTuvwxyzUVWXYZ" * 3
SAMPLES = {
    "GitHub Token": "gh" + "p_" + A62[:36],
    "AWS Access Key": "AK" + "IA" + "ABCDEFGH23456789",
    "Slack Token": "xo" + "xb-" + "123456789012-123456789012-" + A62[:24],
    "Stripe Access Key": "sk_" + "live_" + A62[:24],
    "Private Key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "Basic Auth Credentials": "postgres://admin:" + "s3cret" + "@db.example/app",
    "Anthropic API Key": "sk-" + "ant-api03-" + A62[:93] + "AA",
    "OpenAI API Key": "sk-" + "proj-" + A62[:60],
    "OpenAI Token": "sk-" + A62[:20] + "T3Blbk" + "FJ" + A62[:20],
    "Google API Key": "AI" + "za" + A62[:35],
    "GitHub Fine-grained Token": "github" + "_pat_" + A62[:22] + "_" + A62[:59],
    "Hugging Face Token": "hf" + "_" + A62[:34],
    "GitLab Token": "gl" + "pat-" + A62[:20],
    "NPM Access Token": "np" + "m_" + A62[:36],
    "Twilio API Key": "S" + "K" + "0123456789abcdef" * 2,
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize(
    "template",
    [
        pytest.param("%s", id="alone"),
        pytest.param("token = '%s'\n", id="in code"),
        pytest.param('{"token": "%s"}', id="in JSON"),
        pytest.param('{"log": "first\\n%s\\nlast"}', id="in a line of a JSON string"),
        pytest.param("x\r\n%s\r\ny\r\n", id="with CRLF"),
        pytest.param("é %s ü", id="between words that are not ASCII"),
        pytest.param("%s # pragma: allowlist secret", id="with a comment that asks to be let off"),
    ],
)
def test_a_token_is_found_wherever_it_stands(name: str, template: str) -> None:
    assert name in found_in((template % SAMPLES[name]).encode())


@pytest.mark.parametrize("name", SAMPLES)
def test_a_token_is_found_in_a_large_text(name: str) -> None:
    filler = b"nothing to see here\n" * 5000
    assert name in found_in(filler + SAMPLES[name].encode() + b"\n" + filler)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-8-sig"])
def test_a_token_is_found_in_other_encodings(name: str, encoding: str) -> None:
    assert name in found_in(f"é token: {SAMPLES[name]}\n".encode(encoding))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_token_is_found_between_bytes_that_are_no_text(name: str) -> None:
    assert name in found_in(b"\x00\xff\xfe\x80\n " + SAMPLES[name].encode() + b" \xff\x00")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"sha256": "' + "0123456789abcdef" * 4 + '"}', id="a SHA-256 digest"),
        pytest.param('{"sha1": "' + "01234567" * 5 + '", "md5": "' + "ab" * 16 + '"}', id="other digests"),
        pytest.param('"integrity": "sha512-' + A62[:86] + '=="', id="a lock file's digest"),
        pytest.param("session-0c5ab1c2-8d3a-4b5e-9f6a-1234567890ab", id="a UUID"),
        pytest.param("2025-10-14T12:34:56Z-1234567890", id="a time stamp"),
        pytest.param("https://user:{password}@host/ https://user:<password>@host/ https://u:***@h/", id="placeholders"),
        pytest.param("the risk-admin-dashboard-configuration-page and the task-proj-overview-of-it-all", id="slugs"),
        pytest.param("the first line says BEGIN and the last PRIVATE, KEY", id="the words of a key's first line apart"),
        pytest.param("127.0.0.1 8.8.8.8", id="addresses"),
        pytest.param("eyJhbGciOiJIUzI1NiJ9 eyJub3QgYSB0b2tlbg.x", id="base64 of JSON that is no web token"),
    ],
)
def test_what_is_no_token_is_left_alone(text: str) -> None:
    assert found_in(text.encode()) == set()


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_any_bytes_can_be_searched(data: bytes) -> None:
    for detector in ALL:
        for start, end in spans(detector, data, data.lower()):
            assert 0 <= start <= end <= len(data)
    scan_stream([data], ())


def test_a_web_token_nested_deeper_than_python_goes_is_no_crash() -> None:
    header = urlsafe_b64encode(b'{"alg":"HS256"}').rstrip(b"=")
    deep = urlsafe_b64encode(b'{"a":' * 9000).rstrip(b"=")
    assert found_in(header + b"." + deep + b".x") == set()


@pytest.mark.parametrize("size", [300_000, pytest.param(3_000_000, marks=pytest.mark.tier2)])
@pytest.mark.parametrize(
    "unit",
    [
        b"eyJ",
        b"eyJ.",
        b"sk-",
        b"sk-T3BlbkFJ",
        b"xoxb-1-",
        b"/:_authToken=\n",
        b"://a:",
        b"key" + b" " * 300,
        b"clkey =",
        b"awskey'",
    ],
    ids=ascii,
)
def test_a_text_made_to_be_slow_is_searched_in_linear_time(unit: bytes, size: int) -> None:
    """Not timed: with a quadratic pattern this would not come to an end."""
    slow = unit * (size // len(unit))
    # As many hits as are listed of one text: what follows is not looked for any more.
    expected = {"Slack Token"} if unit.startswith(b"xoxb") else {"AWS Access Key"}
    if unit == b"eyJ.":  # more of what is no token in the end than is looked at: that is said
        expected.add("JSON Web Token")
    assert found_in(slow + b"\n" + b"AKIA" + b"QYLPMN5HFIQR7XYZ") == expected


def test_an_assignment_with_endless_blanks_is_searched_in_linear_time() -> None:
    """Not timed: detect-secrets' own pattern alone would not come to an end."""
    assert found_in(b" key" + b" " * 300_000 + b"==" + b"a" * 44 + b"\nAKIA" + b"QYLPMN5HFIQR7XYZ") == {
        "AWS Access Key"
    }


def test_the_names_shown_hold_no_line_breaks() -> None:
    assert all(row.name.isprintable() for row in ALL)
    assert URL_PASSWORD in {row.name for row in FOREIGN}
