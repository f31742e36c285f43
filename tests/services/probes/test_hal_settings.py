"""Whether HAL is asked, and who says so: defaults, the file, the environment."""

from __future__ import annotations

import pytest

from guardrails.config import HAL, Service, from_environment, load_settings
from guardrails.errors import GuardrailError


def hal(text: str, **environ: str) -> Service:
    return load_settings(text.encode(), ".speckit.yaml", environ).settings.hal


def test_by_default_nobody_is_asked() -> None:
    assert hal("") == from_environment({}).hal == HAL
    assert (HAL.mode, HAL.origin, HAL.required, len(HAL.checks)) == ("off", "default", False, 4)


def test_each_key_is_read() -> None:
    made = hal(
        "hal:\n  mode: live\n  base_url: https://hal.example:8443/base/\n  secret_env: KEY\n  required: true\n"
        "  timeout: 1.5m\n  mcp: [npx, -y, hal-mcp]\n  checks: [health]\n"
    )
    assert made == HAL.only(["health"])._replace(
        mode="live",
        origin=".speckit.yaml:2",
        base_url="https://hal.example:8443/base",
        secret_env="KEY",
        required=True,
        timeout=90.0,
        mcp=("npx", "-y", "hal-mcp"),
    )


@pytest.mark.parametrize(
    ("text", "environ", "mode", "origin"),
    [
        ("hal: {mode: mock}", {}, "mock", ".speckit.yaml:1"),
        ("hal: {mode: mock}", {"SPEC_OPS_HAL_MODE": "live"}, "live", "environment SPEC_OPS_HAL_MODE"),
        ("hal: {mode: live}", {"SPEC_OPS_HAL_MODE": " OFF "}, "off", "environment SPEC_OPS_HAL_MODE"),
        ("", {"SPEC_OPS_TELEMETRY_HAL": "1"}, "live", "environment SPEC_OPS_TELEMETRY_HAL"),
        ("hal: {mode: mock}", {"SPEC_OPS_TELEMETRY_HAL": "1"}, "mock", ".speckit.yaml:1"),
        ("hal: {mode: live}", {"SPEC_OPS_TELEMETRY_HAL": "0"}, "live", ".speckit.yaml:1"),
        (
            "",
            {"SPEC_OPS_TELEMETRY_HAL": "1", "SPEC_OPS_HAL_MODE": "mock"},
            "mock",
            "environment SPEC_OPS_HAL_MODE",
        ),
        ("hal: {mode: live}", {"SPEC_OPS_HAL_SKIP": "1"}, "off", "environment SPEC_OPS_HAL_SKIP"),
        (
            "",
            {"SPEC_OPS_HAL_SKIP": "1", "SPEC_OPS_TELEMETRY_HAL": "1", "SPEC_OPS_HAL_MODE": "live"},
            "off",
            "environment SPEC_OPS_HAL_SKIP",
        ),
        ("hal: {mode: live}", {"SPEC_OPS_HAL_SKIP": "0"}, "live", ".speckit.yaml:1"),
    ],
    ids=[
        "the file",
        "the environment goes before the file",
        "the environment can switch it off",
        "asking asks the live one",
        "asking keeps a mock that is configured",
        "not asking changes nothing",
        "a mode goes before asking",
        "skipping goes before the file",
        "skipping goes before all else",
        "not skipping changes nothing",
    ],
)
def test_the_decision_knows_where_it_comes_from(text: str, environ: dict[str, str], mode: str, origin: str) -> None:
    made = hal(text, **environ)
    assert (made.mode, made.origin) == (mode, origin)
    assert made.skip is ("SKIP" in origin)
    if not text:
        assert from_environment(environ).hal == made


def test_an_address_of_the_environment_goes_before_the_mcp_server_of_the_file() -> None:
    made = hal("hal: {mcp: [npx, hal-mcp], base_url: http://a}", SPEC_OPS_HAL_BASE_URL="http://b/")
    assert (made.base_url, made.mcp) == ("http://b", ())


def test_the_values_shown_are_those_in_effect() -> None:
    environ = {"SPEC_OPS_HAL_MODE": "mock", "SPEC_OPS_HAL_BASE_URL": "http://127.0.0.1:1"}
    loaded = load_settings(b"hal: {mode: live, mcp: [x], required: true}", ".speckit.yaml", environ)
    shown = {value.key: (value.value, value.origin) for value in loaded.values if value.key.startswith("hal.")}
    assert shown["hal.mode"] == ("mock", "environment SPEC_OPS_HAL_MODE")
    assert shown["hal.base_url"] == ("http://127.0.0.1:1", "environment SPEC_OPS_HAL_BASE_URL")
    assert shown["hal.mcp"] == ((), "environment SPEC_OPS_HAL_BASE_URL")
    assert shown["hal.required"] == (True, ".speckit.yaml:1")
    assert shown["hal.secret_env"] == ("HAL_SECRET_KAVEDARR_API_KEY", "default")
    assert shown["hal.timeout"] == ("10s", "default")
    assert len(shown) == len([value for value in loaded.values if value.key.startswith("hal.")]) == 7


@pytest.mark.parametrize(
    "environ",
    [{"SPEC_OPS_HAL_MODE": "pretend"}, {"SPEC_OPS_HAL_SKIP": "maybe"}, {"SPEC_OPS_TELEMETRY_HAL": "2"}],
    ids=lambda environ: next(iter(environ)),
)
def test_what_is_unclear_is_refused_rather_than_guessed(environ: dict[str, str]) -> None:
    for read in (lambda: hal("", **environ), lambda: from_environment(environ)):
        with pytest.raises(GuardrailError, match=next(iter(environ))):
            read()


@pytest.mark.parametrize("timeout", ["0s", "0ms", "2h", "61m", "9" * 400 + "s"])
def test_a_time_that_is_none_or_never_ends_is_refused(timeout: str) -> None:
    with pytest.raises(GuardrailError, match=r"\.speckit\.yaml:1:"):
        hal(f"hal: {{timeout: {timeout}}}")


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("30s", 30.0), ("1.5s", 1.5), ("20m", 1200.0), ("1h", 3600.0)]
)
def test_a_time_is_read_in_each_unit(text: str, seconds: float) -> None:
    assert hal(f"hal: {{timeout: {text}}}").timeout == seconds


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:7878", "https://hal.example/a-b/c~d", "http://[::1]:80", "http://my_hal", "http://h:0"]
)
def test_a_plain_address_is_taken(url: str) -> None:
    assert hal(f"hal: {{base_url: '{url}'}}").base_url == url
