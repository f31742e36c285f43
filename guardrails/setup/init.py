"""`speckit init`: a first configuration and the hooks' entries, from what the repository has."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from guardrails.config import loader
from guardrails.config.layout import Layout
from guardrails.config.settings import CONFIG_FILE
from guardrails.core import atomic
from guardrails.core.limits import enumerated
from guardrails.core.text import plural
from guardrails.errors import GuardrailError
from guardrails.git.repo import Repo
from guardrails.setup import attributes, hook_files, precommit
from guardrails.setup.detect import Detected, detect_layout
from guardrails.setup.hook_files import NAMES
from guardrails.setup.manifest import Hook, guard_entry
from guardrails.setup.precommit import RepoEntry, snippet
from guardrails.snapshot.worktree import Worktree

# The first `.speckit.yaml`: what was found, and the most wanted settings as comments. Pure.


_TEMPLATE = """\
# What speckit judges here. Every key is optional; 'speckit config' shows what holds and why.
version: 1

layout:
  docs: {docs}{docs_note}
  {tracker_line}

evidence:
  root: {evidence}{evidence_note}
  # warn_mb: 15     # a SPEC above this many MB (of 1,048,576 bytes) gets a warning,
  # limit_mb: 25    # above this many a failure
  # require: [commands]    # directories below the root that must hold something

# tracker:
#   thread: branch    # exactly one In Progress for each: branch, table or file

# secrets:
#   env: [MY_API_TOKEN]    # variables whose values must never be committed

# waivers:
#   - {{rule: TRK006, path: {tracker}, reason: why it is accepted, expires: YYYY-MM-DD}}
"""


def render(found: Detected) -> str:
    """The text of a new configuration for what was found."""
    layout = found.layout
    return _TEMPLATE.format(
        docs=scalar(layout.docs),
        docs_note="" if found.specs else "    # no SPEC directory there yet",
        tracker=scalar(layout.tracker),
        tracker_line=_tracker(found),
        evidence=scalar(layout.evidence),
        evidence_note="" if found.evidence else "    # nothing there yet",
    )


def _tracker(found: Detected) -> str:
    """What is named must be there: the usual name is only suggested until there is a tracker."""
    line = f"tracker: {scalar(found.layout.tracker)}"
    if found.tracker:
        return line
    if found.layout.tracker == Layout().tracker:
        return f"# {line}    # not there yet; once it is named, it must be there"
    return f"{line}    # not there yet"


def scalar(text: str) -> str:
    """`text` as YAML: plain where that is surely what it says, else double-quoted."""
    import json

    import yaml

    if re.fullmatch(r"[A-Za-z][A-Za-z0-9/_.-]*", text) and yaml.safe_load(text) == text:
        return text
    return json.dumps(text, ensure_ascii=False)


# What to put into the files of hook managers that are not amended. Pure.


def for_manager(manager: str, added: RepoEntry) -> str:
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


def _prek(added: RepoEntry) -> str:
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


MODE = 0o644


class FileChange(NamedTuple):
    """One file to write. `before` is what stands there, None for a new file or one that is not text."""

    path: str
    before: str | None
    after: str
    done: Literal["written", "amended", "replaced"] = "written"


class PreparedInit(NamedTuple):
    """What will be done and said. `left` are (what to do by hand, the text to add)."""

    found: Detected
    changes: tuple[FileChange, ...]
    kept: tuple[str, ...]
    left: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    entry: precommit.RepoEntry

    @property
    def framework(self) -> str | None:
        """The command that puts pre-commit's or prek's hooks in place, when one of them is used."""
        used = {manager for _, manager in self.found.managers}
        written = any(change.path == precommit.FILE_NAME for change in self.changes)
        return "prek" if "prek" in used else "pre-commit" if written or "pre-commit" in used else None


class _Part(NamedTuple):
    changes: tuple[FileChange, ...] = ()
    kept: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def prepare(repo: Repo, url: str | None, rev: str, *, force: bool) -> PreparedInit:
    """Decide what to write. Raises GuardrailError when a configuration that is kept cannot be used."""
    tree = Worktree(repo)
    found = detect_layout(repo)
    entry = precommit.entry(url, rev)
    found, configuration = _configuration(tree, found, repo, force)
    parts = (configuration, _attributes(tree, repo, found.layout.evidence), _hooks(tree, found, entry))
    return PreparedInit(
        found,
        tuple(change for part in parts for change in part.changes),
        tuple(line for part in parts for line in part.kept),
        tuple(row for part in parts for row in part.left),
        tuple(note for part in parts for note in part.notes),
        entry,
    )


def _attributes(tree: Worktree, repo: Repo, root: str) -> _Part:
    name = attributes.FILE_NAME
    if not attributes.converted(repo, root):
        return _Part(kept=(f"{name}: keeps evidence as it is",) if tree.exists(name) else ())
    text = _text(tree, name)
    made = attributes.amended(text, root) if text is not None or not tree.exists(name) else None
    if made is None:
        return _Part(left=((f"see that this line of {name} is the last word on evidence", attributes.line_for(root)),))
    return _Part((FileChange(name, text, made.text, made.done),))


def _configuration(tree: Worktree, found: Detected, repo: Repo, force: bool) -> tuple[Detected, _Part]:
    name = CONFIG_FILE
    exists = tree.exists(name)
    if exists and not force:
        data = tree.read(name)
        if data is None:
            raise GuardrailError(f"{name}: not a file that can be read", "make it a regular file, or use --force")
        layout = loader.load_settings(data, name, repo.environment).settings.layout
        return detect_layout(repo, layout), _Part(kept=(f"{name}: kept as it is (--force replaces it)",))
    text = render(found)
    notes: tuple[str, ...] = ()
    if not _means(text, found.layout):
        found = detect_layout(repo, Layout())
        notes = (f"{name}: the names found have no spelling in it, so it holds the usual ones",)
        text = render(found)
    return found, _Part((FileChange(name, _text(tree, name), text, "replaced" if exists else "written"),), notes=notes)


def _means(text: str, layout: Layout) -> bool:
    try:
        return loader.load_settings(text.encode(), CONFIG_FILE, {}).settings.layout == layout
    except (GuardrailError, UnicodeEncodeError):
        return False


def _text(tree: Worktree, name: str) -> str | None:
    data = tree.read(name)
    try:
        return None if data is None else data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _hooks(tree: Worktree, found: Detected, entry: precommit.RepoEntry) -> _Part:
    name = precommit.FILE_NAME
    if not tree.exists(name):
        others = [row for row in found.managers if row[1] != "pre-commit"]
        return _by_hand(tree, others, entry) if others else _Part((FileChange(name, None, precommit.new_file(entry)),))
    text = _text(tree, name)
    amended = None if text is None else precommit.amend(text, entry)
    if text is None or amended is None:
        what = f"add to {name}, which cannot be amended safely"
        return _Part(left=((what, for_manager("pre-commit", entry)),))
    if amended.text is None:
        return _Part(kept=(f"{name}: runs speckit already",), notes=amended.notes)
    return _Part((FileChange(name, text, amended.text, "amended"),), notes=amended.notes)


def _by_hand(tree: Worktree, managers: list[tuple[str, str]], entry: precommit.RepoEntry) -> _Part:
    """Other managers' files are theirs to write: what to add is only shown."""
    runs = [path for path, _ in managers if mentions_speckit(tree, path)]
    left = [(f"add to {path}", for_manager(made, entry)) for path, made in managers if path not in runs]
    return _Part(kept=tuple(f"{path}: runs speckit already" for path in runs), left=tuple(left))


def mentions_speckit(tree: Worktree, path: str) -> bool:
    """Whether a file, or a file directly in a directory, names the command."""
    files = [path] if tree.entry(path) else [f"{path}/{name}" for name in hook_files.NAMES]
    return any(hook_files.runs_speckit(tree.read(file) or b"") for file in files)


def apply(repo: Repo, changes: tuple[FileChange, ...]) -> None:
    """Write the files. Raises GuardrailError when the file system refuses."""
    for change in changes:
        path = os.path.join(repo.root, change.path)
        try:
            mode = MODE if change.before is None else os.stat(path).st_mode & 0o777
            atomic.write(path, change.after.encode("utf-8"), mode)
        except OSError as error:
            raise GuardrailError(f"{path}: {error.strerror}", "make it writable, then try again") from error


def checked(found: Detected) -> Iterator[tuple[str, str]]:
    """(what, where) of everything that the guardrails will judge here."""
    layout = found.layout
    if found.tracker:
        yield "tracker", layout.tracker
    if found.specs:
        yield "documents", f"{plural(len(found.specs), 'SPEC')} in {layout.docs}: {enumerated(found.specs, 5)}"
    if found.evidence:
        specs = tuple(sorted({stage.spec for stage in found.stages}))
        stages = (
            f"{plural(len(found.stages), 'stage')} of {enumerated(specs, 5)}"
            if specs
            else "sizes only, no stage is named yet"
        )
        yield "evidence", f"{layout.evidence}: {stages}"
    yield "secrets", "everything a commit or a push adds"


def unchecked(found: Detected, entry: precommit.RepoEntry) -> Iterator[tuple[str, str]]:
    """(what, why) of what nothing will look at until something changes."""
    layout = found.layout
    if not found.tracker:
        yield "tracker", f"there is no {layout.tracker}"
    if not found.specs:
        yield "documents", f"there is no SPEC directory in {layout.docs}, such as {layout.docs}/SPEC-DEMO-1/spec.md"
    if not found.evidence:
        yield "evidence", f"there is nothing in {layout.evidence}"
    for root in found.other_evidence:
        yield "evidence", f"{root}: one root is judged, and it is {layout.evidence}"
    if "commit-msg" not in entry.types:
        yield "messages", "no hook judges commit messages: 'speckit install --hook commit-msg' does"
