"""The forms in which the value of a secret variable may turn up in a file."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from guardrails.git.repo import to_bytes

SHORTEST = 6
"""Characters a value must have: anything shorter turns up everywhere."""
LONGEST = 1024
"""Bytes of a form that are searched for: the first so many of a secret give it away as well as all."""

_URL_KEPT = ("", "/", "!*'()", ";,/?:@&=+$!*'()#")
"""What the usual encoders leave as it is: strict ones, Python's, encodeURIComponent, encodeURI."""


BASE64 = "base64"


class Needle(NamedTuple):
    """Bytes to search for. `folded` ones are lower-case and searched in lower-cased text; `wraps` says that line
    breaks may lie inside (tools wrap what they encode)."""

    variable: str
    form: str
    data: bytes
    folded: bool = True
    wraps: bool = False


class Values(NamedTuple):
    """What to search for, and the variables whose values are too short for that."""

    needles: tuple[Needle, ...]
    too_short: tuple[str, ...]


def secret_values(variables: tuple[str, ...], environment: Mapping[str, str]) -> Values:
    """Every form of each variable's current value. One that is unset or blank has none."""
    needles: dict[bytes, Needle] = {}
    too_short = []
    for variable in dict.fromkeys(variables):
        value = environment.get(variable, "").strip()
        if value and len(value) < SHORTEST:
            too_short.append(variable)
        elif value:
            for needle in _forms(variable, value):
                needles.setdefault(needle.data, needle)
    return Values(tuple(needles.values()), tuple(too_short))


def _forms(variable: str, value: str) -> Iterator[Needle]:
    raw = to_bytes(value)
    for plain in dict.fromkeys((value, value.upper(), value.lower(), value.replace("\n", "\r\n"))):
        yield _folded(variable, "plain", to_bytes(plain))
    for escaped in _json_escaped(value):
        yield _folded(variable, "JSON-escaped", to_bytes(escaped))
    for encoded in _url_encoded(raw):
        yield _folded(variable, "URL-encoded", encoded)
    yield _folded(variable, "hexadecimal", raw.hex().encode("ascii"))._replace(wraps=True)
    for data in dict.fromkeys(_base64(raw)):
        yield Needle(variable, BASE64, data[:LONGEST], folded=False, wraps=True)


def _folded(variable: str, form: str, data: bytes) -> Needle:
    return Needle(variable, form, data.lower()[:LONGEST])


def _json_escaped(value: str) -> Iterator[str]:
    """As Python, JavaScript and Go write it, with the slash escaped, and each once more inside another string."""
    from json import dumps

    for ascii_only in (True, False):
        once = dumps(value, ensure_ascii=ascii_only)[1:-1]
        safe = "".join(f"\\u{ord(char):04x}" if char in "<>&" else char for char in once)
        for text in (once, safe, once.replace("/", "\\/")):
            yield text
            yield dumps(text, ensure_ascii=ascii_only)[1:-1]


def _url_encoded(raw: bytes) -> Iterator[bytes]:
    from urllib.parse import quote

    for kept in _URL_KEPT:
        encoded = quote(raw, safe=kept).encode("ascii")
        yield encoded
        yield encoded.replace(b"%20", b"+")
        yield encoded.replace(b"~", b"%7e")
    yield b"".join(b"%%%02x" % byte for byte in raw)


def _base64(raw: bytes) -> Iterator[bytes]:
    """The characters that depend on the value alone, at each of the three places it can begin in a longer text."""
    for before in range(3):
        first = (before * 8 + 5) // 6
        end = (before + len(raw)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(b"\0" * before + raw)[first:end]
