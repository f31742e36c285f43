"""Keep secrets out of what is reported, recorded or remembered: findings, services and agents quote what they found,
and that may be a token.

A text that holds none is not touched. Many are searched together first, and most runs end there.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from guardrails.config.settings import Settings
from guardrails.core.finding import Finding, Skipped
from guardrails.core.result import Examined, Problem, Result
from guardrails.git.repo import to_bytes
from guardrails.secrets.detectors import PRIVATE_KEY
from guardrails.secrets.scan import Hit, find_secrets, scan_stream
from guardrails.secrets.values import BASE64, LONGEST, SHORTEST, Needle, secret_values

MARK = "[secret]"
"""What stands in the place of a secret, wherever one was taken out."""

_MARK = MARK.encode()
_ROUNDS = 8
# What a token is made of besides a slash: a detector may be sure before the token ends, or after it began.
_BEFORE, _AFTER = re.compile(rb"[\w.~+%\x80-\xff-]*\Z"), re.compile(rb"[\w.~+%\x80-\xff-]*")
_ESCAPE = re.compile(rb"u[0-9a-fA-F]{4}|.", re.DOTALL)
_REACH = 512
"""Characters that are looked at for the rest of a token."""
_ENCODED = re.compile(rb"[A-Za-z0-9+/=_-]*")
_ENCODED_REACH = 4096
_KEY_END = re.compile(rb"END [A-Z0-9 ]{0,40}PRIVATE KEY-*")
# A token that a message cut short no longer satisfies its detector, but its beginning gives it away.
_CUT_SHORT = (
    rb"(?:gh[opsru]_|github_pat_|gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-|sk-(?:ant|proj|svcacct|admin|or)-|AIza"
    rb"|GOCSPX-|A(?:3T|BIA|CCA|KIA|SIA)[0-9A-Z]|xox[abposr]-|xapp-|npm_|pypi-AgE|SG\.|hf_|r8_|gsk_|pplx-|xai-|sq0csp-"
    rb"|[rs]k_live_|AGE-SECRET-KEY-1|eyJ[A-Za-z0-9_-]{8,}\.)[A-Za-z0-9_-]{4,300}(?=\.\.\.)"
)
_CLIP, _CLIPPED = "...", b"..."
"""How messages say that they cut a quotation short."""

Value = TypeVar("Value")
Redact = Callable[[str], str]
Span = tuple[int, int]


class Clean(NamedTuple):
    """Data without secrets, and how many were taken out. `data` is None where no part of it can be shown."""

    data: bytes | None
    removed: int


class _Cleaned(NamedTuple):
    """Data without secrets. `whole` says that the end of each was known: otherwise all that followed was taken out."""

    data: bytes
    removed: int
    whole: bool


class Redactor:
    """Knows the values of some variables, in every form, and what tokens look like. Keeps both out of all it returns:
    `[secret]` stands in the place of each."""

    def __init__(self, variables: Iterable[str], environment: Mapping[str, str]) -> None:
        variables = tuple(dict.fromkeys(variables))
        self._needles = (*secret_values(variables, environment).needles, *_in_html(variables, environment))

    def text(self, text: str) -> str:
        """`text` without secrets."""
        data, errors = _bytes(text)
        cleaned = self._cleaned(data)
        if not cleaned.removed:
            return text
        try:
            return cleaned.data.decode("utf-8", errors)
        except UnicodeDecodeError:  # cut inside a character
            return cleaned.data.decode("utf-8", "replace")

    def data(self, data: bytes) -> Clean:
        """What a program or service sent, without secrets: nothing of it where the end of one is not known."""
        cleaned = self._cleaned(data)
        return Clean(cleaned.data if cleaned.whole else None, cleaned.removed)

    def output(self, data: bytes) -> str | None:
        """What a program printed, as text without secrets; None where no part of it can be shown."""
        clean = self.data(data.replace(b"\0", b"")).data  # in UTF-16 a secret looks different
        return None if clean is None else clean.decode("utf-8", "replace")

    def value(self, value: Value) -> Value:
        """A value made of tuples, lists, sets and mappings with every text in it redacted: before it is written in a
        format that escapes characters a secret may hold, or cuts it short."""
        clean = self._search(_gather(value))
        return value if clean is None else _remade(value, clean)

    def document(self, value: Any) -> tuple[Any, int]:
        """A JSON value without secrets in its strings, its keys and its numbers, and how many were taken out."""
        if isinstance(value, dict):
            pairs = [(self.document(key), self.document(item)) for key, item in value.items()]
            return {key: item for (key, _), (item, _) in pairs}, sum(k + v for (_, k), (_, v) in pairs)
        if isinstance(value, (list, tuple)):
            items = [self.document(item) for item in value]
            return [item for item, _ in items], sum(count for _, count in items)
        if value is None or isinstance(value, bool):
            return value, 0
        text = str(value)
        count = self._cleaned(_bytes(text)[0]).removed
        return (self.text(text) if count else value), count

    def result(self, result: Result) -> Result:
        """The result of checks without secrets. Fingerprints stay what they are: they are digests, and a waiver or a
        dashboard may know them."""
        clean = self._search(_texts(result))
        if clean is None:
            return result
        problem = result.problem
        return result._replace(
            source=result.source._replace(rev=_optional(result.source.rev, clean)),
            examined=_examined(result.examined, clean),
            findings=tuple(_finding(finding, clean) for finding in result.findings),
            problem=Problem(clean(problem.message), _optional(problem.hint, clean)) if problem else None,
        )

    def first(self, text: str) -> Hit | None:
        """The first secret in `text`: where, and of what kind."""
        return next(iter(scan_stream([_bytes(text)[0]], self._needles).hits), None)

    def lines(self, text: str) -> str:
        """`text` with the mark and the kind in place of every line that holds a secret, for what is kept long: of a
        detector only the beginning of what it finds is known."""
        data, _ = _bytes(text)
        found = scan_stream([data], self._needles)
        if not found.hits:
            return text
        cleaned = MARK if found.cut else _without_lines(data, found.hits)
        return MARK if self.first(cleaned) else cleaned

    def _search(self, texts: Iterable[str]) -> Redact | None:
        """What takes the secrets out of each of these texts; None when none of them holds one."""
        distinct = list(dict.fromkeys(filter(None, texts)))
        if not self._holds(distinct):
            return None
        dirty = dict(self._dirty(distinct))
        clean = frozenset(distinct) - dirty.keys()

        def redacted(text: str) -> str:
            if text not in dirty and text not in clean:  # a part of one that was asked for
                dirty[text] = self.text(text)
            return dirty.get(text, text)

        return redacted

    def _dirty(self, texts: list[str]) -> Iterator[tuple[str, str]]:
        """(text, text without secrets) of those that hold one, found by halving."""
        if len(texts) == 1:
            yield texts[0], self.text(texts[0])
            return
        middle = len(texts) // 2
        for half in (texts[:middle], texts[middle:]):
            if self._holds(half):
                yield from self._dirty(half)

    def _holds(self, texts: list[str]) -> bool:
        """Whether any of the texts may hold a secret."""
        data, _ = _bytes("\n".join(texts))
        known = self._needles
        if data.count(b"\n") < len(texts) and b"\\n" not in data and b"\\r" not in data and b"\r" not in data:
            known = tuple(needle._replace(wraps=False) for needle in known)  # no text has a line break: that is dear
        if next(find_secrets(data, known, 1), None):
            return True
        cut, _ = _bytes("\n".join(text for text in texts if _CLIP in text))
        return bool(cut) and next(_cut_short(cut, known), None) is not None

    def _cleaned(self, data: bytes) -> _Cleaned:
        """`data` with the mark in place of each secret. Searched again until nothing is found: taking one out may join
        the halves of another."""
        count, whole = 0, True
        for _ in range(_ROUNDS):
            found = [span for span in self._spans(data) if not _is_marked(data, *span)]
            if not found:
                return _Cleaned(data, count, whole)
            spans = _merged([(start, len(data) if end is None else end) for start, end in found])
            whole = whole and all(end is not None for _, end in found)
            count += len(spans)
            data = _without(data, spans)
        return _Cleaned(_MARK, count, False)

    def _spans(self, data: bytes) -> Iterator[tuple[int, int | None]]:
        """Where secrets stand, each as far as it goes; None for an end that is not known."""
        for place in find_secrets(data, self._needles, sys.maxsize - 1):
            if place.what == PRIVATE_KEY:
                match = _KEY_END.search(data, place.start)
                yield place.start, match.end() if match else None
            elif place.variable and place.end - place.start >= LONGEST:
                yield place.start, None  # only its beginning was searched for
            elif not place.variable:
                yield _whole(data, place.start, place.end)
            elif place.form == BASE64:
                yield _encoded(data, place.start, place.end)
            else:
                yield place.start, place.end
        yield from _cut_short(data, self._needles)


def redactor_of(settings: Settings, environment: Mapping[str, str]) -> Redactor:
    """Knows every secret that is configured, the key of HAL above all."""
    named = (settings.hal.secret_env, *settings.secrets.variables)
    return Redactor(tuple(name for name in named if name), environment)


def _in_html(variables: tuple[str, ...], environment: Mapping[str, str]) -> Iterator[Needle]:
    """Error pages show what they were sent, escaped their own way."""
    for variable in variables:
        value = environment.get(variable, "").strip()
        if len(value) >= SHORTEST and any(char in value for char in "&<>\"'"):
            from html import escape  # costs as much as all else here

            quoted = escape(value)
            for escaped in {quoted, escape(value, quote=False), quoted.replace("&#x27;", "&#39;")} - {value}:
                yield Needle(variable, "HTML", to_bytes(escaped).lower()[:LONGEST])


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


def _gather(value: Any) -> set[str]:
    """Every text in a value. Reports hold a hundred thousand values: what they are most often is asked first."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            found.add(each)
        elif isinstance(each, (tuple, list, set, frozenset)):
            waiting.extend(each)
        elif each is None or isinstance(each, (int, float)):
            continue
        elif isinstance(each, Mapping):
            waiting.extend(each)
            waiting.extend(each.values())
    return found


def _remade(value: Any, clean: Redact) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {_remade(key, clean): _remade(item, clean) for key, item in value.items()}
    if not isinstance(value, (tuple, list, set, frozenset)):
        return value
    items = [_remade(item, clean) for item in value]
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def _cut_short(data: bytes, known: tuple[Needle, ...]) -> Iterator[Span]:
    """Where a quotation was cut inside a secret: so much of a token or of a configured value, then the cut."""
    for match in re.finditer(_CUT_SHORT, data):
        yield match.span()
    clip = data.find(_CLIPPED)
    folded = data.lower() if clip >= 0 else data
    while clip >= 0:
        for needle in known:
            size = _beginning(needle.data, (folded if needle.folded else data)[max(0, clip - LONGEST) : clip])
            if size:
                yield clip - size, clip
        clip = data.find(_CLIPPED, clip + 1)


def _beginning(value: bytes, text: bytes) -> int:
    """How many bytes of `value`, from its first on, `text` ends with; 0 when fewer than give anything away."""
    at = text.find(value[:SHORTEST])
    while at >= 0:
        if value.startswith(text[at:]):
            return len(text) - at
        at = text.find(value[:SHORTEST], at + 1)
    return 0


def _whole(data: bytes, start: int, end: int) -> Span:
    """The whole token: but of an escape in a JSON string before it, nothing."""
    before = _BEFORE.search(data[max(0, start - _REACH) : start])
    first = start - (len(before[0]) if before else 0)
    if first < start and data[:first].endswith(b"\\") and (escape := _ESCAPE.match(data, first, start)):
        first = escape.end()
    after = _AFTER.match(data, end)
    return first, after.end() if after else end


def _encoded(data: bytes, start: int, end: int) -> Span:
    """The whole run of encoded characters: those at the edges hold bits of the secret, too."""
    tail = _ENCODED.match(data, end, end + _ENCODED_REACH)
    head = _ENCODED.match(data[max(0, start - _ENCODED_REACH) : start][::-1])
    return start - (head.end() if head else 0), tail.end() if tail else end


def _is_marked(data: bytes, start: int, end: int | None) -> bool:
    """Whether a span lies inside a mark of ours, as the value `secret` does: it shows nothing more."""
    return end is not None and data.find(_MARK, max(0, end - len(_MARK)), start + len(_MARK)) >= 0


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _without(data: bytes, spans: list[Span]) -> bytes:
    parts, last = [], 0
    for start, end in spans:
        parts += [data[last:start], _MARK]
        last = end
    return b"".join((*parts, data[last:]))


def _without_lines(data: bytes, hits: tuple[Hit, ...]) -> str:
    parts, last = [], 0
    for hit in sorted(hits, key=lambda hit: hit.start):
        if hit.start >= last:
            start = data.rfind(b"\n", 0, hit.start) + 1
            parts += [data[last:start], f"{MARK} {hit.what}\n".encode()]
        last = max(last, _line_end(data, hit))
    return b"".join((*parts, data[last:])).decode("utf-8", "replace").removesuffix("\n")


def _line_end(data: bytes, hit: Hit) -> int:
    """Where the line ends on which the secret does, or the text where its end is unknown."""
    end = hit.end
    if hit.what == PRIVATE_KEY:
        match = _KEY_END.search(data, hit.start)
        end = match.end() if match else -1
    elif hit.variable and end - hit.start >= LONGEST:
        end = -1
    line = data.find(b"\n", end) if end >= 0 else -1
    return line + 1 if line >= 0 else len(data)


def _bytes(text: str) -> tuple[bytes, str]:
    """A text as bytes, and how they become text again. Paths of git hold bytes that are not UTF-8 as lone surrogates;
    any other surrogate is in no path and no value."""
    try:
        return text.encode("utf-8", "surrogateescape"), "surrogateescape"
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass"), "surrogatepass"
