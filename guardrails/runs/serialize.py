"""Results of steps as plain values, and back: a journal keeps them as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def pack(value: object) -> Any:
    """NamedTuples become objects, tuples lists, moments text. Raises ValueError for what has no plain form."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        names: tuple[str, ...] | None = getattr(value, "_fields", None)
        if names is not None:
            return {name: pack(item) for name, item in zip(names, value, strict=True)}
        return [pack(item) for item in value]
    if isinstance(value, (list, frozenset, set)):
        return [pack(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): pack(item) for key, item in value.items()}
    raise ValueError(f"{type(value).__name__} has no plain form")


def unpack(kind: type[T], value: object) -> T:
    """The value of that kind which `pack` gave as `value`. Raises ValueError for what is no such value.

    Fields that are missing take their defaults, so that what an older version remembered can be read.
    """
    return cast("T", _unpack(kind, value))


def _unpack(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _one_of(get_args(kind), value)
    if origin is Literal:
        return _checked(value in get_args(kind) and not isinstance(value, bool), kind, value)
    if origin is tuple:
        return _tuple(kind, value)
    if origin in (dict, Mapping) or getattr(origin, "__name__", "") == "Mapping":
        _checked(isinstance(value, dict), kind, value)
        return {key: _unpack(get_args(kind)[1], item) for key, item in value.items()}
    if kind is Any or kind is object:
        return value
    if kind is datetime:
        return datetime.fromisoformat(_checked(isinstance(value, str), kind, value))
    if kind is float:
        return _float(_checked(isinstance(value, (int, float)) and not isinstance(value, bool), kind, value))
    if kind is int:
        return _checked(isinstance(value, int) and not isinstance(value, bool), kind, value)
    if hasattr(kind, "_fields"):
        return _record(kind, value)
    return _checked(isinstance(value, kind), kind, value)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError("too large a number") from error


def _one_of(kinds: tuple[Any, ...], value: Any) -> Any:
    for kind in kinds:
        if (kind is NoneType) != (value is None):
            continue
        if value is None:
            return None
        try:
            return _unpack(kind, value)
        except ValueError:
            continue
    raise ValueError(f"{value!r:.80} is none of {kinds}")


def _tuple(kind: Any, value: Any) -> Any:
    _checked(isinstance(value, (list, tuple)), kind, value)
    items = get_args(kind)
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_unpack(items[0], item) for item in value)
    _checked(len(items) == len(value), kind, value)
    return tuple(_unpack(item, part) for item, part in zip(items, value, strict=True))


def _record(kind: Any, value: Any) -> Any:
    _checked(isinstance(value, dict), kind, value)
    hints = _hints(kind)
    try:
        return kind(**{name: _unpack(hints[name], value[name]) for name in kind._fields if name in value})
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: {error}") from error


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _checked(holds: bool, kind: Any, value: Any) -> Any:
    if not holds:
        raise ValueError(f"{value!r:.80} is no {getattr(kind, '__name__', kind)}")
    return value
