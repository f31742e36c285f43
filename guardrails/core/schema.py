"""Schemas: load one, validate fast (jsonschema-rs), and explain a failure in words when there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from guardrails.core.limits import SCHEMA_FAULTS, at_most
from guardrails.core.resources import read_resource

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError


ValuePath = tuple[str | int, ...]


class SchemaFault(NamedTuple):
    """One way an instance breaks its schema: the path to the value, what is wrong, and what would be right."""

    key: ValuePath
    message: str
    hint: str | None = None

    @property
    def pointer(self) -> str:
        """The JSON pointer of the value; empty for the whole document."""
        return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in self.key)


def load_schema(name: str) -> Any:
    """The schema `schemas/<name>.schema.json`."""
    import orjson

    return orjson.loads(read_resource("schemas", name + ".schema.json"))


@cache
def _validator(name: str) -> Any:
    from jsonschema_rs import validator_for

    return validator_for(read_resource("schemas", name + ".schema.json").decode())


@cache
def _judge(name: str) -> Callable[[Any], bool]:
    judge: Callable[[Any], bool] = _validator(name).is_valid
    return judge


def is_valid(name: str, instance: Any) -> bool:
    """Whether `instance` satisfies the schema `name`."""
    return _judge(name)(instance)


def faults(name: str, instance: Any) -> Iterator[SchemaFault]:
    """Every fault of `instance`, each at the deepest place that explains it. Empty when it is valid."""
    if is_valid(name, instance):
        return

    if _is_large(instance):
        yield from _explain_large(name, instance)
        return
    explained = False
    for fault in explain(load_schema(name), instance):
        explained = True
        yield fault
    if not explained:  # the two libraries differ (in what `$` matches, say): the stricter one is believed
        yield SchemaFault((), f"does not satisfy {name}.schema.json")


LARGE = 10_000
"""Values of an instance from which it is explained by the library that decides: the other one explains better, and
takes a thousand times longer."""


def _is_large(instance: Any) -> bool:
    from guardrails.core.strict_json import walk  # a configuration is checked without a reader of JSON

    return next(islice(walk(instance), LARGE, None), None) is not None


def _explain_large(name: str, instance: Any) -> Iterator[SchemaFault]:
    """The first fault: all of them at once would take gigabytes."""
    from jsonschema_rs import ValidationError

    try:
        _validator(name).validate(instance)
    except ValidationError as error:
        yield SchemaFault(tuple(error.instance_path), _cut(error.message), "there may be more faults after this one")


# Why an instance breaks a schema, in words: jsonschema explains better than the fast validator does.


_SHOWN = 80
_ENOUGH = 200
"""Errors that are looked at: a hostile record may have millions."""


def explain(schema: Any, instance: Any) -> Iterator[SchemaFault]:
    """The faults of `instance` in document order: twenty of them, and then how many more there are."""
    from jsonschema import Draft202012Validator  # explains well, and starts slowly

    found = list(islice(Draft202012Validator(schema).iter_errors(instance), _ENOUGH + 1))
    errors = sorted(found[:_ENOUGH], key=lambda error: list(map(str, error.path)))
    faults = list(dict.fromkeys(_fault(_deepest(error)) for error in errors))
    listed, unlisted = at_most(faults, SCHEMA_FAULTS)
    yield from listed
    if unlisted:
        more = "fault is" if unlisted == 1 else "faults are"
        yield SchemaFault((), f"{'at least ' if len(found) > _ENOUGH else ''}{unlisted} more {more} not listed")


def _deepest(error: ValidationError) -> ValidationError:
    """Below `oneOf` and `anyOf` lies what is really wrong."""
    from jsonschema.exceptions import best_match

    best = best_match([error])
    return error if best is None else best


def _fault(error: ValidationError) -> SchemaFault:
    key = tuple(error.absolute_path)
    keyword = error.validator
    if keyword == "additionalProperties" and isinstance(error.instance, dict):
        return _unknown_key(error, key)
    if keyword == "required":
        missing = error.message.split("'")[1]
        return SchemaFault(key, f"'{missing}' is missing", f"add '{missing}'")
    if keyword in ("enum", "const"):
        allowed: list[Any] = error.validator_value if keyword == "enum" else [error.validator_value]  # type: ignore[assignment]
        return SchemaFault(key, f"{_short(error.instance)} is not one of {', '.join(map(_short, allowed))}")
    if keyword == "type":
        kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        return SchemaFault(key, f"{_short(error.instance)} is not {_article(' or '.join(map(str, kinds)))}")
    if keyword == "pattern":
        return SchemaFault(key, f"{_short(error.instance)} does not match {error.validator_value}", _described(error))
    if keyword == "not":
        return SchemaFault(key, f"{_short(error.instance)} is not allowed here", _described(error))
    if keyword == "minProperties" and isinstance(error.instance, dict):
        return SchemaFault(
            key, f"has {len(error.instance)} of at least {error.validator_value} keys", _described(error)
        )
    return SchemaFault(key, _cut(error.message), _described(error))


def _unknown_key(error: ValidationError, key: tuple[str | int, ...]) -> SchemaFault:
    from difflib import get_close_matches

    schema: Any = error.schema
    known = [str(name) for name in schema.get("properties", ())]
    unknown = next(str(name) for name in cast("dict[str, Any]", error.instance) if name not in known)
    near = get_close_matches(unknown, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(sorted(known))}"
    return SchemaFault((*key, unknown), f"unknown key '{_cut(unknown)}'", hint)


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
