"""Policy layers: real programs that pass, fail, hang, are missing, or print what must not be kept."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from guardrails.errors import GuardrailError
from guardrails.runs import substituted
from tests.runs.stage_world import SPEC, Ran, packet, run_stage, script, telemetry, world
from tests.sandbox import Sandbox

KEY = "HAL_SECRET_KAVEDARR_API_KEY"
SECRET = "kavedarr-9f8e7d6c5b4a39281706"
TOKEN = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"[:36]


def stage(sandbox: Sandbox, policy: object, timeout: str = "20s", **settings: Any) -> Ran:
    """The plan stage under a policy."""
    packet(sandbox, stages={"plan": {"policy": policy, "timeout": timeout}}, **settings)
    return run_stage(world(sandbox), "plan", "ok")


def layers(sandbox: Sandbox, ran: Ran) -> dict[str, Any]:
    """What telemetry says of policy; the record is one that `validate` accepts."""
    judged = sandbox.judge("validate")
    assert (judged.code, judged.document["findings"]) == (0, []), judged
    found: dict[str, Any] = telemetry(sandbox, ran.closed)["policy"]
    return found


def log(sandbox: Sandbox, ran: Ran) -> str:
    path = layers(sandbox, ran)["prefilter"]["output"]
    return (sandbox.root / path).read_text(encoding="utf-8")


def test_both_layers_pass_and_their_output_is_kept(sandbox: Sandbox) -> None:
    ran = stage(sandbox, {"prefilter": [["echo", "first", "{spec}"]], "final": [["echo", "last", "{stage}"]]})
    found = layers(sandbox, ran)
    assert ran.closed.exit_code == 0, ran.rows
    assert (found["prefilter"]["status"], found["prefilter"]["command"]) == ("passed", ["echo", "first", SPEC])
    assert (found["final"]["status"], found["final"]["exit_code"]) == ("passed", 0)
    assert (sandbox.root / found["final"]["output"]).read_text(encoding="utf-8").count("last plan") == 2
    digests = {artifact["path"] for artifact in telemetry(sandbox, ran.closed)["artifacts"]}
    assert {found[layer]["output"] for layer in found} <= digests


def test_without_a_policy_the_layers_are_skipped(sandbox: Sandbox) -> None:
    found = layers(sandbox, stage(sandbox, []))
    assert [found[layer] for layer in ("prefilter", "final")] == [
        {"status": "skipped", "note": "no command is configured"}
    ] * 2


@pytest.mark.parametrize("layer", ["prefilter", "final"])
def test_a_layer_that_fails_fails_the_stage(sandbox: Sandbox, layer: str) -> None:
    ran = stage(sandbox, {layer: [["sh", "-c", "echo no >&2; exit 7"]]})
    assert ran.closed.halt is not None
    assert (ran.closed.exit_code, ran.closed.halt.reason) == (1, "policy")
    found = layers(sandbox, ran)
    assert (found[layer]["status"], found[layer]["exit_code"]) == ("failed", 7)
    assert ran.opened.halt is None if layer == "final" else found["final"]["status"] == "skipped"


def test_after_one_that_fails_the_others_are_skipped(sandbox: Sandbox) -> None:
    ran = stage(sandbox, [["true"], ["false"], ["touch", "never"]])
    found = layers(sandbox, ran)["prefilter"]
    assert [entry["status"] for entry in found["commands"]] == ["passed", "failed", "skipped"]
    assert (found["status"], found["note"], found["command"]) == ("failed", "1 of 3 commands passed", ["false"])
    assert not (sandbox.root / "never").exists()


def test_one_that_hangs_is_ended_with_all_that_it_started(sandbox: Sandbox) -> None:
    ran = stage(sandbox, [["sh", "-c", "(sleep 300; touch late) & sleep 300"]], "300ms")
    found = layers(sandbox, ran)["prefilter"]
    assert (ran.closed.exit_code, found["exit_code"]) == (1, None)
    assert "did not end within 0.3 s" in (ran.rows["policy prefilter"][1] or "")


@pytest.mark.parametrize("program", ["no-such-program", "./not-there.sh", "docs"])
def test_one_that_is_missing_is_exit_3(sandbox: Sandbox, program: str) -> None:
    ran = stage(sandbox, [[program]])
    assert ran.closed.halt is not None
    assert (ran.closed.exit_code, ran.closed.halt.reason) == (3, "missing-tool")
    assert layers(sandbox, ran)["prefilter"]["status"] == "skipped", "it is looked for before anything is run"


def test_one_that_cannot_be_started_is_exit_3(sandbox: Sandbox) -> None:
    path = sandbox.write("broken", "#!/no/such/interpreter\n")
    path.chmod(0o755)
    ran = stage(sandbox, [["./broken"]])
    assert (ran.closed.exit_code, layers(sandbox, ran)["prefilter"]["exit_code"]) == (3, None)


def test_a_script_of_the_repository_is_started_at_its_root(sandbox: Sandbox) -> None:
    name = script(sandbox, "scripts/policy check.sh", 'test -f SPEC.md && echo "$#:$1"')
    ran = stage(sandbox, [[f"./{name}", "{spec}"]])
    assert f"1:{SPEC}" in log(sandbox, ran)


HOSTILE = ["$(touch pwned)", "`touch pwned`", "; touch pwned", "a\nb", '"', "'", "--spec={spec}", "{stage}s", "é\u202e"]


@pytest.mark.parametrize("argument", HOSTILE)
def test_arguments_are_arguments_whatever_they_hold(sandbox: Sandbox, argument: str) -> None:
    name = script(sandbox, "show", 'printf "%s\\0" "$@" > "$HOME/arguments"')
    ran = stage(sandbox, [[f"./{name}", argument, "{spec}"]])
    assert ran.closed.exit_code == 0, ran.rows
    assert (sandbox.home / "arguments").read_bytes() == f"{argument}\0{SPEC}\0".encode()
    assert not (sandbox.root / "pwned").exists()
    assert layers(sandbox, ran)["prefilter"]["status"] == "passed"


def test_only_whole_arguments_are_substituted() -> None:
    argv = substituted(("{spec}", "{spec}", "x{spec}", "{stage}", "{other}"), SPEC, "plan")
    assert argv == ("{spec}", SPEC, "x{spec}", "plan", "{other}")


def test_a_placeholder_of_another_kind_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(GuardrailError, match="never substituted"):
        substituted(("check", "${SPEC_ID}"), SPEC, "plan")
    ran = stage(sandbox, [["echo", "${SPEC_ID}"]])
    assert (ran.closed.exit_code, ran.closed.halt and ran.closed.halt.reason) == (2, "usage")
    assert layers(sandbox, ran)["prefilter"]["status"] == "skipped"


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        SECRET.upper(),
        base64.b64encode(f"key={SECRET}".encode()).decode(),
        SECRET.encode().hex(),
        json.dumps({"key": SECRET}),
        "\0".join(SECRET),
        TOKEN,
    ],
    ids=["plain", "upper case", "base64", "hexadecimal", "JSON", "UTF-16", "a token"],
)
def test_what_is_kept_holds_no_secret(sandbox: Sandbox, shown: str) -> None:
    sandbox.environment[KEY] = SECRET
    (sandbox.home / "shown").write_bytes(shown.encode())
    ran = stage(sandbox, [["sh", "-c", 'cat "$HOME/shown"; echo before; cat "$HOME/shown" >&2; exit 1']])
    assert sandbox.judge("secrets").code == 0
    for file in ran.written:
        data = (sandbox.root / file.path).read_bytes().replace(b"\\x00", b"")
        for form in (SECRET, SECRET.upper(), shown, TOKEN, SECRET.encode().hex()):
            assert form.encode() not in data
    assert "before" in log(sandbox, ran)


def test_a_secret_argument_is_not_shown(sandbox: Sandbox) -> None:
    sandbox.environment[KEY] = SECRET
    packet(sandbox)
    sandbox.write(".git/speckit.yaml", f"version: 1\nstages: {{plan: {{policy: [[echo, {SECRET}]]}}}}\n")
    ran = sandbox.speckit("stage", "plan", SPEC, "--config", ".git/speckit.yaml")
    assert SECRET not in ran.out + ran.err
    assert ran.code == 0, ran
    assert sandbox.judge("secrets").code == 0


def test_secrets_of_the_operator_do_not_reach_a_policy(sandbox: Sandbox) -> None:
    sandbox.environment.update({KEY: SECRET, "MY_TOKEN": "x"})
    text = log(sandbox, stage(sandbox, [["env"]]))
    assert "PATH=" in text
    assert KEY not in text
    assert "MY_TOKEN" not in text
    assert "GIT_" not in text


def test_a_flood_is_cut_and_said_to_be(sandbox: Sandbox) -> None:
    text = log(sandbox, stage(sandbox, [["sh", "-c", "yes 0123456789 | head -c 5000000"]]))
    assert len(text) < 1 << 19
    assert "[cut here]" in text


def test_escapes_and_bytes_that_are_no_text_are_kept_harmless(sandbox: Sandbox) -> None:
    text = log(sandbox, stage(sandbox, [["printf", r"\033[2J\377\000\r\nend"]]))
    assert "\x1b" not in text
    assert "end" in text.splitlines()


def test_a_command_that_ended_is_not_run_again(sandbox: Sandbox) -> None:
    """The step was killed later on, and executed again."""
    name = script(sandbox, "count", 'echo x >> "$HOME/count"')
    packet(sandbox, stages={"plan": {"policy": [[f"./{name}"]]}})
    first = run_stage(world(sandbox), "plan")
    again = run_stage(world(sandbox), "plan", start=first.opened.start)
    assert (again.closed.exit_code, again.opened) == (0, first.opened)
    assert (sandbox.home / "count").read_text(encoding="utf-8") == "x\n"


def test_another_session_runs_it_again(sandbox: Sandbox) -> None:
    name = script(sandbox, "count", 'echo x >> "$HOME/count"')
    packet(sandbox, stages={"plan": {"policy": [[f"./{name}"]]}})
    run_stage(world(sandbox), "plan")
    sandbox.commit()
    run_stage(world(sandbox), "plan", nonce="4f2a9c11")
    assert (sandbox.home / "count").read_text(encoding="utf-8") == "x\nx\n"
