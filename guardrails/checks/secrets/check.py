"""Whether anything that is added holds a token, a key, or the value of a secret variable.

No finding shows any part of a secret: it names the detector, the file, the line and the column. A file whose own
name holds a secret is spoken of by its directory.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from guardrails.checks.secrets.additions import Needles, Searched, searched
from guardrails.core.finding import Checked, Finding, Observation, Rule, Skipped
from guardrails.core.limits import SECRETS, at_most
from guardrails.git.repo import Repo, to_bytes, to_text
from guardrails.secrets.commit_message import cleanup, message_lines
from guardrails.secrets.detectors import PRIVATE_KEY as PRIVATE_KEY_DETECTOR
from guardrails.secrets.detectors import URL_PASSWORD as URL_PASSWORD_DETECTOR
from guardrails.secrets.scan import MOST, Hit, distinct, scan_stream
from guardrails.secrets.values import SHORTEST, secret_values
from guardrails.snapshot.context import CheckContext
from guardrails.snapshot.index import LooseObject

# SEC: secrets in what is added to a repository.


_FIX = (
    "Take it out and replace the token at its issuer: once pushed, a secret is known, and removing it in a later "
    "commit does not take it back. Keep the value in an environment variable or a secret store. "
)
_WAIVE = (
    "Something that only looks like a secret is accepted by a waiver in .speckit.yaml, with a reason and an expiry. "
    "Comments such as 'pragma: allowlist secret' are not honoured: they never expire and say no reason."
)

TOKEN = Rule(
    "SEC001",
    "known-token",
    "A token or key of a known service is added.",
    "Transcripts, logs and evidence are written by programs that hold credentials, and are committed by habit. Whoever "
    "can read the repository, or any clone of it, can use the token.",
    "api_key: <a GitHub, AWS, Slack, OpenAI, Anthropic ... token>      <- flagged\n"
    "api_key_env: GITHUB_TOKEN                                         <- the name of a variable is fine",
    _FIX + _WAIVE,
)
PRIVATE_KEY = Rule(
    "SEC002",
    "private-key",
    "A private key is added.",
    "A private key in a repository signs and decrypts in its owner's name for everybody who can read it.",
    "the first line of a PEM, OpenSSH, PGP or PuTTY private key",
    _FIX + _WAIVE,
)
URL_PASSWORD = Rule(
    "SEC003",
    "password-in-url",
    "An address with a user name and a password in it is added.",
    "Addresses are printed, logged and copied without a thought for what is in them.",
    "postgres://<user>:<password>@db.example/app      <- flagged when real words stand there\n"
    "postgres://db.example/app                        <- credentials come from the environment",
    _FIX + "A placeholder in braces or angle brackets is not flagged. " + _WAIVE,
)
CONFIGURED_VALUE = Rule(
    "SEC004",
    "secret-variable-value",
    "The current value of a secret variable is added, plain or encoded.",
    "No pattern knows the secrets of your own services, but their values are in the environment while the check runs. "
    "They are searched for as they are, in any case, in base64 (also inside a longer encoded text and wrapped), "
    "hexadecimal, URL- and JSON-escaped: a redactor that knows only the plain form lets the others through.",
    "HAL_SECRET_KAVEDARR_API_KEY=...      <- this value, in any of these forms",
    _FIX + "`secrets.env` and `hal.secret_env` in .speckit.yaml name the variables. " + _WAIVE,
)
SECRET_IN_NAME = Rule(
    "SEC005",
    "secret-in-file-name",
    "The name of a new file holds a token or a secret value.",
    "File names are shown in every listing, diff and log. The finding names the directory only, and the names of such "
    "files are not printed.",
    "evidence/<a token>.json",
    "Rename the file and replace the token at its issuer. " + _WAIVE,
)
TOO_SHORT = Rule(
    "SEC006",
    "secret-value-too-short",
    "The value of a secret variable is too short to be searched for.",
    "A value of fewer than six characters turns up in ordinary text everywhere, so nothing is said about it.",
    "HAL_SECRET_KAVEDARR_API_KEY=abc      <- cannot be searched for",
    "Use a longer secret, or take the variable out of `secrets.env` when it holds none.",
    "warning",
)

RULES = (TOKEN, PRIVATE_KEY, URL_PASSWORD, CONFIGURED_VALUE, SECRET_IN_NAME, TOO_SHORT)

_RULES = {PRIVATE_KEY_DETECTOR: PRIVATE_KEY, URL_PASSWORD_DETECTOR: URL_PASSWORD}
_HINT = "remove it and replace it at its issuer; 'speckit explain {}' says how to accept a false alarm"


def check(context: CheckContext) -> Iterator[Observation]:
    """One finding for each line and secret that the snapshot adds, or that the named commit message holds."""
    repo = context.snapshot.repo
    known = secret_values(context.settings.secrets.variables, repo.environment if repo else {})
    for variable in known.too_short:
        message = f"the value of {variable} has fewer than {SHORTEST} characters and cannot be searched for"
        yield TOO_SHORT.at(".", message, hint="use a longer secret")
    if context.scope.message_file is not None:
        yield from _message(context.scope.message_file, repo, known.needles)
        return
    if isinstance(context.snapshot, LooseObject):
        yield Skipped(".", f"{context.snapshot.describe()} is no commit: it was searched for secrets, and nothing else")
    seen: set[str] = set()
    messages = False
    for batch in searched(context.snapshot, known.needles):
        shown = _shown(batch, known.needles)
        for item in batch:
            messages = messages or not (item.path or item.counted)
            yield from _judge(item, shown.get(item.path), seen)
    if messages and not seen:  # commits that add nothing, or only take away: what they say was searched all the same
        yield Checked(".")


def _judge(item: Searched, redacted: tuple[str, str] | None, seen: set[str]) -> Iterator[Observation]:
    """What to say of one path: its own name, its content, and that it was examined (once, if commits share it)."""
    path, where = item.path, item.where
    if redacted is not None:
        path, what = redacted
        if item.named:
            said = f"{where or 'this directory '}has a file here with a secret in its name: {what}"
            yield SECRET_IN_NAME.at(path, said, hint=_HINT.format(SECRET_IN_NAME.code))
    yield from _found(item, path or ".", where)
    examined = item.path or item.counted
    if examined and examined not in seen:
        seen.add(examined)
        yield Skipped(path, item.skipped) if item.skipped else Checked(path or examined)


def _found(item: Searched, path: str, where: str) -> Iterator[Finding]:
    hits = distinct(item.hits)
    listed, more = at_most(hits, SECRETS)
    for hit in listed:
        rule = _rule(hit)
        said = f"{where}holds {'the value of ' if hit.variable else 'a secret: '}{hit.what}"
        line, column = (hit.line, hit.column) if item.path else (None, None)
        yield rule.at(path, said, line=line, column=column, hint=_HINT.format(rule.code))
    if more:
        count = "at least" if item.cut else "in all"
        yield _rule(listed[-1]).at(path, f"{where}holds more than {SECRETS} secrets ({count} {len(hits)})")
    elif item.cut:  # most of them on the same lines
        yield _rule(listed[-1]).at(
            path, f"{where}holds more than {MOST} secrets, and what follows them was not searched"
        )


def _rule(hit: Hit) -> Rule:
    return CONFIGURED_VALUE if hit.variable else _RULES.get(hit.what, TOKEN)


def _shown(batch: list[Searched], needles: Needles) -> dict[str, tuple[str, str]]:
    """For each path whose own name holds a secret: the directory to show in its place, and what was found."""
    paths = list(dict.fromkeys(item.path for item in batch if item.path))
    names = [to_bytes(path).replace(b"\n", b" ") for path in paths]
    found = scan_stream([b"\n".join(names)], needles)
    if found.cut:  # too many to hold at once: one by one
        hits = [
            (number, hit.start, hit) for number, name in enumerate(names) for hit in scan_stream([name], needles).hits
        ]
    else:
        starts = list(accumulate((len(name) + 1 for name in names), initial=0))
        rows = ((bisect_right(starts, hit.start) - 1, hit) for hit in found.hits)
        hits = [(number, hit.start - starts[number], hit) for number, hit in rows]
    shown: dict[str, tuple[str, str]] = {}
    for number, start, hit in sorted(hits, key=lambda row: row[:2]):
        directory = to_text(to_bytes(paths[number])[:start].rpartition(b"/")[0])
        shown.setdefault(paths[number], (directory or ".", hit.what))
    return shown


def _message(place: str, repo: Repo | None, needles: Needles) -> Iterator[Observation]:
    """The commit message in a file, which is named by its last part: it lies in the git directory."""
    with open(place, "rb") as stream:
        data = stream.read()
    path = place.replace("\\", "/").rpartition("/")[2]
    found = scan_stream([message_lines(data, cleanup(repo))], needles)
    yield from _found(Searched(path, list(found.hits), found.cut), path, "the commit message ")
    yield Checked(path)
