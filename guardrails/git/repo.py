"""Plumbing calls to the git binary: the only way the product talks to git on the hot path.

No shell, no porcelain whose output may change, no optional locks (a check writes nothing), no
pathspec magic, no external diff, textconv or fsmonitor programs that a configuration could name.
"""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from guardrails.errors import GuardrailError, Undecidable
from guardrails.git.process import read_all

# What `git rev-parse --local-env-vars` names: variables that tie a process to one repository.
LOCAL_VARIABLES = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_PARAMETERS",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)

_PLACING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR")
_places: dict[tuple[str | None, ...], str] = {}
_FIXED = {
    "GIT_NO_REPLACE_OBJECTS": "1",  # what is judged is what is pushed, not what a local ref puts in its place
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "LC_ALL": "C",
}
OFFLINE = {"GIT_ALLOW_PROTOCOL": ""}
"""No transport at all: git before 2.44 does not know GIT_NO_LAZY_FETCH, and asks a remote for an object it lacks."""
BUFFER = 1 << 16
"""Bytes that are read from git at once. By the 8 KB of a file, two processes would wait on each other at every turn."""
_SETTINGS = ("core.fsmonitor=false", "core.quotePath=false")
OPTIONS = tuple(word for setting in _SETTINGS for word in ("-c", setting))
"""What every git is started with, whoever starts it."""
_TAKES_IN = frozenset(("status", "diff", "diff-files", "diff-index", "hash-object"))
"""Commands that put files of the working tree through the filter drivers that a configuration names."""
_DRIVER = r"^filter\..*\.(clean|smudge|process|required)$"


def to_text(raw: bytes) -> str:
    """A git path or ref as text; bytes that are not UTF-8 survive as lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")


def to_bytes(text: str) -> bytes:
    """The inverse of `to_text`."""
    return text.encode("utf-8", "surrogateescape")


def is_null_id(object_id: str) -> bool:
    """Whether an object id is git's "none": all zeros, of any length (SHA-1 or SHA-256)."""
    return bool(object_id) and not object_id.strip("0")


def names_blob(object_id: str, data: bytes) -> bool:
    """Whether `object_id` is git's name for these bytes."""
    from hashlib import sha1, sha256  # loads a library; many checks read nothing

    digest = sha1 if len(object_id) == 40 else sha256  # git's name for the bytes, not a signature
    return digest(b"blob %d\0" % len(data) + data).hexdigest() == object_id


def asked_for(tip: str, excludes: Iterable[str]) -> bytes:
    """What `rev-list --stdin` reads for the commits of a tip that others lack. An argument list has a limit."""
    return to_bytes("\n".join([tip, *("^" + each for each in excludes), ""]))


class Repo(NamedTuple):
    """A repository with a working tree. `environment` is what every git call runs with."""

    root: str
    environment: Mapping[str, str]

    def run(self, *arguments: str, stdin: bytes | None = None, ok: tuple[int, ...] = (0,)) -> bytes:
        """The standard output of `git ARGUMENTS`, run at the root.

        Raises Undecidable when git is missing or exits with a code outside `ok`.
        """
        return self.finish(self.start(*arguments), *arguments, stdin=stdin, ok=ok)

    def finish(
        self, process: subprocess.Popen[bytes], *arguments: str, stdin: bytes | None = None, ok: tuple[int, ...] = (0,)
    ) -> bytes:
        """As `run`, of a git that was started before."""
        if stdin:
            out, err = process.communicate(stdin)
        else:
            assert process.stdin is not None
            process.stdin.close()
            out, err = read_all(process)
        if process.returncode not in ok:
            raise failure(arguments, process.returncode, err)
        return out

    def succeeds(self, *arguments: str) -> bool:
        """Whether `git ARGUMENTS` exits 0; its output is dropped."""
        process = self.start(*arguments)
        _, err = process.communicate()
        _require_owned(err)
        return process.returncode == 0

    def merge_heads(self) -> tuple[str, ...]:
        """The commits that are being merged."""
        try:
            with open(os.path.join(self.git_dir(), "MERGE_HEAD"), encoding="ascii") as stream:
                return tuple(stream.read().split())
        except FileNotFoundError:
            return ()

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A running git with all three streams piped. A command that compares files puts them through no filter driver:
        that would be a program which the configuration of the repository names."""
        return self._start(*(self.without_filters() if arguments[0] in _TAKES_IN else ()), *arguments)

    def without_filters(self) -> list[str]:
        """The options with which git knows no filter driver. Raises Undecidable when one cannot be turned off."""
        out = self.finish(self._start("config", "-z", "--name-only", "--get-regexp", _DRIVER), "config", ok=(0, 1))
        options: list[str] = []
        for key in dict.fromkeys(to_text(out).split("\0")[:-1]):
            if "=" in key:  # `-c` would end the name there
                name = ascii(key[7:].rpartition(".")[0])
                raise Undecidable(f"the filter driver {name} cannot be turned off", "rename it in the configuration")
            options += ["-c", key + ("=false" if key.endswith(".required") else "=")]
        return options

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [executable(), *OPTIONS, *arguments]
        environment = self.environment if "clone" in arguments else {**self.environment, **OFFLINE}
        pipe = subprocess.PIPE
        try:
            return subprocess.Popen(
                command, BUFFER, cwd=self.root, env=environment, stdin=pipe, stdout=pipe, stderr=pipe
            )
        except FileNotFoundError as error:
            if not os.path.isdir(self.root):
                raise GuardrailError(f"{self.root}: no such directory any more", "change to one that exists") from error
            raise Undecidable("git was not found", "install git and put it on PATH") from error

    def git_dir(self) -> str:
        """The absolute git directory of this working tree (a linked worktree has its own), read from disk where that
        is safe: it spares a process."""
        place = self.environment.get("GIT_DIR") or os.path.join(self.root, ".git")
        if os.path.isdir(place):
            return place
        try:
            with open(place, "rb") as stream:
                said = stream.read(1 << 16)
        except OSError:
            return self._place("--absolute-git-dir")
        if not said.startswith(b"gitdir: "):
            return self._place("--absolute-git-dir")
        target = to_text(said.removeprefix(b"gitdir: ")).rstrip("\n")
        return os.path.join(os.path.dirname(place), target)

    def common_dir(self) -> str:
        """The absolute git directory that all working trees of the repository share."""
        return os.path.join(self.root, self._place("--git-common-dir"))

    def _place(self, option: str) -> str:
        """What git answers once: a repository does not move while it is at work, and a run asks dozens of times."""
        asked = (option, self.root, *(self.environment.get(name) for name in _PLACING))
        if asked not in _places:
            _places[asked] = to_text(self.run("rev-parse", option)).rstrip("\n")
        return _places[asked]

    def resolve(self, revision: str) -> str:
        """The full id of the commit that `revision` names. Raises GuardrailError when it names none, Undecidable before
        the first commit."""
        if revision.startswith("-") or "\0" in revision:
            raise GuardrailError(f"'{revision}' is not a revision", "name a commit, branch or tag")
        process = self.start("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
        out, err = process.communicate()
        _require_owned(err)
        if process.returncode and revision == "HEAD":
            raise Undecidable("HEAD names no commit: there is nothing to examine yet", "commit something first")
        if process.returncode:
            raise GuardrailError(
                f"revision '{revision}' does not name a commit in this repository",
                "check the spelling, or fetch the history it belongs to (a shallow clone lacks it)",
            )
        return out.decode("ascii", "replace").strip()

    def head(self) -> str | None:
        """The id of HEAD's commit, or None before the first commit."""
        process = self.start("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        out, err = process.communicate()
        _require_owned(err)
        return out.decode("ascii", "replace").strip() if process.returncode == 0 else None


def failure(arguments: tuple[str, ...], code: int, stderr: bytes) -> GuardrailError:
    """What to raise when git did not do what it was asked: Undecidable, mostly."""
    said = to_text(stderr).strip().splitlines()
    detail = said[-1] if said else f"exit code {code}"
    return _not_owned(stderr) or Undecidable(
        f"git {arguments[0]} failed: {detail}", "run the command yourself to see more"
    )


_DUBIOUS = b"dubious ownership"


def _not_owned(stderr: bytes) -> GuardrailError | None:
    """Git reads nothing of a repository that belongs to another user, and says what to do about it."""
    if _DUBIOUS not in stderr:
        return None
    said = to_text(stderr)
    message = next(line for line in said.splitlines() if "dubious ownership" in line).removeprefix("fatal: ")
    command = re.search(r"git config --global --add safe\.directory .+", said)
    hint = command[0] if command else "git config --global --add safe.directory <the repository>"
    return GuardrailError(message, f"if you trust it: {hint}")


def _require_owned(stderr: bytes) -> None:
    if refused := _not_owned(stderr):
        raise refused


def executable() -> str:
    """The git to run. On Windows a bare name would also be searched in the current directory, which is hostile."""
    if os.name != "nt":
        return "git"
    from shutil import which

    os.environ.setdefault("NoDefaultCurrentDirectoryInExePath", "1")
    return which("git") or "git"


def open_repo(directory: str | None = None, environ: Mapping[str, str] | None = None) -> Repo:
    """The repository that holds `directory` (default: the current one).

    Inside a hook git exports GIT_INDEX_FILE, and GIT_DIR in linked worktrees. They are kept when
    `directory` belongs to the repository they speak of, and dropped for any other.
    Raises GuardrailError when there is no repository or it has no working tree.
    """
    inherited = dict(os.environ if environ is None else environ)
    scrubbed = {key: value for key, value in inherited.items() if key not in LOCAL_VARIABLES}
    for variables in (inherited, scrubbed):
        variables.update(_FIXED)
    if directory is None:
        return Repo(_root(_here(), inherited), _absolute(inherited))
    if not os.path.isdir(directory):
        raise GuardrailError(f"{directory}: no such directory", "give --repo a directory inside a repository")
    root = _root(directory, scrubbed)
    same = LOCAL_VARIABLES & inherited.keys() and _own_root(inherited) == root
    return Repo(root, _absolute(inherited) if same else scrubbed)


def _here() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise GuardrailError("the current directory was deleted", "change to one that exists") from error


def _absolute(environment: dict[str, str]) -> dict[str, str]:
    """Git is run at the root, so a relative GIT_DIR must be fixed to where we were started."""
    for name in _PLACING:
        if environment.get(name):
            environment[name] = os.path.abspath(environment[name])
    return environment


def _own_root(environment: Mapping[str, str]) -> str | None:
    """The repository that the variables of this process speak of."""
    try:
        return _root(_here(), environment)
    except GuardrailError:
        return None


def _root(directory: str, environment: Mapping[str, str]) -> str:
    if not environment.get("GIT_DIR") and not environment.get("GIT_WORK_TREE"):
        found = _walk_up(os.path.realpath(directory))
        if found:
            return found
    return _ask_root(directory, environment)


def _walk_up(directory: str) -> str | None:
    """The nearest directory above that holds `.git`; spares the common case a process."""
    while True:
        marker = os.path.join(directory, ".git")
        if os.path.isfile(marker) or os.path.isfile(os.path.join(marker, "HEAD")):
            return None if _moves_worktree(marker) else directory
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def _moves_worktree(marker: str) -> bool:
    """Whether a configuration may place the working tree elsewhere (core.worktree): then git itself is asked."""
    try:
        with open(os.path.join(marker, "config"), "rb") as stream:
            return b"worktree" in stream.read().lower()
    except OSError:
        return False  # `.git` is a file: a linked working tree or a submodule, whose root is where that file lies


def _ask_root(directory: str, environment: Mapping[str, str]) -> str:
    repo = Repo(directory, environment)
    process = repo.start("rev-parse", "--show-toplevel")
    out, err = process.communicate()
    root = to_text(out).rstrip("\n")
    if process.returncode or not root:
        _require_owned(err)
        said = to_text(err).strip().splitlines()
        raise GuardrailError(
            f"{directory}: {said[0] if said else 'a bare repository has no working tree'}",
            "run inside a repository, or name one with --repo",
        )
    return os.path.realpath(root)


# Which git answers, and whether it is new enough.


OLDEST_GIT = (2, 30)
"""`rev-parse --verify` understands `--end-of-options` from here on."""


class GitVersion(NamedTuple):
    """`text` as git says it; `new_enough` is None when it is no version."""

    text: str
    new_enough: bool | None


def git_version(repo: Repo) -> GitVersion:
    """Raises Undecidable when there is no git."""
    text = to_text(repo.run("version")).strip().removeprefix("git version ")
    numbers = re.match(r"(\d{1,6})\.(\d{1,6})", text)
    return GitVersion(text, (int(numbers[1]), int(numbers[2])) >= OLDEST_GIT if numbers else None)
