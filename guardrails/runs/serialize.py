"""Results of steps as JSON values, and back: what the journal and the checkpoints of a run keep."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_origin

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")
Structure = Callable[[Any, Any], Any]


def pack(value: object) -> Any:
    """NamedTuples become objects, tuples lists, datetimes text. Raises ValueError for what has no plain form."""
    return _converter().unstructure(value)


def unpack(kind: type[T], value: object) -> T:
    """The value of that kind which `pack` gave as `value`. Raises ValueError for anything else.

    Missing fields take their defaults and unknown ones are ignored: another version may have written them.
    """
    try:
        return _converter().structure(value, kind)
    except Exception as error:  # cattrs lets through whatever a value causes, and raises Exceptions of its own
        raise ValueError(f"{value!r:.80} is not a {kind.__name__}: {error}") from error


def _only(*types: type, then: Structure = lambda value, _: value) -> Structure:
    """`then`, for values of these types only: cattrs would convert others (`int("3")`, `tuple("ab")`)."""

    def structure(value: Any, kind: Any) -> Any:
        if type(value) not in types:
            raise ValueError(f"{value!r:.80} is not a {types[0].__name__}")
        return then(value, kind)

    return structure


def _has_origin(origin: object) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is origin


def _no_plain_form(kind: type) -> Callable[[object], Any]:
    raise ValueError(f"{kind.__name__} has no plain form")


@cache
def _converter() -> Converter:
    # Imported late: it takes 40 ms, and most commands that can keep something end without having kept anything.
    from cattrs import Converter
    from cattrs.cols import is_namedtuple, namedtuple_dict_structure_factory, namedtuple_dict_unstructure_factory
    from cattrs.fns import identity

    made = Converter(
        detailed_validation=False,
        unstruct_collection_overrides={tuple: list, frozenset: list},
        unstructure_fallback_factory=_no_plain_form,
    )
    for plain in (str, int, float, bool, NoneType):
        made.register_unstructure_hook(plain, identity)
        made.register_structure_hook(plain, _only(plain))
    made.register_structure_hook(float, _only(float, int, then=lambda value, _: float(value)))
    made.register_unstructure_hook_func(_has_origin(Literal), identity)
    made.register_unstructure_hook(datetime, datetime.isoformat)
    made.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
    made.register_unstructure_hook_factory(is_namedtuple, namedtuple_dict_unstructure_factory)
    made.register_structure_hook_factory(
        is_namedtuple, lambda kind, converter: _only(dict, then=namedtuple_dict_structure_factory(kind, converter))
    )
    any_tuple = made.get_structure_hook(tuple[Any, ...])  # one hook serves all tuples: it looks at their items
    made.register_structure_hook_func(_has_origin(tuple), _only(list, tuple, then=any_tuple))
    return made
