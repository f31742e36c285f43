"""YAML with positions, for configuration files: plain data only, every value's line and column kept."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from guardrails.errors import GuardrailError

SIZE_LIMIT = 256 * 1024
NODE_LIMIT = 20_000
"""Nodes after aliases are expanded: a few lines of nested aliases can stand for billions."""

YamlPath = tuple[str | int, ...]


class YamlPosition(NamedTuple):
    """1-based."""

    line: int
    column: int


class Parsed(NamedTuple):
    """`value` is dicts, lists and scalars; `positions` maps the path of each value to where it stands."""

    value: Any
    positions: dict[YamlPath, YamlPosition]

    def where(self, key: YamlPath) -> YamlPosition:
        """The position of a value, or of the nearest thing above it that is written in the file."""
        while key not in self.positions and key:
            key = key[:-1]
        return self.positions.get(key, YamlPosition(1, 1))


def parse_yaml(data: bytes, name: str) -> Parsed:
    """The one document in `data`. Raises GuardrailError with file, line and column for anything else."""
    if len(data) > SIZE_LIMIT:
        raise GuardrailError(f"{name}: {len(data)} bytes is too large for a configuration file", "keep it small")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GuardrailError(f"{name}: not UTF-8 at byte {error.start}", "save the file as UTF-8") from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return _Builder(name).build(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise GuardrailError(f"{name}{place}: {error.problem or error.context}", "fix the YAML there") from error
    except yaml.YAMLError as error:
        raise GuardrailError(f"{name}: {str(error).splitlines()[0]}", "fix the YAML") from error
    except RecursionError as error:
        raise GuardrailError(f"{name}: nested too deeply", "a configuration needs only a few levels") from error


class _Builder:
    """Plain data from YAML nodes. Dates stay text: a day in a configuration is compared, not computed with."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.positions: dict[YamlPath, YamlPosition] = {}
        self.nodes = 0
        self.scalars = SafeConstructor()

    def build(self, node: Node | None) -> Parsed:
        if node is None:
            return Parsed({}, {})
        return Parsed(self.value(node, ()), self.positions)

    def value(self, node: Node, key: YamlPath) -> Any:
        self.nodes += 1
        if self.nodes > NODE_LIMIT:
            raise GuardrailError(f"{self.name}: more than {NODE_LIMIT} values", "do not build lists from aliases")
        self.positions.setdefault(key, YamlPosition(node.start_mark.line + 1, node.start_mark.column + 1))
        if isinstance(node, MappingNode):
            return self.mapping(node, key)
        if isinstance(node, SequenceNode):
            return [self.value(child, (*key, index)) for index, child in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self.scalar(node)

    def mapping(self, node: MappingNode, key: YamlPath) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name_node, value_node in node.value:
            if not isinstance(name_node, ScalarNode):
                raise self.error(name_node, "a key must be plain text")
            name = name_node.value
            if name in made:
                raise self.error(name_node, f"'{name}' is given twice")
            mark = name_node.start_mark
            inner = (*key, name)
            self.positions[inner] = YamlPosition(mark.line + 1, mark.column + 1)
            made[name] = self.value(value_node, inner)
        return made

    def scalar(self, node: ScalarNode) -> Hashable:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        try:
            if kind == "null":
                return None
            if kind == "bool" and node.value.lower() in ("true", "false"):
                return str(node.value).lower() == "true"
            if kind == "bool":  # `off`, `no` and the like are words, as YAML 1.2 has it: hal.mode is one
                return str(node.value)
            if kind == "int":
                return int(self.scalars.construct_yaml_int(node))
            if kind == "float":
                return float(self.scalars.construct_yaml_float(node))
        except (ValueError, IndexError) as error:
            raise self.error(node, f"'{node.value}' is not a number") from error
        if kind in ("str", "timestamp", "value"):
            if any("\ud800" <= letter <= "\udfff" for letter in node.value):
                raise self.error(node, "half a surrogate pair is no character")
            return str(node.value)
        raise self.error(node, f"the tag {node.tag} is not supported")

    def error(self, node: Node, problem: str) -> GuardrailError:
        mark = node.start_mark
        return GuardrailError(f"{self.name}:{mark.line + 1}:{mark.column + 1}: {problem}", "fix the YAML there")
