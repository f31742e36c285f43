"""Adding to a YAML file's text without touching what stands there. Pure; each edit finds its place by parsing.

An edit returns None where it sees no safe place. The caller still parses the outcome and compares what it means.
"""

from __future__ import annotations

from collections.abc import Callable

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode


def add_key(text: str, line: str) -> str | None:
    """`line` (a whole top-level entry) before the first key."""
    root = _root(text)
    if root is None or not root.value:
        return None
    return _inserted(text, root.value[0][0].start_mark.index, line + "\n")


def append(text: str, key: str, in_line: str | None, as_lines: Callable[[int], str]) -> str | None:
    """One more item in the list under a top-level key.

    `in_line` is the item as it goes between brackets, None when it is too large for that;
    `as_lines` gives it for a list of dashes at the given column.
    """
    items = _list_under(text, key)
    if items is None:
        return None
    if not items.flow_style:
        return _inserted(text, _after(text, items), as_lines(items.start_mark.column))
    if in_line is not None:
        if items.value:
            return _inserted(text, items.value[-1].end_mark.index, ", " + in_line)
        return _inserted(text, items.start_mark.index + 1, in_line)
    if items.value or "#" in text[items.start_mark.index : items.end_mark.index]:
        return None
    head, tail = text[: items.start_mark.index].rstrip(" "), text[items.end_mark.index :]
    return _inserted(head + tail, _line_end(head + tail, len(head)), as_lines(2))


def _root(text: str) -> MappingNode | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return root if isinstance(root, MappingNode) and not root.flow_style else None


def _list_under(text: str, key: str) -> SequenceNode | None:
    root = _root(text)
    values = [value for name, value in root.value if name.value == key] if root else []
    return values[0] if len(values) == 1 and isinstance(values[0], SequenceNode) else None


def _after(text: str, items: SequenceNode) -> int:
    """Behind the last line of the last item. The end mark of a block runs on over blank lines and comments,
    so the last scalar or bracket in it is what counts."""
    node: Node = items
    while isinstance(node, (SequenceNode, MappingNode)) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(node, MappingNode) else last
    index: int = node.end_mark.index
    block_text = isinstance(node, ScalarNode) and node.style in ("|", ">")
    return index if block_text else _line_end(text, index)


def _line_end(text: str, position: int) -> int:
    found = text.find("\n", position)
    return len(text) if found < 0 else found + 1


def _inserted(text: str, position: int, part: str) -> str:
    head, tail = text[:position], text[position:]
    if part.endswith("\n"):
        if head and not head.endswith("\n"):
            part = "\n" + part
        if "\r\n" in text:
            part = part.replace("\n", "\r\n")
    return head + part + tail
