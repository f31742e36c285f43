"""Values out of a parsed configuration file: each with a default, and knowing where it came from."""

from typing import TYPE_CHECKING, Any, NamedTuple

from guardrails.config.settings import address_problem, seconds
from guardrails.core.paths import is_plain
from guardrails.errors import GuardrailError

if TYPE_CHECKING:
    from guardrails.config.yaml import Parsed, YamlPath


class EffectiveValue(NamedTuple):
    """One effective value: its dotted key, and `default`, `FILE:LINE` or `environment NAME`."""

    key: str
    value: Any
    origin: str


class Reader:
    """Reads values out of the parsed file, falling back to defaults, and notes the origin of each."""

    def __init__(self, tree: dict[str, Any], parsed: "Parsed | None", name: str) -> None:
        self.tree, self.parsed, self.name = tree, parsed, name
        self.values: list[EffectiveValue] = []

    def get(self, default: Any, *key: str) -> Any:
        found: Any = self.tree
        for part in key:
            if not isinstance(found, dict) or part not in found:
                self.values.append(EffectiveValue(".".join(key), default, "default"))
                return default
            found = found[part]
        self.values.append(EffectiveValue(".".join(key), found, self.origin(key)))
        return found

    def replace(self, key: str, value: Any, origin: str) -> None:
        """Note that a value that was read gave way to another."""
        self.values = [EffectiveValue(key, value, origin) if known.key == key else known for known in self.values]

    def origin(self, key: "YamlPath") -> str:
        assert self.parsed is not None
        return f"{self.name}:{self.parsed.where(key).line}"

    def fail(self, problem: str, hint: str, *key: str | int) -> GuardrailError:
        place = self.parsed.where(key) if self.parsed else None
        at = f":{place.line}:{place.column}" if place else ""
        return GuardrailError(f"{self.name}{at}: {problem}", hint)

    def path(self, default: str, *key: str) -> str:
        """A path below the root, without a trailing slash."""
        return self.plain(self.get(default, *key), *key).rstrip("/")

    def plain(self, path: str, *key: str | int) -> str:
        """`path`, if it is written as git writes paths. Another spelling would silently name nothing."""
        if is_plain(path.removesuffix("/")):
            return path
        name = ".".join(map(str, key))
        raise self.fail(f"{name}: '{path}' has an empty, '.' or '..' part", "write it as git does: a/b/c", *key)

    def base_url(self, url: str | None, *key: str) -> str | None:
        """The address of a service, without a slash at its end; None where there is none."""
        problem = address_problem(url, ".".join((*key[:-1], "secret_env"))) if url else None
        if problem:
            raise self.fail(f"{'.'.join(key)} {problem[0]}", problem[1], *key)
        return url.rstrip("/") if url else None

    def probe_timeout(self, text: str, *key: str) -> float:
        """How many seconds one check of a service may take."""
        limit = seconds(text)
        if not 0 < limit <= 3600:
            raise self.fail(f"{'.'.join(key)} is {text}", "give more than nothing and at most 1h", *key)
        return limit
