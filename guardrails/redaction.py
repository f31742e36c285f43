"""Keep secrets out of what is reported: findings quote what they found, and that may be a token.

A text that holds none is not touched. All are searched together first, and most runs end there.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from guardrails.finding import Finding, Skipped
from guardrails.result import Examined, Problem, Result
from guardrails.secret_detectors import PRIVATE_KEY
from guardrails.secret_places import places
from guardrails.secret_values import SHORTEST, Needle, values

MARK = "[secret]"

# What a token is made of besides a slash: a detector may be sure before the token ends, or after it began.
_BEFORE, _AFTER = rb"[\w.~+%\x80-\xff-]*\Z", rb"[\w.~+%\x80-\xff-]*"
_REACH = 512
"""Characters that are looked at for the rest of a token."""
# A token that a message cut short no longer satisfies its detector, but its beginning gives it away.
_CUT_SHORT = (
    rb"(?:gh[opsru]_|github_pat_|gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-|sk-(?:ant|proj|svcacct|admin|or)-|AIza"
    rb"|GOCSPX-|A(?:3T|BIA|CCA|KIA|SIA)[0-9A-Z]|xox[abposr]-|xapp-|npm_|pypi-AgE|SG\.|hf_|r8_|gsk_|pplx-|xai-|sq0csp-"
    rb"|[rs]k_live_|AGE-SECRET-KEY-1|eyJ[A-Za-z0-9_-]{8,}\.)[A-Za-z0-9_-]{6,300}(?=\.\.\.|['\"]|\Z)"
)
_ENDS = rb"\.\.\.|['\"]|\Z"

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


def redactor(texts: Iterable[str], known: Needles) -> Redact | None:
    """What takes the secrets out of each of these texts; None when none of them holds one."""
    distinct = list(dict.fromkeys(filter(None, texts)))
    bad = dict(_dirty([(text, _bytes(text)) for text in distinct], known))
    if not bad:
        return None

    def clean(text: str) -> str:
        # A text that was not asked for (a part of one that was) is searched now.
        if text not in bad and text not in known_clean:
            bad[text] = _without(_bytes(text), known)
        return bad.get(text, text)

    known_clean = frozenset(distinct) - bad.keys()
    return clean


def _texts(result: Result) -> Iterator[str]:
    yield result.source.rev or ""
    if result.problem:
        yield result.problem.message
        yield result.problem.hint or ""
    for finding in result.findings:
        yield from (finding.path, finding.message, finding.hint or "", finding.spec or "", finding.stage or "")
    for skipped in result.examined.skipped:
        yield from skipped


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


def _dirty(rows: list[tuple[str, bytes]], known: Needles) -> Iterator[tuple[str, str]]:
    """(text, text without secrets) of those that hold one, found by halving."""
    if len(rows) > 1:
        if _holds(b"\n".join(data for _, data in rows), known):
            middle = len(rows) // 2
            yield from _dirty(rows[:middle], known)
            yield from _dirty(rows[middle:], known)
    elif rows:
        text, data = rows[0]
        clean = _without(data, known)
        if clean != text:
            yield text, clean


def _holds(data: bytes, known: Needles) -> bool:
    return next(_spans(data, known, together=True), None) is not None


def _without(data: bytes, known: Needles) -> str:
    """A text with each span that is secret replaced."""
    parts, end = [], 0
    for start, stop in sorted(_spans(data, known)):
        if start >= end:
            parts += [_text(data[end:start]), MARK]
        end = max(end, stop)
    return "".join((*parts, _text(data[end:])))


def _spans(data: bytes, known: Needles, together: bool = False) -> Iterator[tuple[int, int]]:
    """Where secrets are, each as far as it goes. `together` says that `data` is many texts, one to a line."""
    for place in places(data, known, sys.maxsize - 1):
        if place.what == PRIVATE_KEY or place.end - place.start >= 1024:
            yield place.start, len(data)  # only its beginning was searched for
        else:
            yield _whole(data, place.start, place.end)
    ends = re.MULTILINE if together else 0
    pattern = _CUT_SHORT.replace(rb"\Z", b"$") if together else _CUT_SHORT
    for match in re.finditer(pattern, data, ends):
        yield match.span()
    yield from _cut_values(data, known, together)


def _cut_values(data: bytes, known: Needles, together: bool) -> Iterator[tuple[int, int]]:
    """Where a text was cut inside a configured value: SHORTEST characters of it or more, then the cut."""
    folded = data.lower()
    for needle in known:
        text, value = (folded if needle.folded else data), needle.data
        at = text.find(value[:SHORTEST])
        while at >= 0:
            size = SHORTEST
            while size < len(value) and text[at + size : at + size + 1] == value[size : size + 1]:
                size += 1
            if together or re.compile(_ENDS).match(text, at + size):
                yield at, at + size
            at = text.find(value[:SHORTEST], at + 1)


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
