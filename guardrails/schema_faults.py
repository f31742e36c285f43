"""Why an instance breaks a schema, in words: jsonschema explains better than the fast validator does."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from itertools import islice
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from guardrails.schema import Fault

_SHOWN = 80
_MOST = 20
_ENOUGH = 200
"""Errors that are looked at: a hostile record may have millions."""


def explain(schema: Any, instance: Any) -> Iterator[Fault]:
    """The faults of `instance` in document order: twenty of them, and then how many more there are."""
    found = list(islice(Draft202012Validator(schema).iter_errors(instance), _ENOUGH + 1))
    errors = sorted(found[:_ENOUGH], key=lambda error: list(map(str, error.path)))
    faults = list(dict.fromkeys(_fault(_deepest(error)) for error in errors))
    yield from faults[:_MOST]
    unlisted = len(faults) - _MOST
    if unlisted > 0:
        more = "fault is" if unlisted == 1 else "faults are"
        yield Fault((), f"{'at least ' if len(found) > _ENOUGH else ''}{unlisted} more {more} not listed")


def _deepest(error: ValidationError) -> ValidationError:
    """Below `oneOf` and `anyOf` lies what is really wrong."""
    best = best_match([error])
    return error if best is None else best


def _fault(error: ValidationError) -> Fault:
    key = tuple(error.absolute_path)
    keyword = error.validator
    if keyword == "additionalProperties" and isinstance(error.instance, dict):
        return _unknown_key(error, key)
    if keyword == "required":
        missing = error.message.split("'")[1]
        return Fault(key, f"'{missing}' is missing", f"add '{missing}'")
    if keyword in ("enum", "const"):
        allowed: list[Any] = error.validator_value if keyword == "enum" else [error.validator_value]  # type: ignore[assignment]
        return Fault(key, f"{_short(error.instance)} is not one of {', '.join(map(_short, allowed))}")
    if keyword == "type":
        kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        return Fault(key, f"{_short(error.instance)} is not {_article(' or '.join(map(str, kinds)))}")
    if keyword == "pattern":
        return Fault(key, f"{_short(error.instance)} does not match {error.validator_value}", _described(error))
    if keyword == "not":
        return Fault(key, f"{_short(error.instance)} is not allowed here", _described(error))
    if keyword == "minProperties" and isinstance(error.instance, dict):
        return Fault(key, f"has {len(error.instance)} of at least {error.validator_value} keys", _described(error))
    return Fault(key, _cut(error.message), _described(error))


def _unknown_key(error: ValidationError, key: tuple[str | int, ...]) -> Fault:
    schema: Any = error.schema
    known = [str(name) for name in schema.get("properties", ())]
    unknown = next(str(name) for name in cast("dict[str, Any]", error.instance) if name not in known)
    near = get_close_matches(unknown, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(sorted(known))}"
    return Fault((*key, unknown), f"unknown key '{_cut(unknown)}'", hint)


def _described(error: ValidationError) -> str | None:
    text = error.schema.get("description") if isinstance(error.schema, dict) else None
    return str(text) if text else None


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    return "null" if value is None else _cut(repr(value))


def _article(kind: str) -> str:
    if kind == "null":
        return kind
    return ("an " if kind[0] in "aeiou" else "a ") + kind


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
