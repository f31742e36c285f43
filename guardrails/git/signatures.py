"""SSH signatures, made and verified by ssh-keygen: one primitive for whatever is signed.

Signing goes by what git itself is configured with: gpg.format, which must be ssh, and user.signingkey. Verifying goes
by nothing that a repository could bring along: the program (gpg.ssh.program), the allowed signers and the revoked keys
come from git's global or system configuration, never from the repository's own `.git/config`. Without a program there,
ssh-keygen is looked for on PATH, in absolute directories only. It is started outside of the working tree.
"""

from __future__ import annotations

import os
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, NamedTuple

from guardrails.core import programs
from guardrails.core.programs import Ran
from guardrails.core.text import printable
from guardrails.errors import Undecidable
from guardrails.git.repo import Repo, to_text

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

NAMESPACE = "speckit"
TIMEOUT = 60.0
"""Seconds for one call: a key in a device waits to be touched."""
SIGNATURE_LIMIT = 64 * 1024
"""Bytes of a signature that are looked at."""
SIGNERS_LIMIT = 1024 * 1024
"""Bytes of a file of allowed signers, or of revoked keys."""
SignatureState = Literal["good", "bad", "stranger"]
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
_LITERAL = ("key::", "ssh-", "ecdsa-", "sk-")
_TRUSTED_SCOPES = ("system", "global")
_INSTALL = "install OpenSSH's client, or set gpg.ssh.program in git's global configuration"


# The form of a signature: https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig


class SshSignature(NamedTuple):
    """A signature as it was read. `data` are its bytes without armor, `public_key` is the key it claims to be by."""

    data: bytes
    public_key: bytes

    @property
    def fingerprint(self) -> str:
        """The key, as `ssh-keygen -l` shows it."""
        return "SHA256:" + b64encode(sha256(self.public_key).digest()).decode("ascii").rstrip("=")

    @property
    def armored(self) -> bytes:
        """The form in which programs read and write it."""
        text = b64encode(self.data)
        lines = [text[start : start + 70] for start in range(0, len(text), 70)]
        return b"\n".join([_BEGIN, *lines, _END, b""])


def parse_signature(data: bytes) -> SshSignature | None:
    """A signature without armor; None for what is none, or has anything in it that nobody signs."""
    if not data.startswith(b"SSHSIG\0\0\0\1"):
        return None
    fields = list(_fields(data[10:]))
    if len(fields) != 5 or None in fields or fields[2] != b"":  # key, namespace, reserved, hash, signature
        return None
    return SshSignature(data, fields[0] or b"")


def parse_armored(text: bytes) -> SshSignature | None:
    """A signature as ssh-keygen writes it."""
    lines = text[:SIGNATURE_LIMIT].split()
    if lines[:3] != _BEGIN.split() or lines[-3:] != _END.split() or len(text) > SIGNATURE_LIMIT:
        return None
    try:
        return parse_signature(b64decode(b"".join(lines[3:-3]), validate=True))
    except ValueError:
        return None


def _fields(data: bytes) -> Iterator[bytes | None]:
    """The strings of SSH's wire format; None at the end where something is left over."""
    place = 0
    while place < len(data):
        end = place + 4
        size = struct.unpack(">I", data[place:end])[0] if end <= len(data) else len(data)
        if end + size > len(data):
            yield None
            return
        yield data[end : end + size]
        place = end + size


# Signing.


def why_unsigned(repo: Repo) -> str | None:
    """Why nothing can be signed here; None when git is configured to sign with an SSH key."""
    chosen = _config(repo, "gpg.format") or "openpgp"
    if chosen != "ssh":
        return f"git's gpg.format is {chosen}, and evidence is signed with SSH keys"
    return None if _config(repo, "user.signingkey") else "git has no user.signingkey"


def sign(repo: Repo, data: bytes) -> SshSignature | str:
    """The signature over some bytes by git's signing key, or why there is none.

    Raises Undecidable without ssh-keygen.
    """
    key = _config(repo, "user.signingkey")
    with _folder() as folder:
        if key.startswith(_LITERAL):  # the key itself: the agent has its secret half
            place = _file(folder, "key.pub", key.removeprefix("key::").encode() + b"\n")
        else:
            place = os.path.join(repo.root, _config(repo, "user.signingkey", "--type=path"))
        ran = _Keygen(repo).run(folder, ["-Y", "sign", "-n", NAMESPACE, "-f", place], data)
    made = parse_armored(ran.out) if ran.succeeded else None
    return made or _why(ran)


def _config(repo: Repo, key: str, *kind: str) -> str:
    return to_text(repo.run("config", *kind, "--get", key, ok=(0, 1))).rstrip("\n")


def _why(ran: Ran) -> str:
    if ran.problem == "timeout":
        return f"{ran.argv[0]} did not answer within {TIMEOUT:.0f} seconds"
    said = ran.err.decode("utf-8", "replace").strip().splitlines()
    return printable(said[-1]) if said else f"{ran.argv[0]} exited with {ran.exit_code}"


# Whose keys count.


class AllowedSigners(NamedTuple):
    """Whose keys count: the content of a file in the form of ssh-keygen's ALLOWED SIGNERS, and where it is from.

    `revoked` is the content of a file of keys that do not count any more.
    """

    data: bytes
    origin: str
    revoked: bytes | None = None


def trusted_path(repo: Repo, key: str) -> str | None:
    """The path that git's global or system configuration gives for a key, with `~` expanded; None without one."""
    said = repo.run("config", "-z", "--show-scope", "--type=path", "--get-all", key, ok=(0, 1)).split(b"\0")
    rows = zip(said[::2], said[1::2], strict=False)  # the last is empty: every field ends with a NUL
    values = [to_text(value) for scope, value in rows if to_text(scope) in _TRUSTED_SCOPES]
    return values[-1] if values and values[-1] else None


def revoked_keys(repo: Repo) -> bytes | None:
    """The revoked keys of git's gpg.ssh.revocationFile. Raises Undecidable when it names a file and there is none."""
    path = trusted_path(repo, "gpg.ssh.revocationFile")
    if path is None:
        return None
    data = read_signers(path) if os.path.isabs(path) else None
    if data is None:
        message = f"{path}: gpg.ssh.revocationFile names it, and it cannot be read"
        raise Undecidable(message, "correct git's configuration")
    return data


def read_signers(path: str) -> bytes | None:
    """A file of keys outside of the repository; None when it is not there, or larger than such files are."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(SIGNERS_LIMIT + 1)
    except OSError:
        return None
    return data if len(data) <= SIGNERS_LIMIT else None


# Verifying.


class SignatureVerdict(NamedTuple):
    """What a signature is worth: `who` is the principal of the allowed signers, when there is one."""

    state: SignatureState
    who: str | None = None


class Verifier:
    """Verifies signatures made for one purpose (`namespace`) against one set of allowed signers.

    Raises Undecidable without ssh-keygen.
    """

    def __init__(self, repo: Repo, allowed: AllowedSigners, namespace: str = NAMESPACE) -> None:
        self._keygen, self.allowed, self._namespace = _Keygen(repo), allowed, namespace
        self._principals: dict[tuple[bytes, str], tuple[str, ...]] = {}

    def judge(self, data: bytes, signature: SshSignature | None, when: datetime) -> SignatureVerdict:
        """Whether a signature over some bytes holds, and whose it is.

        `when` is when it was made: as with commits, a key counts that was valid then. A key that may no longer sign at
        all belongs among the revoked.
        """
        if signature is None:
            return SignatureVerdict("bad")
        with _folder() as folder:
            place = _file(folder, "signature", signature.armored)
            signers = _file(folder, "allowed_signers", self.allowed.data)
            common = [*self._moment(when), "-s", place, "-f", signers]
            revoked = self.allowed.revoked
            revocation = [] if revoked is None else ["-r", _file(folder, "revoked", revoked)]
            for name in self._names(folder, signature, common):
                identity = ["-n", self._namespace, "-I", name, *common, *revocation]
                if self._keygen.run(folder, ["-Y", "verify", *identity], data).succeeded:
                    return SignatureVerdict("good", name)
            sound = self._keygen.run(folder, ["-Y", "check-novalidate", "-n", self._namespace, "-s", place], data)
        return SignatureVerdict("stranger" if sound.succeeded else "bad")

    def _moment(self, when: datetime) -> list[str]:
        """The option that says when; programs that are too old for it know no keys that are valid for a time either."""
        dated = b"valid-" in self.allowed.data
        return [f"-Overify-time={when.astimezone(timezone.utc):%Y%m%d%H%M%S}"] if dated else []

    def _names(self, folder: str, signature: SshSignature, common: Sequence[str]) -> tuple[str, ...]:
        """The principals whose key it is; asked once for each key, and for each moment where that matters."""
        known = (signature.public_key, common[0])
        if known not in self._principals:
            ran = self._keygen.run(folder, ["-Y", "find-principals", *common])
            self._principals[known] = tuple(filter(None, to_text(ran.out).splitlines())) if ran.succeeded else ()
        return self._principals[known]


# Starting the program.


def _folder() -> TemporaryDirectory[str]:
    from tempfile import TemporaryDirectory  # costly, and little is signed

    return TemporaryDirectory(prefix="speckit-")


def _file(folder: str, name: str, data: bytes) -> str:
    place = os.path.join(folder, name)
    with open(place, "wb") as stream:
        stream.write(data)
    return place


class _Keygen:
    """The program, looked for once. It is started in a folder of its own: nothing a repository holds is in reach."""

    def __init__(self, repo: Repo) -> None:
        self._program = _program(repo)
        self._environment = programs.allowed_environment(repo.environment, ("SSH_AUTH_SOCK",))
        # Nobody is there to type a passphrase.
        self._environment |= {"LC_ALL": "C", "TZ": "UTC", "SSH_ASKPASS_REQUIRE": "never"}

    def run(self, folder: str, arguments: Sequence[str], stdin: bytes = b"") -> Ran:
        ran = programs.run_program([self._program, *arguments], folder, self._environment, TIMEOUT, stdin)
        if ran.problem in ("missing", "not-executable"):
            raise Undecidable(f"{self._program} cannot be started", _INSTALL)
        return ran


def _program(repo: Repo) -> str:
    """An absolute path that git's global configuration names, or a name that is found on PATH."""
    from shutil import which

    named = trusted_path(repo, "gpg.ssh.program") or "ssh-keygen"
    places = [place for place in repo.environment.get("PATH", "").split(os.pathsep) if os.path.isabs(place)]
    bare = os.path.basename(named) == named
    found = which(named, path=os.pathsep.join(places)) if bare or os.path.isabs(named) else None
    if found is None:
        raise Undecidable(f"{named} was not found", _INSTALL)
    return found
