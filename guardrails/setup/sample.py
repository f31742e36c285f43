"""The sample repository that `speckit demo` makes: a SPEC with its documents, and recorded answers of its agents."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from guardrails.core.resources import folder_of
from guardrails.errors import GuardrailError
from guardrails.git.repo import LOCAL_VARIABLES, Repo

SPEC = "SPEC-KIT-DEMO"
SETTLED = (
    "each note is indexed when it is saved (P1); the rebuild at night stays, to mend an index that has drifted (R4)"
)
"""How the conflict between its documents is settled."""

# Names that begin with a dot are not shipped as such: packaging tools and git have plans of their own for them.
_DOTTED = ("speckit.yaml", "gitignore", "gitattributes")
_AUTHOR = ("-c", "user.name=speckit demo", "-c", "user.email=demo@example.invalid", "-c", "commit.gpgsign=false")


def make(folder: str, environ: Mapping[str, str]) -> Repo:
    """Make the sample in a folder that is empty, or not there yet. Raises GuardrailError for any other."""
    _require_empty(folder)
    source = folder_of("demo")
    for path in _files(source):
        target = os.path.join(folder, f".{path}" if path in _DOTTED else path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(os.path.join(source, path), "rb") as read, open(target, "xb") as write:
            write.write(read.read())
    scrubbed = {name: value for name, value in environ.items() if name not in LOCAL_VARIABLES}
    repo = Repo(os.path.realpath(folder), scrubbed)
    repo.run("init", "--quiet", "--template=", "--initial-branch=main")
    commit(repo, "A SPEC, and recorded answers")
    return repo


def commit(repo: Repo, message: str) -> None:
    """Commit all there is, whoever the user is, and whatever hooks and signatures they have set up for all."""
    repo.run("add", "--all")
    repo.run(*_AUTHOR, "-c", "core.hooksPath=", "commit", "--quiet", "--no-verify", "--message", message)


def _require_empty(folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
        full = bool(os.listdir(folder))
    except OSError as error:
        raise GuardrailError(f"{folder}: {error.strerror}", "name a new folder") from error
    if full:
        raise GuardrailError(f"{folder} is not empty", "name a new folder, or leave it out")


def _files(source: str) -> Iterator[str]:
    for place, _, names in os.walk(source):
        for name in names:
            yield os.path.relpath(os.path.join(place, name), source).replace(os.sep, "/")
