"""Policy layers: commands of the operator's that a stage has to satisfy, before the agents and after their verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from guardrails.agents.run_context import RunContext
from guardrails.config.run_settings import Argv
from guardrails.core import programs
from guardrails.core.programs import Ran
from guardrails.core.text import printable
from guardrails.errors import GuardrailError
from guardrails.evidence.names import StageSession, command_path
from guardrails.evidence.store import WrittenFile
from guardrails.runs.check_result import CheckResult, CheckStatus
from guardrails.runs.checkpoint import Checkpoint, Recorder
from guardrails.secrets.redact import Redactor

Layer = Literal["prefilter", "final"]

KEPT = 1 << 18
"""Bytes of each output that are kept."""
_MARGIN = 1 << 14
"""Bytes before the end of an output that was cut: a secret may have been cut there, so they are left out."""


class PolicyCommand(NamedTuple):
    """One policy command. `argv` is shown without secrets; `output` is its log, None when nothing was started."""

    argv: Argv
    status: CheckStatus
    exit_code: int | None = None
    duration_ms: int | None = None
    message: str | None = None
    missing: bool = False
    output: WrittenFile | None = None


class LayerDone(NamedTuple):
    """One layer. `commands` is empty when none is configured; `message` says why nothing was run."""

    layer: Layer
    commands: tuple[PolicyCommand, ...] = ()
    message: str | None = None

    @property
    def status(self) -> CheckStatus:
        outcomes = {command.status for command in self.commands}
        return "failed" if "failed" in outcomes else "passed" if outcomes == {"passed"} else "skipped"


class PolicyContext(NamedTuple):
    """What running a layer needs to know."""

    run_context: RunContext
    session: StageSession
    notes: Checkpoint
    recorder: Recorder
    redactor: Redactor
    timeout: float
    """seconds, for each command"""


def substituted(argv: Sequence[str], spec: str, stage: str) -> Argv:
    """The command with `{spec}` and `{stage}` in place: whole arguments only, and never the program itself.

    Raises GuardrailError for `${NAME}` as an argument: nothing would ever be put in its place.
    """
    for number, part in enumerate(argv[1:], 1):
        if part.startswith("${") and part.endswith("}"):
            # Not quoted: the record of it would hold a placeholder.
            message = f"argument {number} of policy command {argv[0]} is a placeholder that is never substituted"
            raise GuardrailError(message, "write {spec} or {stage}")
    values = {"{spec}": spec, "{stage}": stage}
    return (argv[0], *(values.get(part, part) for part in argv[1:]))


def run_layer(asking: PolicyContext, layer: Layer, commands: Sequence[Argv]) -> LayerDone:
    """Run the commands of a layer in order; after one that fails the others are skipped.

    A command that has ended is not run again when the step is executed again.
    """
    if not commands:
        return LayerDone(layer, (), "no command is configured")
    run_context, session = asking.run_context, asking.session
    wholes = [substituted(argv, run_context.spec, session.stage) for argv in commands]
    done: list[PolicyCommand] = []
    for number, argv in enumerate(wholes, 1):
        if done and done[-1].status != "passed":
            done.append(PolicyCommand(_shown(asking, argv), "skipped", message="one before it did not pass"))
        else:
            done.append(_command(asking, layer, number, argv))
    return LayerDone(layer, tuple(done))


def _command(asking: PolicyContext, layer: Layer, number: int, argv: Argv) -> PolicyCommand:
    run_context = asking.run_context

    def ask() -> PolicyCommand:
        run_context.say(f"{layer}: {printable(' '.join(_shown(asking, argv)))}")
        environment = programs.allowed_environment(run_context.environment)
        ran = programs.run_program(argv, run_context.repo.root, environment, asking.timeout, limit=KEPT)
        return _judged(asking, layer, number, ran)

    return asking.notes.once(f"{layer}-{number}", PolicyCommand, ask)


def _judged(asking: PolicyContext, layer: Layer, number: int, ran: Ran) -> PolicyCommand:
    argv = _shown(asking, ran.argv)
    milliseconds = round(ran.seconds * 1000)
    message = _problem(ran, asking.timeout)
    output = None
    if ran.problem in (None, "timeout"):
        path = command_path(asking.run_context.settings.layout, asking.session, f"policy_{layer}_{number}.log")
        output = asking.recorder.write(path, _log(asking, ran, message))
    status: CheckStatus = "passed" if ran.succeeded else "failed"
    missing = ran.problem in ("missing", "not-executable")
    return PolicyCommand(argv, status, ran.exit_code, milliseconds, message, missing, output)


def _problem(ran: Ran, timeout: float) -> str | None:
    if ran.problem == "timeout":
        return f"did not end within {timeout:g} s"
    if ran.problem == "missing":
        return "there is no such program"
    if ran.problem == "not-executable":
        return "cannot be started"
    if ran.exit_code:
        return f"exited {ran.exit_code}" if ran.exit_code > 0 else f"was ended by signal {-ran.exit_code}"
    return None


def _shown(asking: PolicyContext, argv: Sequence[str]) -> Argv:
    return tuple(printable(asking.redactor.text(part)) for part in argv)


def _log(asking: PolicyContext, ran: Ran, message: str | None) -> bytes:
    """Both outputs as text, without secrets and without anything that would move a cursor."""
    lines = [f"command: {' '.join(_shown(asking, ran.argv))}", f"exit code: {ran.exit_code}"]
    lines += [f"problem: {message}"] if message else []
    for name, data in (("standard output", ran.out), ("standard error", ran.err)):
        lines += ["", f"--- {name} ({len(data)} bytes{' or more' if len(data) >= KEPT else ''})"]
        lines += _lines(asking.redactor, data)
    return "\n".join([*lines, ""]).encode("utf-8", "replace")


def _lines(redactor: Redactor, data: bytes) -> Iterator[str]:
    cut = len(data) >= KEPT
    text = redactor.output(data)
    if text is None:
        yield "[not kept: it holds a secret that cannot be taken out]"
        return
    for line in (text[:-_MARGIN] if cut else text).splitlines():
        yield printable(line.expandtabs())
    if cut:
        yield "[cut here]"


def examined(done: LayerDone) -> CheckResult | None:
    """What the layer amounts to; None when nothing is configured, for nothing was left out then."""
    if not done.commands:
        return None
    name = f"policy {done.layer}"
    failed = next((command for command in done.commands if command.status == "failed"), None)
    if failed is None:
        return CheckResult(name, done.status, f"{len(done.commands)} passed")
    said = f"{' '.join(failed.argv)}: {failed.message}"
    if failed.missing:
        return CheckResult(name, "failed", said, "install it, or correct `policy` of the stage", "missing-tool")
    hint = f"read {failed.output.path}" if failed.output else None
    return CheckResult(name, "failed", said, hint, "policy")


def record(done: LayerDone) -> dict[str, Any]:
    """The layer as telemetry has it: the command that decided it, and all of them when there are several."""
    if not done.commands:
        return {"status": done.status, "note": done.message or ""}
    decisive = next((each for each in reversed(done.commands) if each.status != "skipped"), done.commands[-1])
    passed = sum(command.status == "passed" for command in done.commands)
    note = f"{passed} of {len(done.commands)} commands passed"
    return {**_entry(decisive), "status": done.status, "note": note, "commands": [_entry(c) for c in done.commands]}


def _entry(command: PolicyCommand) -> dict[str, Any]:
    known = {
        "status": command.status,
        "command": list(command.argv),
        "exit_code": command.exit_code,
        "duration_ms": command.duration_ms,
        "message": command.message,
        "output": command.output.path if command.output else None,
    }
    return {key: value for key, value in known.items() if value is not None or key == "exit_code"}
