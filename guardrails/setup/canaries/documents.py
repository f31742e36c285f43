"""Violations of the rules about documents, the configuration, the size of evidence, and secrets."""

from __future__ import annotations

from collections.abc import Callable

from guardrails.config.settings import CONFIG_FILE, DocumentRule
from guardrails.setup.canaries.ground import Canary, Content, Ground, Plant

LARGEST = 200 * 1024 * 1024
"""Bytes of a limit up to which it is worth writing a file beyond it."""


def _document(
    content: Content, wants: Callable[[DocumentRule], bool] = lambda _: True
) -> Callable[[Ground], Plant | str]:
    """The first required document of a kind, replaced. spec.md is asked for even in the backlog."""

    def plant(ground: Ground) -> Plant | str:
        fitting = sorted((each for each in ground.settings.documents if wants(each)), key=lambda d: d.name != "spec.md")
        if not fitting:
            return "no document is required that could break the rule"
        return Plant({f"{ground.folder}/{fitting[0].name}": content})

    return plant


def _missing(ground: Ground) -> Plant | str:
    if all(each.name != "spec.md" for each in ground.settings.documents):
        return "spec.md is not required"
    return Plant({f"{ground.folder}/spec.md": None})


def _tableless(ground: Ground) -> Plant | str:
    for each in ground.settings.documents:
        if any(section.columns for section in each.sections):
            headings = "".join(f"## {section.heading}\n\n" for section in each.sections if section.heading)
            return Plant({f"{ground.folder}/{each.name}": f"# Canary\n\n{headings}".encode()})
    return "no table is required"


def _hollow(ground: Ground) -> Plant | str:
    """In progress: of a SPEC in the backlog nobody has to have written anything yet."""
    status = ground.status("in progress")
    if status is None:
        return "no status counts as in progress"
    rows = {ground.tracker: ground.rows(ground.row(status=status))}
    for each in ground.settings.documents:
        headings = [section.heading for section in each.sections if section.heading]
        if any(section.heading and not section.columns for section in each.sections):
            text = "".join(f"## {heading}\n\nTBD\n\n" for heading in headings)
            return Plant({**rows, f"{ground.folder}/{each.name}": f"# Canary\n\n{text}".encode()})
    return "no heading is required"


def _doubled(ground: Ground) -> Plant:
    return Plant({f"{ground.folder}-twice/spec.md": b"# Spec\n"})


DOCUMENTS = (
    Canary("DOC001", "pre-commit", _missing),
    Canary("DOC002", "pre-commit", _document(b"\xff\xfe\n")),
    Canary("DOC003", "pre-commit", _document(b"")),
    Canary("DOC004", "pre-commit", _document(b"# Canary\n", lambda each: any(s.heading for s in each.sections))),
    Canary("DOC005", "pre-commit", _tableless),
    Canary("DOC007", "pre-commit", _doubled),
    Canary("DOC017", "pre-commit", _hollow),
)


def _kit(change: Callable[[Ground, dict[str, bytes]], dict[str, Content]]) -> Callable[[Ground], Plant]:
    """A context kit as the sound ground gives it, and then changed."""

    def plant(ground: Ground) -> Plant:
        from guardrails.checks.context_kit.build import FOLDER, README, archive_name, build_kit
        from guardrails.checks.context_kit.sources import sources_of
        from guardrails.snapshot.memory import MemorySnapshot

        files = {path: data for path, data in ground.files().items() if isinstance(data, bytes)}
        made = build_kit(sources_of(MemorySnapshot(files), ground.folder), ground.spec)
        folder = f"{ground.folder}/{FOLDER}"
        kit = {f"{folder}/{README}": made.readme, f"{folder}/{archive_name(ground.spec)}": made.archive}
        return Plant({**kit, **change(ground, kit)})

    return plant


def _older(ground: Ground, _kit: dict[str, bytes]) -> dict[str, Content]:
    plan = f"{ground.folder}/plan.md"
    before = ground.files().get(plan)
    text = before if isinstance(before, bytes) else b"# Plan\n"
    return {plan: text + b"\nChanged since.\n", ground.prd: b"# Canary\n\nSomething else is wanted.\n"}


def _edited(_ground: Ground, kit: dict[str, bytes]) -> dict[str, Content]:
    return {path: data + b"\nA word of my own.\n" for path, data in kit.items() if path.endswith(".md")}


def _halved(_ground: Ground, kit: dict[str, bytes]) -> dict[str, Content]:
    return {path: None for path in kit if not path.endswith(".md")}


KITS = (
    Canary("DOC008", "pre-commit", _kit(_older)),
    Canary("DOC009", "pre-commit", _kit(_edited)),
    Canary("DOC010", "pre-commit", _kit(_halved)),
)


def _heavy(ground: Ground) -> Plant | str:
    limit = ground.settings.evidence.limit_bytes
    if limit > LARGEST:
        return f"the limit of {limit} bytes is too large to plant more than it"
    return Plant({ground.evidence(f"commands/{ground.spec}/canary.bin"): bytes(limit + 1)})


FOOTPRINT = (Canary("FPT001", "pre-commit", _heavy),)

CONFIGURATION = (
    Canary("CFG001", "pre-commit", lambda ground: Plant(ground.waivers("TRK012", ground.tracker, "2020-01-31"))),
    Canary("CFG003", "pre-commit", lambda ground: Plant({CONFIG_FILE: None}, (ground.configured(),))),
)

# Put together here, so that these lines are no secrets themselves.
_TOKEN = "AKIA" + "CANARYQ7" + "XMPL4RTZ"
_KEY = "-----BEGIN " + "RSA PRIVATE" + " KEY-----\nMIIEcanarycanarycanary\n-----END " + "RSA PRIVATE" + " KEY-----\n"
_ADDRESS = "postgres://canary:" + "cR4p-Wh7q-Zu2k" + "@db.canary-internal.net/app\n"
_VALUE = "canary-" + "9fK2-value-3hT8"


def _variable(ground: Ground) -> Plant | str:
    names = ground.settings.secrets.variables
    if not names:
        return "no secret variable is configured"
    return Plant({"canary.txt": f"key = {_VALUE}\n".encode()}, variables={names[0]: _VALUE})


SECRETS = (
    Canary("SEC001", "pre-commit", lambda _: Plant({"canary.txt": f"key: {_TOKEN}\n".encode()})),
    Canary("SEC002", "pre-commit", lambda _: Plant({"canary.pem": _KEY.encode()})),
    Canary("SEC003", "pre-commit", lambda _: Plant({"canary.txt": _ADDRESS.encode()})),
    Canary("SEC004", "pre-commit", _variable),
    Canary("SEC005", "pre-commit", lambda _: Plant({f"canary-{_TOKEN}.txt": b"x\n"})),
    Canary("SEC001", "commit-msg", lambda _: Plant({"canary.txt": b"x\n"}, message=f"canary: {_TOKEN}")),
    Canary("SEC001", "pre-push", lambda _: Plant({"canary.txt": f"key: {_TOKEN}\n".encode()})),
)


def _submodule(_ground: Ground) -> Plant:
    """A repository in the repository, recorded at one commit and left at another."""
    inside = ("-C", "canary-module")
    return Plant(
        {"canary.txt": b"x\n"},
        loose={"canary-module/file": b"x\n"},
        commands=(
            ("init", "-q", "canary-module"),
            (*inside, "add", "file"),
            (*inside, "commit", "-q", "--no-verify", "-m", "one"),
            ("-c", "advice.addEmbeddedRepo=false", "add", "canary-module"),
            ("commit", "-q", "--no-verify", "-m", "two"),
            (*inside, "commit", "-q", "--no-verify", "--allow-empty", "-m", "three"),
        ),
    )


_HIDDEN = ("CLN007",)


def _conflicted(_ground: Ground) -> Plant:
    """A file that one side changes and the other removes, and the merge of both."""
    return Plant(
        {"canary.txt": b"y\n"},
        ({"canary.txt": b"x\n"},),
        commands=(
            ("checkout", "-q", "-b", "speckit-canary-other", "HEAD~1"),
            ("rm", "-q", "canary.txt"),
            ("commit", "-q", "--no-verify", "-m", "other"),
            ("checkout", "-q", "speckit-canary"),
            ("merge", "-q", "speckit-canary-other"),
        ),
    )


TREE = (
    Canary(
        "CLN001", "pre-push", lambda _: Plant({"canary.txt": b"x\n"}, loose={"more": b"x"}, commands=(("add", "more"),))
    ),
    Canary("CLN002", "pre-push", lambda _: Plant({"canary.txt": b"x\n"}, loose={"canary.txt": b"y\n"}), also=_HIDDEN),
    Canary("CLN003", "pre-push", lambda _: Plant({"canary.txt": b"x\n"}, loose={"loose.txt": b"x\n"})),
    Canary("CLN004", "pre-push", _conflicted),
    Canary("CLN005", "pre-push", _submodule, also=_HIDDEN),
    Canary(
        "CLN006",
        "pre-push",
        lambda _: Plant({"canary.txt": b"x\n"}, inside={"rebase-merge/head-name": b"refs/heads/x"}),
    ),
)
