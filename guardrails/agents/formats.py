"""How agents wrap their answers: from what a tool printed to a value, and what the tool says it used. Pure.

Nothing here fails: whatever the bytes, the outcome is an Answer, with a problem where there is no answer in them. Every
format takes time linear in the size of its input.

The envelopes are those of `claude -p --output-format json`, `codex exec --json` (codex-rs/exec/src/exec_events.rs) and
`gemini --output-format json` (docs/cli/headless.md). All three put the model's own text into a string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from guardrails.config.run_settings import Format
from guardrails.core.fields import table
from guardrails.core.strict_json import JsonFlaw, parse_json

# The one JSON object an agent was asked for, found in what it printed around it.
#
# An object that breaks off or is not JSON is skipped whole: a piece from inside it is never taken for the answer, for
# what was lost may be what mattered.


class ExtractedAnswer(NamedTuple):
    """An object, or why there is none."""

    value: dict[str, Any] | None
    problem: str | None = None


# Colours and cursor movements, and titles and links up to their end mark. Classes that exclude the escape character
# and each other: no text makes this slow.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([A-Za-z0-9_-]*)[ \t]*\r?$", re.MULTILINE)
_OPENS = re.compile(r'\{[ \t\r\n]*["}]')
"""How a JSON object begins; a brace of code or prose seldom does."""
_BRACE = re.compile(r'[{}]|"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_DECODER = json.JSONDecoder()


def without_escapes(text: str) -> str:
    """`text` as it would read on a screen that knows no colours."""
    return _ESCAPES.sub("", text) if "\x1b" in text else text


def find_object(text: str) -> ExtractedAnswer:
    """The object in `text`: all of it, or what a fence holds, or the largest one among prose."""
    whole = text.strip()
    if not whole:
        return ExtractedAnswer(None, "there is no output")
    first = _parsed(whole)
    if first.value is not None or _is_whole(whole):
        return first
    for parts in (_fenced(whole), _among_prose(whole)):
        if found := _largest(parts):
            return found
    return ExtractedAnswer(None, first.problem if whole.startswith("{") else "there is no JSON object in the output")


def _is_whole(text: str) -> bool:
    """Whether `text` is one JSON value of another kind, so that what lies inside it is not the answer."""
    if text[0] == "{":
        return False
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return end == len(text) and not isinstance(value, dict)


def _parsed(text: str) -> ExtractedAnswer:
    try:
        value = parse_json(text.encode("utf-8", "surrogatepass"))
    except JsonFlaw as flaw:
        return ExtractedAnswer(None, f"{flaw.message} (line {flaw.line}, column {flaw.column})")
    if not isinstance(value, dict):
        return ExtractedAnswer(None, f"a JSON object was expected, not {_KINDS[type(value)]}")
    return ExtractedAnswer(value) if value else ExtractedAnswer(None, "the object is empty")


_KINDS = {list: "an array", str: "a string", int: "a number", float: "a number", bool: "true or false"}
_KINDS[type(None)] = "null"


def _largest(parts: Iterator[str]) -> ExtractedAnswer | None:
    """The longest text, parsed; of several as long, the last. Of several that decide, none is the answer."""
    longest, deciding = "", set[str]()
    for part in parts:
        if '"decision"' in part:
            deciding.add(part)
        if len(part) >= len(longest):
            longest = part
    if len(deciding) > 1:
        return ExtractedAnswer(None, "there are several objects with a decision in the output")
    return _parsed(longest) if longest else None


def _fenced(text: str) -> Iterator[str]:
    """What stands between fences that are said to hold JSON, or say nothing and begin like an object."""
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif not fence[2] and fence[1].startswith(opened[1]):
            inside = text[opened.end() : fence.start()].strip()
            if opened[2].lower().startswith("json") or (not opened[2] and _OPENS.match(inside)):
                yield inside
            opened = None


def _among_prose(text: str) -> Iterator[str]:
    """Every object that stands in the text by itself. Each character is looked at a fixed number of times."""
    at, in_array = 0, False
    while opening := _OPENS.search(text, at):
        start = opening.start()
        before = text[at:start].rstrip()[-1:]
        in_array = before == "[" or (in_array and before == ",")
        end = _closed(text, start)
        if end is None:
            return  # it breaks off: all that follows may be inside it
        if not in_array and _is_object(text[start:end]):
            yield text[start:end]
        at = end


def _closed(text: str, start: int) -> int | None:
    """Where the brace at `start` is closed, as JSON counts braces."""
    depth = 0
    for mark in _BRACE.finditer(text, start):
        if mark[0] == "{":
            depth += 1
        elif mark[0] == "}":
            depth -= 1
            if not depth:
                return mark.end()
    return None


def _is_object(text: str) -> bool:
    try:
        _DECODER.raw_decode(text)
    except RecursionError:
        return True  # too deep, which the strict parser says
    except ValueError:
        return False
    return True


# The envelope of each tool, and the usage it reports.


class Usage(NamedTuple):
    """What a call used, as the tool reports it; None is not known and never 0."""

    input_tokens: int | None = None
    """all tokens read, cached ones too"""
    output_tokens: int | None = None
    """all tokens written, thoughts too"""
    usd: float | None = None
    cached_input_tokens: int | None = None
    """those of the tokens read that came from the provider's cache"""
    reasoning_tokens: int | None = None
    """those of the tokens written that were thoughts"""


NOTHING = Usage()
_MOST_TOKENS = 10**12
_MOST_WORDS = 300


class Answer(NamedTuple):
    """What an agent said. Exactly one of `value` and `problem` is None. Usage is known of failed calls, too."""

    value: dict[str, Any] | None
    problem: str | None
    model: str | None = None
    """the model that the tool says has answered"""
    usage: Usage = NOTHING


def read_answer(form: Format, data: bytes) -> Answer:
    """The answer in the bytes an agent wrote."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as flaw:
        return Answer(None, f"the output is not UTF-8 at byte {flaw.start}")
    text = without_escapes(text)
    if not text.strip():
        return Answer(None, "there is no output")
    return _READERS[form](text)


def _text(text: str) -> Answer:
    """Free text is kept as it is under `text`, so that it is an answer like others; it states no agreements."""
    words = text.strip()
    if not any(map(str.isalnum, words)):
        return Answer(None, "the output says nothing")
    return Answer({"text": words}, None)


def _json(text: str) -> Answer:
    return Answer(*find_object(text))


def _claude(text: str) -> Answer:
    envelope = _claude_envelope(text)
    if envelope.value is None:
        return Answer(None, envelope.problem)
    result = envelope.value
    model, usage = _claude_model(result.get("modelUsage")), _claude_usage(result)
    if result.get("is_error") or result.get("subtype", "success") != "success":
        said = result.get("result") or result.get("errors") or result.get("subtype")
        return Answer(None, f"claude reports an error: {_words(said)}", model, usage)
    structured = result.get("structured_output")
    if isinstance(structured, dict) and structured:
        return Answer(structured, None, model, usage)
    return _inside(result.get("result"), model, usage)


def _claude_envelope(text: str) -> ExtractedAnswer:
    """The result object: all of the output, or, of a verbose run, the last of an array of messages."""
    try:
        value = parse_json(text.strip().encode("utf-8", "surrogatepass"))
    except JsonFlaw:
        value = find_object(text).value
    messages = value if isinstance(value, list) else [value]
    results = [item for item in messages if isinstance(item, dict) and item.get("type") == "result"]
    return (
        ExtractedAnswer(results[-1])
        if results
        else ExtractedAnswer(None, "there is no result object of claude in the output")
    )


def _claude_usage(result: dict[str, Any]) -> Usage:
    usage = table(result.get("usage"))
    cached = _count(usage.get("cache_read_input_tokens"))
    # What was read from the cache or into it is counted apart from the other tokens read.
    read_ = _sum(usage.get("input_tokens"), cached or 0, _count(usage.get("cache_creation_input_tokens")) or 0)
    return as_usage(read_, usage.get("output_tokens"), result.get("total_cost_usd"), cached)


def _claude_model(models: Any) -> str | None:
    """Of several models, the one that wrote most: small ones do errands for it."""
    written = {name: _count(table(used).get("outputTokens")) or 0 for name, used in table(models).items()}
    return max(written, key=lambda name: written[name], default=None) or None


def _codex(text: str) -> Answer:
    said: Any = None
    trouble: Any = None
    completed: dict[str, Any] | None = None
    for number, event in _events(text):
        if isinstance(event, JsonFlaw):
            return Answer(None, f"line {number}: {event.message}")
        kind, item = event.get("type"), table(event.get("item"))
        if kind == "item.completed" and item.get("type") == "agent_message":
            said = item.get("text")
        elif kind == "turn.completed":
            completed = event
        elif kind == "turn.failed":
            return Answer(None, f"codex reports an error: {_words(event.get('error'))}", usage=_codex_usage(event))
        elif kind == "error":  # also said of a connection that is then made again
            trouble = event
    if completed is None:
        return Answer(None, f"codex reports an error: {_words(trouble)}" if trouble else "codex did not end its turn")
    return _inside(said, None, _codex_usage(completed))


def _events(text: str) -> Iterator[tuple[int, dict[str, Any] | JsonFlaw]]:
    """(line number, event or flaw). Lines that begin no object are remarks of the tool; one that breaks off is not."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("{"):
            try:
                yield number, parse_json(line.strip().encode("utf-8", "surrogatepass"))
            except JsonFlaw as flaw:
                yield number, flaw


def _codex_usage(event: dict[str, Any]) -> Usage:
    """Totals of the thread up to this event."""
    used = table(event.get("usage"))
    cached, thought = used.get("cached_input_tokens"), used.get("reasoning_output_tokens")
    return as_usage(used.get("input_tokens"), used.get("output_tokens"), None, _count(cached), _count(thought))


def _gemini(text: str) -> Answer:
    envelope = find_object(text)
    if envelope.value is None:
        return Answer(None, envelope.problem)
    result = envelope.value
    model, usage = _gemini_stats(table(table(result.get("stats")).get("models")))
    if result.get("error"):
        return Answer(None, f"gemini reports an error: {_words(result['error'])}", model, usage)
    if "response" not in result:
        return Answer(None, "there is no response of gemini in the output", model, usage)
    return _inside(result["response"], model, usage)


def _gemini_stats(models: dict[str, Any]) -> tuple[str | None, Usage]:
    """The model that wrote most, and what all of them used together."""
    tokens = {name: table(table(used).get("tokens")) for name, used in models.items()}
    written = {name: _sum(each.get("candidates"), each.get("thoughts", 0)) for name, each in tokens.items()}
    model = max(written, key=lambda name: written[name] or 0, default=None) or None
    if not tokens:
        return model, NOTHING
    each = tokens.values()
    read_ = _sum(*(_sum(item.get("prompt"), item.get("tool", 0)) for item in each))
    cached, thought = (_sum(*(item.get(name) for item in each)) for name in ("cached", "thoughts"))
    return model, as_usage(read_, _sum(*written.values()), None, cached, thought)


def _inside(said: Any, model: str | None, usage: Usage) -> Answer:
    """The answer in the model's own text."""
    if not isinstance(said, str) or not said.strip():
        return Answer(None, "the agent said nothing", model, usage)
    found = find_object(without_escapes(said))
    return Answer(found.value, found.problem, model, usage)


def as_usage(read_: Any, written: Any, usd: Any, cached: int | None = None, thought: int | None = None) -> Usage:
    """What is reported, where it can be meant: nothing is answered from no tokens, and tokens are not free."""
    tokens = _count(read_), _count(written)
    if not any(tokens):  # tools that do not know say 0
        tokens, cached, thought = (None, None), None, None
    cost = _money(usd)
    return Usage(*tokens, cost or None, cached, thought)


def _count(value: Any) -> int | None:
    sound = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if sound else None


def _money(value: Any) -> float | None:
    sound = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return float(value) if sound else None


def _sum(*values: Any) -> int | None:
    """The sum of counts; not known when one of them is not."""
    counts = [_count(value) for value in values]
    return None if None in counts or not counts else sum(count or 0 for count in counts)


def _words(said: Any) -> str:
    """What a tool says went wrong, in one line of bounded length. It is not escaped for a terminal."""
    if isinstance(said, list):
        said = next((item for item in said if item), None)
    if isinstance(said, dict):
        said = said.get("message") or said.get("type") or said.get("code")
    text = " ".join(str(said).split()) if said else ""
    return text[:_MOST_WORDS] or "it does not say which"


_READERS: dict[Format, Callable[[str], Answer]] = {
    "json": _json,
    "text": _text,
    "claude-json": _claude,
    "codex-jsonl": _codex,
    "gemini-json": _gemini,
}
