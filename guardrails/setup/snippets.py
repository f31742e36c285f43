"""What to put into the files of hook managers that are not amended. Pure."""

from __future__ import annotations

import json

from guardrails.manifest import Hook, guard_entry
from guardrails.setup.hookfile import NAMES
from guardrails.setup.precommit import Entry, snippet


def for_manager(manager: str, added: Entry) -> str:
    """The text to add by hand to the configuration of `manager`."""
    if manager == "lefthook":
        return _lefthook()
    if manager == "husky":
        return "".join(f'# .husky/{name}\n{guard_entry(name)} -- "$@"\n' for name in NAMES)
    if manager == "prek":
        return _prek(added)
    return f"default_install_hook_types: [{', '.join(added.types)}]\nrepos:\n{snippet(added, 2)}"


def _lefthook() -> str:
    """`use_stdin` hands over the pushed refs; `{1}` is the name of the message file."""
    return "".join(
        f"{name}:\n  commands:\n    speckit:\n      run: {guard_entry(name)}"
        + {"pre-push": "\n      use_stdin: true", "commit-msg": " -- {1}"}.get(name, "")
        + "\n"
        for name in NAMES
    )


def _prek(added: Entry) -> str:
    lines = [f"default_install_hook_types = {json.dumps(added.types)}", "", "[[repos]]"]
    lines.append(f"repo = {json.dumps(added.url or 'local')}")
    if added.url:
        lines.append(f"rev = {json.dumps(added.rev)}")
    for hook in added.hooks:
        lines += ["", "[[repos.hooks]]", f"id = {json.dumps(hook.id)}"]
        lines += [] if added.url else _local(hook)
    return "\n".join(lines) + "\n"


def _local(hook: Hook) -> list[str]:
    message = "commit-msg" in hook.stages
    return [
        f"name = {json.dumps(hook.name)}",
        f"entry = {json.dumps(hook.entry)}",
        'language = "system"',
        f"stages = {json.dumps(list(hook.stages))}",
        f"pass_filenames = {json.dumps(message)}",
        "always_run = true",
        "require_serial = true",
        "verbose = true",
    ]
