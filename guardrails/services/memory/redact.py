"""No secret is remembered: values of the configured variables in every form, and known tokens and keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain
from typing import NamedTuple

from guardrails.errors import GuardrailError
from guardrails.secrets.detectors import PRIVATE_KEY
from guardrails.secrets.scan import Hit, scan
from guardrails.secrets.values import Needle, values
from guardrails.services.memory.entries import Entry

_LONG = 1024
"""Bytes of a value that are searched for. Where that many are found, nobody knows where the value ends."""
_KEY_END = re.compile(rb"END [A-Z0-9 ]{0,40}PRIVATE KEY")


class Sieve(NamedTuple):
    """Knows what to look for."""

    needles: tuple[Needle, ...]

    def refuse(self, what: str, text: str) -> None:
        """Raise GuardrailError when `text`, which `what` names, holds a secret. The message shows nothing of it."""
        hits = scan([_bytes(text)], self.needles).hits
        if hits:
            raise GuardrailError(
                f"{what} holds a secret at line {hits[0].line}, column {hits[0].column}: {hits[0].what}",
                "nothing was remembered; take it out, and revoke it if anybody else may have seen it",
            )

    def clean(self, item: Entry) -> Entry:
        """`item` with a note in place of every line that holds a secret, and without tags that do."""
        path = item.source.path if item.source else ""
        if not scan([_bytes("\n".join(chain((item.text, path), item.tags)))], self.needles).hits:
            return item
        source = item.source._replace(path=self.text(path)) if item.source else None
        tags = tuple(tag for tag in item.tags if not scan([_bytes(tag)], self.needles).hits)
        return item._replace(text=self.text(item.text), tags=tags, source=source)

    def text(self, text: str) -> str:
        """`text` with a note in place of every line that holds a secret. Of a detector only the beginning of what it
        finds is known, so the whole line goes; of a private key all that follows, up to its end."""
        data = _bytes(text)
        found = scan([data], self.needles)
        cleaned = "" if found.cut else _without(data, found.hits)
        if found.cut or scan([_bytes(cleaned)], self.needles).hits:
            return "[withheld: holds secrets]"
        return cleaned


def sieve(variables: tuple[str, ...], environment: Mapping[str, str]) -> Sieve:
    """Looks for the values these variables have now, and for known tokens."""
    return Sieve(values(variables, environment).needles)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _without(data: bytes, hits: tuple[Hit, ...]) -> str:
    parts, last = [], 0
    for hit in sorted(hits, key=lambda hit: hit.start):
        if hit.start < last:
            last = max(last, _end(data, hit))
            continue
        start = data.rfind(b"\n", 0, hit.start) + 1
        parts += [data[last:start], f"[withheld: {hit.what}]\n".encode()]
        last = _end(data, hit)
    return b"".join((*parts, data[last:])).decode("utf-8", "replace").removesuffix("\n")


def _end(data: bytes, hit: Hit) -> int:
    """Where the line ends on which the secret does, or the text where its end is unknown."""
    end = hit.end
    if hit.what == PRIVATE_KEY:
        match = _KEY_END.search(data, hit.start)
        end = match.end() if match else -1
    elif hit.variable and end - hit.start >= _LONG:
        end = -1
    line = data.find(b"\n", end) if end >= 0 else -1
    return line + 1 if line >= 0 else len(data)
