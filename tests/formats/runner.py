"""What the GitHub Actions runner does with the lines a step prints, as far as commands go.

A line is a command when it begins with `::` after white space, or has the older `##[command]` anywhere in it.
After `::stop-commands::TOKEN` nothing is obeyed until a command named TOKEN.
"""

from __future__ import annotations

from typing import NamedTuple

KNOWN = frozenset(
    ("error", "warning", "notice", "debug", "group", "endgroup", "echo", "save-state", "set-env", "set-output")
) | {"add-mask", "add-matcher", "remove-matcher", "add-path", "stop-commands"}


class Command(NamedTuple):
    name: str
    properties: dict[str, str]
    message: str


def obeyed(output: str) -> list[Command]:
    """Every command the runner carries out, pauses left out."""
    done, token = [], None
    for line in output.split("\n"):
        command = _current(line, token) or _older(line, token)
        if command is None:
            continue
        if token is not None:
            token = None if command.name == token else token
        elif command.name == "stop-commands":
            token = command.message.lower()
        else:
            done.append(command)
    assert token is None, "commands stay paused for the rest of the step"
    return done


def _current(line: str, token: str | None) -> Command | None:
    text = line.lstrip()
    end = text.find("::", 2)
    if not text.startswith("::") or end < 0:
        return None
    name, _, rest = text[2:end].partition(" ")
    if name.lower() not in KNOWN and name.lower() != token:
        return None
    pairs = [part.partition("=") for part in rest.split(",") if "=" in part]
    properties = {key.strip(): _decoded(value, ":,") for key, _, value in pairs}
    return Command(name.lower(), properties, _decoded(text[end + 2 :], ""))


def _older(line: str, token: str | None) -> Command | None:
    start = line.find("##[")
    end = line.find("]", start)
    if start < 0 or end < 0:
        return None
    name = line[start + 3 : end].partition(" ")[0].lower()
    return Command(name, {}, line[end + 1 :]) if name in KNOWN or name == token else None


def _decoded(text: str, also: str) -> str:
    for character in "\r\n" + also:
        text = text.replace(f"%{ord(character):02X}", character)
    return text.replace("%25", "%")
