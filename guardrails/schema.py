"""Schemas: load one, validate fast (jsonschema-rs), and explain a failure (jsonschema) when there is one."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from guardrails.shipped import read

Key = tuple[str | int, ...]


class Fault(NamedTuple):
    """One way an instance breaks its schema: the path to the value, what is wrong, and what would be right."""

    key: Key
    message: str
    hint: str | None = None

    @property
    def pointer(self) -> str:
        """The JSON pointer of the value; empty for the whole document."""
        return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in self.key)


def load(name: str) -> Any:
    """The schema `schemas/<name>.schema.json`."""
    import orjson

    return orjson.loads(read("schemas", name + ".schema.json"))


@cache
def validator(name: str) -> Callable[[Any], bool]:
    """A compiled yes-or-no validator of a schema."""
    from jsonschema_rs import validator_for

    check: Callable[[Any], bool] = validator_for(load(name)).is_valid
    return check


def is_valid(name: str, instance: Any) -> bool:
    """Whether `instance` satisfies the schema `name`."""
    return validator(name)(instance)


def faults(name: str, instance: Any) -> Iterator[Fault]:
    """Every fault of `instance`, each at the deepest place that explains it. Empty when it is valid."""
    if is_valid(name, instance):
        return
    from guardrails.schema_faults import explain

    explained = False
    for fault in explain(load(name), instance):
        explained = True
        yield fault
    if not explained:  # the two libraries differ (in what `$` matches, say): the stricter one is believed
        yield Fault((), f"does not satisfy {name}.schema.json")
