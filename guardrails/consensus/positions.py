"""Whether an answer says that its stage may go on: its `decision`, and the typed fields that speak against it.

An answer that contradicts itself holds: a field that stands in the way outweighs whatever its decision says. A word
that is not understood is not a yes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

from guardrails.consensus.model import AgentPosition, Conflict, Position, short
from guardrails.consensus.statements import folded, identity
from guardrails.core.limits import POSITION_ITEMS, POSITION_PARTS, POSITION_REASONS, at_most
from guardrails.core.strict_json import JsonFlaw, parse_json

SILENT = "states no position"

# One answer.

_Meaning = Literal["holds", "fine", "unclear"]
_DEEPEST = 8
"""Answers within `output`, texts within answers."""
_WITHIN = frozenset(("output", "finalplan"))
_VALUES = 50_000
"""Of one answer that are looked through for a position below fields that nobody asked for."""
_HOLDS = frozenset(
    (
        "abort", "aborted", "block", "blocked", "blocker", "blocking", "blocks", "broken", "cannotproceed",
        "changesrequested", "crashed", "declined", "denied", "deny", "donotproceed", "donotunlock",
        "doesnothold", "dontproceed", "dontunlock", "error", "errored", "fail", "failed", "failing", "fails",
        "failure", "failures", "halt", "hold", "inconclusive", "intheway", "needswork", "nogo", "nothold",
        "notheld", "notholding", "notmet", "notok", "notpassed", "notready", "notsatisfied", "onhold", "refuse",
        "refused", "regressed", "reject", "rejected", "rejection", "requestchanges", "revise", "rework", "stop",
        "timedout", "timeout", "unmet", "unsatisfied", "violated",
    )
)  # fmt: skip
# What an answer may say of a thing without standing in the way: it is well, or nobody has looked at it. The decision
# is then the agent's own word.
_FINE = frozenset(
    (
        "accepted", "covered", "done", "held", "holds", "met", "na", "none", "notapplicable", "notexecuted", "notrun",
        "notshown", "notstarted", "nottested", "ok", "pass", "passed", "passes", "passing", "pending", "planned",
        "satisfied", "skip", "skipped", "succeeded", "success", "todo", "verified",
    )
)  # fmt: skip
_APPROVES = frozenset(
    (
        "accept", "acceptable", "accepted", "acceptwithconditions", "approve", "approved", "conditionalaccept", "go",
        "ok", "pass", "proceed", "ready", "true", "unlock", "unlocked", "yes",
    )
)  # fmt: skip
_OF_STAGE = {
    "validate": frozenset(("scenarios",)),
    "audit": frozenset(("criteria", "acceptancecriteria", "recommendation")),
    "unlock": frozenset(("pendingwork",)),
}
"""The fields that a stage asks for. In an answer of another stage, which may mean something else by such a name, a
field only counts that says nothing but that something failed."""
_AFFIRM = frozenset(
    (
        "approve", "approved", "canproceed", "go", "goahead", "mayproceed", "oktoproceed", "ready",
        "readytounlock", "safetounlock", "shouldproceed", "unlock", "unlocked",
    )
)  # fmt: skip
_OBJECT = frozenset(
    (
        "block", "blocked", "blocker", "blockers", "blocking", "blockingissues", "cannotproceed", "donotproceed",
        "halt", "hold", "intheway", "mustnotproceed", "reject", "rejected", "stop",
    )
)  # fmt: skip
_STATES = frozenset(("conclusion", "outcome", "overall", "overallstatus", "status", "unlockdecision", "verdict"))
"""What agents call a position that they were not asked for under this name. It can only stand in the way: a yes is
said by `decision.proceed` and by nothing else."""
_OF_ITEMS = {
    "validate": frozenset(("outcome", "result", "state", "status", "verdict")),
    "audit": frozenset(("conclusion", "finding", "outcome", "result", "state", "status", "verdict")),
    "unlock": frozenset(("blocker", "blocking", "blocks", "blocksunlock", "intheway", "isblocking")),
}
"""The same, of the items of any list in an answer of the stage."""
_FLAGS_OF_ITEMS = {
    "validate": frozenset(("ok", "pass", "passed", "passes", "success")),
    "audit": frozenset(("held", "holds", "ismet", "met", "satisfied")),
}
"""Keys of such items that are false where something stands in the way."""
_QUOTED = re.compile(r"\A[ \t]*(?:>[ \t]?)*(?:[-*+][ \t]+(?=[`~]{3}))?")
_HOLDS_IN_TEXT = re.compile(r"""["']proceed["']\s*:\s*(?!true\b)""", re.IGNORECASE)
_NOTHING = frozenset(("", "na", "none", "noneidentified", "nonefound", "nothing"))
_NO = frozenset(("false", "no", "n", "0"))
_YES = frozenset(("true", "yes", "y", "1"))
_LONGEST = 4
"""Words of the longest phrase above, a contraction counting as two."""


_LONGEST_TEXT = 400
"""Characters of a field that are looked at: what is longer is no yes."""


class _Field(NamedTuple):
    """Of each item of the list `name`, the first key of `keys` that is there. `flag`: true stands in the way."""

    name: str
    keys: tuple[str, ...]
    flag: bool = False


_LISTS = {
    field.name: field
    for field in (
        _Field("scenarios", ("status", "result", "outcome")),
        _Field("criteria", ("finding", "status", "result", "verdict")),
        _Field("acceptancecriteria", ("finding", "status", "result", "verdict")),
        _Field("pendingwork", ("intheway", "blocking", "blocks"), flag=True),
    )
}
_WORDS_OF = {
    "decision": ("decision", "unlock", "recommendation", "verdict"),
    "recommendation": ("decision", "recommendation", "verdict", "unlock"),
}


class _Said(NamedTuple):
    """What one field says, and where. `whole`: it says nothing else."""

    meaning: _Meaning
    place: str
    text: str
    whole: bool = True

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def position_in(document: Any, stage: str | None) -> Position:
    """The position of an answer: of the record, of what it holds as `output`, and of JSON that is fenced in its text.

    It proceeds when a `decision` says `proceed: true` and no field stands in the way or is unclear.
    """
    proceeds: list[str] = []
    said: list[_Said] = []
    parts = list(islice(_parts(document), POSITION_PARTS + 1))
    for number, part in enumerate(parts):
        if number == POSITION_PARTS:
            said.append(_Said("unclear", "output", f"more than {POSITION_PARTS} answers"))
            break
        for each in _fields(part, _OF_STAGE.get(stage or "", frozenset())):
            if each.meaning == "fine":
                proceeds += [each.text] if each.place == "decision.proceed" else []
            else:
                said.append(each)
    holding = [str(each) for each in said if each.meaning == "holds"]
    if not holding:
        beside = list(_beside(parts, stage or ""))
        holding = [str(each) for each in beside if each.meaning == "holds"]
        said += beside
    if holding:
        return Position(False, _listed(holding))
    unclear = [f"{each} is not understood" for each in said]
    if unclear:
        return Position(None, _listed(unclear))
    return Position(True, _listed(filter(None, proceeds))) if proceeds else Position(None, (SILENT,))


def _listed(reasons: Iterable[str]) -> tuple[str, ...]:
    listed, more = at_most(dict.fromkeys(reasons), POSITION_REASONS)
    return (*listed, *((f"and {more} more",) if more else ()))


def _parts(document: Any) -> Iterator[Mapping[str, Any]]:
    """The objects that are an answer: the record, and what stands in its place within it."""
    waiting = [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            continue
        if isinstance(value, str):
            found = list(_json_in(value))
            waiting += [(item, depth + 1) for item in found]
            if not found and _HOLDS_IN_TEXT.search(value):
                yield {"proceed": "in a text that is not JSON"}
        elif isinstance(value, list) and depth:
            waiting += [(item, depth + 1) for item in value if isinstance(item, dict)]
        elif isinstance(value, dict):
            yield value
            waiting += [(item, depth + 1) for key, item in value.items() if folded(key) in _WITHIN]


def _json_in(text: str) -> Iterator[Any]:
    """The JSON objects of a text: all of it, or what is fenced in it, in a quotation or a list as well."""
    whole = text.strip()
    if whole.startswith(("{", "[")):
        yield from _parsed(whole)
        return
    fence, block = "", list[str]()
    for each in text.splitlines():
        line = _QUOTED.sub("", each)
        mark = line.strip()
        if not fence and mark.startswith(("```", "~~~")):
            fence, block = mark[:3], []
        elif fence and mark.startswith(fence):
            yield from _parsed("\n".join(block))
            fence = ""
        elif fence:
            block.append(line)
    if fence:
        yield from _parsed("\n".join(block))


def _parsed(text: str) -> Iterator[Any]:
    if text.lstrip().startswith(("{", "[")):
        try:
            yield parse_json(text.encode("utf-8", "surrogatepass"))
        except JsonFlaw:
            return


def _fields(part: Mapping[str, Any], asked: frozenset[str]) -> Iterator[_Said]:
    """What each field of one answer says; `asked` are those its stage asks for."""
    for key, value in part.items():
        name = folded(key)
        if name == "decision":
            yield from _decision(value)
        elif name == "proceed" and value is not True:
            yield _Said("holds" if _is_no(value) else "unclear", "proceed", short(repr(value)))
        elif name in _AFFIRM | _OBJECT | _STATES and not (name == "status" and "agent" in part):
            yield from _by_another_name(value, key, name)
        elif name == "recommendation" or name in _LISTS:
            found = _items(value, key, _LISTS[name]) if name in _LISTS else _words(value, name)
            yield from (each for each in found if name in asked or (each.meaning == "holds" and each.whole))


def _by_another_name(value: Any, key: str, name: str) -> Iterator[_Said]:
    """A field that says in its own way that it must not go on; whatever else it says is no position."""
    place = short(key)
    if (_is_yes(value) or _is_list_of_some(value)) if name in _OBJECT else _is_no(value):
        yield _Said("holds", place, short(value if isinstance(value, str) else repr(value)))
    elif isinstance(value, str) and name not in _OBJECT:
        found = _word(place, value, _APPROVES)
        yield from [found] if found.meaning == "holds" and found.whole else []


def _is_list_of_some(value: Any) -> bool:
    return isinstance(value, list) and any(item and _squashed(str(item)) not in _NOTHING for item in value)


def _is_yes(value: Any) -> bool:
    return value is True or (isinstance(value, str) and _squashed(value) in _YES)


def _beside(parts: Sequence[Mapping[str, Any]], stage: str) -> Iterator[_Said]:
    """What is said against going on elsewhere than where it was asked for: within other fields, and in items of lists.

    It counts only where it says nothing else; what is asked for by its name is left to `_fields`.
    """
    keys, flags = _OF_ITEMS.get(stage, frozenset()), _FLAGS_OF_ITEMS.get(stage, frozenset())
    waiting: list[tuple[Any, str, bool, int]] = [(part, "", False, 0) for part in parts]
    looked = 0
    while waiting:
        value, place, is_item, depth = waiting.pop()
        looked += 1
        if looked > _VALUES:
            yield _Said("unclear", "the answer", f"more than {_VALUES} values")
            return
        if isinstance(value, list):
            waiting += [(item, place, True, depth + 1) for item in reversed(value) if isinstance(item, (dict, list))]
        elif isinstance(value, dict):
            for key, item in value.items():
                name, at = folded(key), f"{place}.{short(key)}".lstrip(".")
                said: Iterable[_Said] = ()
                if depth and name == "decision" and isinstance(item, dict):
                    said = _decision(item)
                elif depth and name == "proceed":
                    said = [_Said("holds", at, short(repr(item)))] if _is_no(item) else []
                elif is_item and name in keys:
                    said = [_flag(at, item) if stage == "unlock" else _word(at, item, _FINE)]
                elif is_item and name in flags:
                    said = [_Said("holds", at, short(repr(item)))] if _is_no(item) else []
                yield from (each for each in said if each.meaning == "holds" and each.whole)
            waiting += [
                (item, f"{place}.{short(key)}".lstrip("."), is_item, depth + 1)
                for key, item in reversed(value.items())
                if isinstance(item, (dict, list))
            ]


def _decision(value: Any) -> Iterator[_Said]:
    """`{"proceed": true, "because": "…"}`; of older forms, whether they hold."""
    if not isinstance(value, dict):
        found = _word("decision", value, _APPROVES)
        yield found if found.meaning == "holds" else found._replace(meaning="unclear")
        return
    reasons = (item for key, item in value.items() if folded(key) == "because" and isinstance(item, str))
    because = short(next(reasons, ""))
    stated = False
    for key, item in value.items():
        name = folded(key)
        if name == "proceed":
            stated = True
            yield _proceed(item, because)
        elif name in _AFFIRM | _OBJECT | _STATES and name not in _WORDS_OF["decision"]:
            yield from _by_another_name(item, f"decision.{key}", name)
    words = list(_words(value, "decision"))
    # In an older form, which says it all in words, a yes is no position: nobody said `proceed`.
    yield from (each for each in words if stated or each.meaning == "holds")


def _proceed(value: Any, because: str) -> _Said:
    if value is True:
        return _Said("fine", "decision.proceed", because)
    meaning: _Meaning = "holds" if _is_no(value) or _word("", value, _APPROVES).meaning == "holds" else "unclear"
    text = "false" if value is False else short(repr(value))
    return _Said(meaning, "decision.proceed", f"{text} ({because})" if because else text)


def _is_no(value: Any) -> bool:
    return value is False or (isinstance(value, str) and _squashed(value) in _NO)


def _words(value: Any, place: str) -> Iterator[_Said]:
    """What a decision or recommendation says in words, at each key where one may stand."""
    if not isinstance(value, dict):
        yield _word(place, value, _APPROVES)
        return
    found = [(key, item) for key, item in value.items() if folded(key) in _WORDS_OF[place]]
    for key, item in found:
        yield _word(f"{place}.{short(key)}", item, _APPROVES)
    if not found and place == "recommendation":
        yield _Said("unclear", place, "its decision")


def _items(value: Any, key: str, field: _Field) -> Iterator[_Said]:
    named = isinstance(value, dict)
    rows: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, (dict, list)):
        rows = list(value.items() if isinstance(value, dict) else enumerate(value, 1))
    elif value:
        yield _Said("unclear", short(key), short(value if isinstance(value, str) else repr(value)))
    if len(rows) > POSITION_ITEMS:
        yield _Said("unclear", short(key), f"more than {POSITION_ITEMS} items")
    for at, item in rows[:POSITION_ITEMS]:
        place = f"{short(key)} {short(str(at))}"
        if isinstance(item, dict):
            yield from _of_item(item, place, field)
            continue
        found = _flag(place, item) if field.flag else _word(place, item, _FINE)
        # A sentence in a list names what is meant, and does not say what has become of it.
        yield found if named or (found.meaning == "holds" and found.whole) else found._replace(meaning="unclear")


def _of_item(item: Mapping[str, Any], place: str, field: _Field) -> Iterator[_Said]:
    names = (item.get(key) for key in ("name", "requirement", "criterion", "item", "id"))
    what = next((f" ({short(each)})" for each in names if isinstance(each, str) and each.strip()), "")
    found = [(key, value) for key, value in item.items() if folded(key) in field.keys]
    for key, value in found:
        at = f"{place}.{short(key)}"
        said = _flag(at, value) if field.flag else _word(at, value, _FINE)
        yield said._replace(text=said.text + what)
    if not found:
        yield _Said("unclear", place, f"its state{what}")


def _flag(place: str, value: Any) -> _Said:
    said = _word(place, value, _NO)
    if value is True or (isinstance(value, str) and _squashed(value) in _YES):
        return said._replace(meaning="holds", whole=True)
    return said._replace(meaning="fine") if _is_no(value) else said


def _word(place: str, value: Any, fine: frozenset[str]) -> _Said:
    """What a word means. One that stands in the way counts within a longer text, too; a yes has to stand alone."""
    text = short(value if isinstance(value, str) else repr(value))
    if not isinstance(value, str):
        meaning: _Meaning = "holds" if value is False else "fine" if value is True and "true" in fine else "unclear"
        return _Said(meaning, place, text)
    words = _split(value)
    whole = "".join(words)
    if whole in fine and len(value) <= _LONGEST_TEXT:
        return _Said("fine", place, text)
    if whole in _HOLDS or (fine is _APPROVES and whole in ("held", "false", "no")):
        return _Said("holds", place, text)
    spans = ("".join(words[at : at + size]) for at in range(len(words)) for size in range(1, _LONGEST + 1))
    return _Said("holds" if any(span in _HOLDS for span in spans) else "unclear", place, text, whole=False)


def _squashed(text: str) -> str:
    return "".join(_split(text))


def _split(text: str) -> list[str]:
    """The words of a text, in lower case and without anything that is no letter or digit."""
    text = text[:_LONGEST_TEXT]
    spaced = "".join(f" {char}" if char.isupper() else char for char in text) if _is_camel(text) else text
    plain = unicodedata.normalize("NFKC", spaced).casefold().replace("'", "").replace("\u2019", "")
    kept = "".join(char if char.isalnum() else "" if unicodedata.category(char) == "Cf" else " " for char in plain)
    return kept.split()


def _is_camel(text: str) -> bool:
    return text.isalpha() and not text.isupper() and not text[1:].islower()


# The positions of all answers.


class Split(NamedTuple):
    """Who says what. `conflict` is there when some proceed and some hold."""

    proceeding: tuple[str, ...]
    holding: tuple[str, ...]
    silent: tuple[str, ...]
    conflict: Conflict | None


def split_of(stage: str, positions: Sequence[AgentPosition], roster: Sequence[str]) -> Split:
    """The answers by their position. One from outside of the roster can hold, but its yes counts for nothing."""
    proceeding = _who(positions, True, roster)
    holding = _who(positions, False, None)
    silent = _who(positions, None, roster)
    if not (proceeding and holding):
        return Split(proceeding, holding, silent, None)
    verb = "holds" if len(holding) == 1 else "hold"
    goes = "proceeds" if len(proceeding) == 1 else "proceed"
    text = f"{stage}: {', '.join(proceeding)} {goes}, {', '.join(holding)} {verb}"
    return Split(proceeding, holding, silent, Conflict(identity(text), text, "split"))


def _who(positions: Sequence[AgentPosition], said: bool | None, roster: Sequence[str] | None) -> tuple[str, ...]:
    found = {each.agent for each in positions if each.position.proceeds is said}
    return tuple(sorted(agent for agent in found if roster is None or agent in roster))
