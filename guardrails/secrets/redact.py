"""Keep secrets out of what is reported: findings quote what they found, and that may be a token.

A text that holds none is not touched. All are searched together first, and most runs end there.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from guardrails.core.finding import Finding, Skipped
from guardrails.core.result import Examined, Problem, Result
from guardrails.secrets.detectors import PRIVATE_KEY
from guardrails.secrets.scan import places
from guardrails.secrets.values import LONGEST, SHORTEST, Needle, values

MARK = "[secret]"

# What a token is made of besides a slash: a detector may be sure before the token ends, or after it began.
_BEFORE, _AFTER = rb"[\w.~+%\x80-\xff-]*\Z", rb"[\w.~+%\x80-\xff-]*"
_REACH = 512
"""Characters that are looked at for the rest of a token."""
# A token that a message cut short no longer satisfies its detector, but its beginning gives it away.
_CUT_SHORT = (
    rb"(?:gh[opsru]_|github_pat_|gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-|sk-(?:ant|proj|svcacct|admin|or)-|AIza"
    rb"|GOCSPX-|A(?:3T|BIA|CCA|KIA|SIA)[0-9A-Z]|xox[abposr]-|xapp-|npm_|pypi-AgE|SG\.|hf_|r8_|gsk_|pplx-|xai-|sq0csp-"
    rb"|[rs]k_live_|AGE-SECRET-KEY-1|eyJ[A-Za-z0-9_-]{8,}\.)[A-Za-z0-9_-]{4,300}(?=\.\.\.)"
)
_CLIP, _MARKED = "...", b"..."
"""How messages say that they cut a quotation short."""

Value = TypeVar("Value")
Needles = tuple[Needle, ...]
Redact = Callable[[str], str]


def needles(variables: Iterable[str], environment: Mapping[str, str]) -> Needles:
    """What to search for besides known tokens: the values of these variables."""
    return values(tuple(variables), environment).needles


def redact(result: Result, known: Needles) -> Result:
    """The result with every known token and every configured value replaced by `[secret]`.

    Fingerprints stay what they are: they are digests, and a waiver or a dashboard may know them.
    """
    clean = redactor(_texts(result), known)
    if clean is None:
        return result
    problem = result.problem
    return result._replace(
        source=result.source._replace(rev=_optional(result.source.rev, clean)),
        examined=_examined(result.examined, clean),
        findings=tuple(_finding(finding, clean) for finding in result.findings),
        problem=Problem(clean(problem.message), _optional(problem.hint, clean)) if problem else None,
    )


def redacted(value: Any, known: Needles) -> Any:
    """A JSON value with every string in it redacted."""
    clean = redactor([json.dumps(value, ensure_ascii=False)], known)
    return value if clean is None else _walk(value, clean)


def redacted_within(value: Value, known: Needles) -> Value:
    """A value made of tuples, lists, sets and mappings with every text in it redacted: before it is written in a format
    that escapes characters a secret may hold, or cuts it short."""
    found: set[str] = set()
    _gather(value, found)
    clean = redactor(found, known)
    return value if clean is None else _remade(value, clean)


def redactor(texts: Iterable[str], known: Needles) -> Redact | None:
    """What takes the secrets out of each of these texts; None when none of them holds one."""
    distinct = list(dict.fromkeys(filter(None, texts)))
    if not _holds(distinct, known):
        return None
    dirty = dict(_dirty(distinct, known))
    clean = frozenset(distinct) - dirty.keys()

    def redacted_text(text: str) -> str:
        if text not in dirty and text not in clean:  # a part of one that was asked for
            dirty[text] = _without(text, known)
        return dirty.get(text, text)

    return redacted_text


def _texts(result: Result) -> list[str]:
    findings, problem = result.findings, result.problem
    distinct: set[str | None] = {result.source.rev, problem and problem.message, problem and problem.hint}
    distinct |= {finding.path for finding in findings} | {finding.message for finding in findings}
    distinct |= {finding.hint for finding in findings}
    distinct |= {finding.spec for finding in findings} | {finding.stage for finding in findings}
    distinct.update(*result.examined.skipped)
    return [text for text in distinct if text]


def _finding(finding: Finding, clean: Redact) -> Finding:
    return finding._replace(
        path=clean(finding.path),
        message=clean(finding.message),
        hint=_optional(finding.hint, clean),
        spec=_optional(finding.spec, clean),
        stage=_optional(finding.stage, clean),
    )


def _examined(examined: Examined, clean: Redact) -> Examined:
    return examined._replace(skipped=tuple(Skipped(clean(path), clean(why)) for path, why in examined.skipped))


def _optional(text: str | None, clean: Redact) -> str | None:
    return clean(text) if text else text


def _walk(value: Any, clean: Redact) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(key)): _walk(item, clean) for key, item in value.items()}
    return [_walk(item, clean) for item in value] if isinstance(value, (list, tuple)) else value


def _gather(value: Any, found: set[str]) -> None:
    if isinstance(value, str):
        found.add(value)
    elif isinstance(value, Mapping):
        _gather(list(value), found)
        _gather(list(value.values()), found)
    elif isinstance(value, (tuple, list, set, frozenset)):
        for item in value:
            _gather(item, found)


def _remade(value: Any, clean: Redact) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {_remade(key, clean): _remade(item, clean) for key, item in value.items()}
    if not isinstance(value, (tuple, list, set, frozenset)):
        return value
    items = [_remade(item, clean) for item in value]
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def _dirty(texts: list[str], known: Needles) -> Iterator[tuple[str, str]]:
    """(text, text without secrets) of those that hold one, found by halving."""
    if len(texts) == 1:
        yield texts[0], _without(texts[0], known)
        return
    middle = len(texts) // 2
    for half in (texts[:middle], texts[middle:]):
        if _holds(half, known):
            yield from _dirty(half, known)


def _holds(texts: list[str], known: Needles) -> bool:
    """Whether any of the texts may hold a secret."""
    data = _bytes("\n".join(texts))
    if data.count(b"\n") < len(texts) and b"\\n" not in data and b"\\r" not in data and b"\r" not in data:
        known = tuple(needle._replace(wraps=False) for needle in known)  # no text has a line break: that is dear
    if next(places(data, known, 1), None):
        return True
    cut = _bytes("\n".join(text for text in texts if _CLIP in text))
    return bool(cut) and next(_cut_short(cut, known), None) is not None


def _without(text: str, known: Needles) -> str:
    """A text with each span that is secret replaced."""
    data = _bytes(text)
    parts, end = [], 0
    for start, stop in sorted(_spans(data, known)):
        if start >= end:
            parts += [_text(data[end:start]), MARK]
        end = max(end, stop)
    return "".join((*parts, _text(data[end:]))) if parts else text


def _spans(data: bytes, known: Needles) -> Iterator[tuple[int, int]]:
    """Where secrets are, each as far as it goes."""
    for place in places(data, known, sys.maxsize - 1):
        if place.what == PRIVATE_KEY or place.end - place.start >= LONGEST:
            yield place.start, len(data)  # only its beginning was searched for
        else:
            yield _whole(data, place.start, place.end)
    yield from _cut_short(data, known)


def _cut_short(data: bytes, known: Needles) -> Iterator[tuple[int, int]]:
    """Where a quotation was cut inside a secret: so much of a token or of a configured value, then the cut."""
    for match in re.finditer(_CUT_SHORT, data):
        yield match.span()
    folded = data.lower()
    clip = data.find(_MARKED)
    while clip >= 0:
        for needle in known:
            size = _beginning(needle.data, (folded if needle.folded else data)[max(0, clip - LONGEST) : clip])
            if size:
                yield clip - size, clip
        clip = data.find(_MARKED, clip + 1)


def _beginning(value: bytes, text: bytes) -> int:
    """How many bytes of `value`, from its first on, `text` ends with; 0 when fewer than give anything away."""
    at = text.find(value[:SHORTEST])
    while at >= 0:
        if value.startswith(text[at:]):
            return len(text) - at
        at = text.find(value[:SHORTEST], at + 1)
    return 0


def _whole(data: bytes, start: int, end: int) -> tuple[int, int]:
    before = re.search(_BEFORE, data[max(0, start - _REACH) : start])
    after = re.compile(_AFTER).match(data, end)
    return start - (len(before[0]) if before else 0), after.end() if after else end


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # cut inside a character
        return data.decode("utf-8", "replace")
