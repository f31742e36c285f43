"""`.pre-commit-hooks.yaml` from a table of hooks. Pure: text in, text out.

Every flag a hook cannot do without sits in `entry`, so that `args` stays the user's. The settings all hooks share:

- one run for the whole repository (`pass_filenames: false`, `require_serial: true`): a deleted file is in no file
  list, and a list split over several runs would judge parts;
- `verbose: true`: the output of a passing hook is hidden otherwise, and with it every warning and the words
  "nothing to examine".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

HookStage = Literal["pre-commit", "pre-push", "commit-msg", "manual"]

# Stage names without the older `commit`/`push` spelling are understood from here on.
MINIMUM_PRE_COMMIT = "3.2.0"


class Hook(NamedTuple):
    """One hook. `always_run` where the absence of a file is a finding; otherwise it runs when any file changed."""

    id: str
    name: str
    description: str
    entry: str
    stages: tuple[HookStage, ...]
    always_run: bool = True


def guard_entry(stage: str) -> str:
    """What runs every check bound to a git hook: here, in the native hooks and in other managers' files."""
    source = "push" if stage == "pre-push" else "index"
    return f"speckit guard --hook {stage} --source {source} --if-any"


HOOKS = (
    Hook(
        "speckit-validate",
        "speckit validate",
        "Telemetry, agent outputs, costs and every other evidence file against its schema.",
        "speckit validate --source index --if-any",
        ("pre-commit",),
    ),
    Hook(
        "speckit-lint",
        "speckit lint",
        "The tracker's tables and the documents of each SPEC.",
        "speckit lint --source index --if-any",
        ("pre-commit",),
    ),
    Hook(
        "speckit-footprint",
        "speckit footprint",
        "Evidence size of each SPEC: a warning above the first limit, a failure above the second.",
        "speckit footprint --source hook --if-any",
        ("pre-commit", "pre-push"),
    ),
    Hook(
        "speckit-secrets",
        "speckit secrets",
        "Tokens, keys and the values of configured secret variables in what the commit adds.",
        "speckit secrets --source index --if-any",
        ("pre-commit",),
        always_run=False,  # a commit that only deletes adds nothing
    ),
    Hook(
        "speckit-consensus",
        "speckit consensus",
        "The consensus verdict of each SPEC and stage, recomputed from the agents' own outputs.",
        "speckit consensus check --source push --if-any",
        ("pre-push",),
    ),
    Hook(
        "speckit-clean-tree",
        "speckit clean-tree",
        "Nothing staged, unstaged, untracked or unfinished in the working tree.",
        "speckit clean-tree --source worktree",
        ("pre-push", "manual"),
    ),
    Hook(
        "speckit-guard",
        "speckit guard",
        "Every check bound to a commit, in one process.",
        guard_entry("pre-commit"),
        ("pre-commit",),
    ),
    Hook(
        "speckit-guard-push",
        "speckit guard (push)",
        "Every check bound to a push, in one process.",
        guard_entry("pre-push"),
        ("pre-push",),
    ),
)

HEADER = "# Rendered from the table in guardrails/setup/manifest.py: change it there.\n"


def render(hooks: Sequence[Hook] = HOOKS) -> str:
    """The text of `.pre-commit-hooks.yaml`."""
    return HEADER + "".join(map(_item, hooks))


def _item(hook: Hook) -> str:
    own = fields(hook, "python")
    rows = [*own, ("minimum_pre_commit_version", MINIMUM_PRE_COMMIT)]
    return "- " + "  ".join(f"{key}: {value}\n" for key, value in rows)


def fields(hook: Hook, language: str) -> list[tuple[str, str]]:
    """(key, YAML text) of one hook, in the order they are written. `system` language suits a `repo: local` entry."""
    return [
        ("id", hook.id),
        ("name", hook.name),
        ("description", quoted(hook.description)),
        ("entry", hook.entry),
        ("language", language),
        ("stages", "[" + ", ".join(hook.stages) + "]"),
        ("pass_filenames", "false"),
        ("always_run", str(hook.always_run).lower()),
        ("require_serial", "true"),
        ("verbose", "true"),
    ]


def quoted(text: str) -> str:
    """`text` as a YAML string, whatever it holds."""
    return "'" + text.replace("'", "''") + "'"


def find(hook_id: str) -> Hook:
    """The hook of that id."""
    return next(hook for hook in HOOKS if hook.id == hook_id)
