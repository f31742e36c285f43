"""Ways to falsify a finished run, each with the least that `speckit guard` must make of it.

Everything is drawn from a `random.Random`, so a seed gives the same mutations again. A mutation is a change of files;
the campaign commits it and judges the commit alone and as a range. What can be told from the commit alone must be red
there. A forger who rebuilds every digest leaves a commit that holds together: only the range shows what was replaced.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Literal, NamedTuple

from benchmarks.runs_data import EVIDENCE, SPEC

Files = Mapping[str, bytes]
Change = dict[str, "bytes | None"]
"""New content by path; None removes the file."""
Expected = Literal["red", "red as a range", "green"]
"""`red`: the commit alone fails, and the range does. `green`: neither does."""

CONFIG = ".speckit.yaml"
_SESSION = re.compile(r"\d{8}T\d{6}Z-([0-9a-f]{8})")
_ROUNDS = 40


class Mutation(NamedTuple):
    """A change, and what must be said of it."""

    kind: str
    what: str
    change: Change
    expected: Expected


class Ground(NamedTuple):
    """The files of a repository with a finished run."""

    files: Files

    def below(self, *folders: str, ending: str = "") -> list[str]:
        """The evidence files below these folders of the evidence root, sorted."""
        roots = tuple(f"{EVIDENCE}/{folder}/" for folder in folders)
        return sorted(path for path in self.files if path.startswith(roots) and path.endswith(ending))

    @property
    def sealed(self) -> list[str]:
        """Every file of evidence that a ledger names."""
        return self.below("commands", "consensus", "costs", "runs")

    @property
    def answers(self) -> list[str]:
        """What agents answered: one file for each agent and session."""
        tails = (
            "_synthesis.json",
            "_verdict.json",
            "_resolution.json",
            "_metrics.json",
            "_ballot.json",
            "_attestation.json",
        )
        return [path for path in self.below("consensus", ending=".json") if not path.endswith(tails)]

    @property
    def ledgers(self) -> list[str]:
        return self.below("runs", ending=".ledger.jsonl")


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def document(data: bytes) -> Any:
    return json.loads(data)


def encoded(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


# One place in a JSON document.

Steps = tuple["str | int", ...]


def places(value: Any, steps: Steps = ()) -> Iterator[Steps]:
    """Every place in a document, the root apart."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*steps, key)
        yield from places(item, (*steps, key))


def _holder(value: Any, steps: Steps) -> Any:
    for step in steps[:-1]:
        value = value[step]
    return value


def altered(value: Any, chance: random.Random) -> Any:
    """Another value than this one: of the same type, of another type, or of a milder meaning."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return chance.choice([value + 1, -value - 1, str(value), None, value * 10 + 3])
    if isinstance(value, str):
        return chance.choice([value + "x", value[:-1] + "\u00e9", "", None, value.swapcase() + "_", 7, [value]])
    if value is None:
        return chance.choice(["a text", 0, {}, []])
    return chance.choice([None, "a text", 3])


def _edited(data: bytes, chance: random.Random) -> tuple[bytes, str] | None:
    value = document(data)
    steps = chance.choice(list(places(value)))
    holder, last = _holder(value, steps), steps[-1]
    action = chance.choice(["alter", "alter", "remove", "add", "twice"])
    if action == "alter":
        holder[last] = altered(holder[last], chance)
    elif action == "remove":
        del holder[last]
    elif isinstance(holder, list):
        holder.insert(chance.randrange(len(holder) + 1), holder[last] if action == "twice" else "added")
    else:
        holder[f"{last}_added"] = holder[last]
    made = encoded(value)
    return None if made == data else (made, f"{action} /{'/'.join(map(str, steps))}")


# Edits that rebuild nothing.


def field(ground: Ground, chance: random.Random) -> Mutation | None:
    """One place of one JSON file of evidence is changed."""
    path = chance.choice([each for each in ground.sealed if each.endswith(".json")])
    made = _edited(ground.files[path], chance)
    return made and Mutation("field", f"{path}: {made[1]}", {path: made[0]}, "red")


def damage(ground: Ground, chance: random.Random) -> Mutation | None:
    """The bytes of a file are cut, turned, doubled or removed."""
    path = chance.choice(ground.sealed)
    data = ground.files[path]
    at = chance.randrange(1, len(data))
    ways: dict[str, bytes | None] = {
        "cut": data[:at],
        "one bit turned": data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :],
        "doubled": data + data,
        "emptied": b"",
        "removed": None,
        "CRLF": data.replace(b"\n", b"\r\n"),
        "a byte order mark": b"\xef\xbb\xbf" + data,
        "NUL": data[:at] + b"\0" + data[at:],
    }
    way = chance.choice(sorted(ways))
    # Git stores line endings as the attributes say; evidence is stored as it is.
    return Mutation("damage", f"{path}: {way} at {at}", {path: ways[way]}, "red")


def exchange(ground: Ground, chance: random.Random) -> Mutation | None:
    """Two files of evidence take each other's place, or one takes another's name."""
    first, second = chance.sample(ground.sealed, 2)
    if ground.files[first] == ground.files[second]:
        return None
    if chance.random() < 0.5:
        return Mutation(
            "exchange", f"{first} and {second}", {first: ground.files[second], second: ground.files[first]}, "red"
        )
    return Mutation("exchange", f"{first} over {second}", {second: ground.files[first]}, "red")


def rename(ground: Ground, chance: random.Random) -> Mutation | None:
    """A file of evidence gets another name."""
    path = chance.choice(ground.sealed)
    name = chance.choice([path + ".bak", path.replace(SPEC, "SPEC-OTHER-1"), path.replace("spec-", "Spec-"), path[:-1]])
    return (
        None if name == path else Mutation("rename", f"{path} to {name}", {path: None, name: ground.files[path]}, "red")
    )


def ledger(ground: Ground, chance: random.Random) -> Mutation | None:
    """Lines of a ledger are removed, repeated, exchanged or changed, and nothing else."""
    path = chance.choice(ground.ledgers)
    lines = ground.files[path].splitlines(keepends=True)
    at, other = chance.sample(range(len(lines)), 2)
    way = chance.choice(["removed", "repeated", "exchanged", "changed", "cut after"])
    if way == "removed":
        del lines[at]
    elif way == "repeated":
        lines.insert(other, lines[at])
    elif way == "exchanged":
        lines[at], lines[other] = lines[other], lines[at]
    elif way == "changed":
        made = _edited(lines[at], chance)
        if made is None:
            return None
        lines[at] = json.dumps(json.loads(made[0]), separators=(",", ":")).encode() + b"\n"
    else:
        lines = lines[: max(1, min(at, len(lines) - 1))]
    data = b"".join(lines)
    return None if data == ground.files[path] else Mutation("ledger", f"{path}: line {at} {way}", {path: data}, "red")


# What a forger does who knows that there are digests.


def rechained(data: bytes, contents: Files) -> bytes:
    """A ledger that says what `contents` hold now, each line bound to the one before. The last entry of a path wins."""
    entries = [json.loads(line) for line in data.splitlines()]
    last = {entry["path"]: number for number, entry in enumerate(entries)}
    lines: list[bytes] = []
    for number, entry in enumerate(entries):
        now = contents.get(entry["path"])
        if now is not None and last[entry["path"]] == number:
            entry["sha256"], entry["size"] = digest(now), len(now)
        entry["sequence"] = number + 1
        entry["previous"] = digest(lines[-1]) if lines else None
        lines.append(json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode())
    return b"".join(line + b"\n" for line in lines)


def rebuilt(ground: Ground, change: Change) -> Change:
    """The change, with every digest in the evidence that it breaks put right, and the ledgers written anew."""
    files = {**ground.files, **{path: data for path, data in change.items() if data is not None}}
    before = {path: ground.files.get(path, b"") for path in files}
    for _ in range(_ROUNDS):
        swaps = {
            digest(before[path]).encode(): digest(files[path]).encode()
            for path in files
            if before[path] and files[path] != before[path]
        }
        before = dict(files)
        moved = False
        for path in ground.below("commands", "consensus", "costs", "runs"):
            if path.endswith(".ledger.jsonl") or path not in files or change.get(path, b"") is None:
                continue
            data = files[path]
            for old, new in swaps.items():
                data = data.replace(old, new)
            moved = moved or data != files[path]
            files[path] = data
        if not moved:
            break
    removed = {path for path, data in change.items() if data is None}
    for path in ground.ledgers:
        kept = {name: data for name, data in files.items() if name not in removed}
        lines = [line for line in files[path].splitlines() if json.loads(line)["path"] not in removed]
        files[path] = rechained(b"\n".join(lines) + b"\n", kept)
    result: Change = {path: data for path, data in files.items() if ground.files.get(path) != data}
    return {**result, **dict.fromkeys(removed)}


def appended(ground: Ground, change: Change) -> Change:
    """The change, with new lines at the end of the ledger for all that it touches: old lines stay as they are."""
    whole = rebuilt(ground, change)
    path = ground.ledgers[0]
    old = ground.files[path].splitlines()
    lines = list(old)
    final = json.loads(old[-1])
    touched = [each for each in whole if each not in ground.ledgers and whole[each] is not None]
    for each in sorted(touched, key=lambda name: name == final["path"]):
        source = next((json.loads(line) for line in reversed(old) if json.loads(line)["path"] == each), None)
        if source is None:
            continue
        data = whole[each] or b""
        entry = {**source, "sequence": len(lines) + 1, "sha256": digest(data), "size": len(data)}
        entry["previous"] = digest(lines[-1])
        lines.append(json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode())
    return {**whole, path: b"".join(line + b"\n" for line in lines)}


def _meaning(ground: Ground, chance: random.Random) -> tuple[str, Change] | None:
    """A change that a forger would want: of what somebody said, of what was measured, of what was asked."""
    path = chance.choice([*ground.answers, *ground.sealed])
    if path.endswith((".jsonl", ".md")):
        return None
    made = _edited(ground.files[path], chance)
    return made and (f"{path}: {made[1]}", {path: made[0]})


def rebuild(ground: Ground, chance: random.Random) -> Mutation | None:
    """Evidence is changed and all that is bound to it written anew."""
    drawn = _meaning(ground, chance)
    return drawn and Mutation("rebuild", drawn[0], rebuilt(ground, drawn[1]), "red as a range")


def append(ground: Ground, chance: random.Random) -> Mutation | None:
    """Evidence is changed and the ledger continued, so that its beginning is the base's."""
    drawn = _meaning(ground, chance)
    return drawn and Mutation("append", drawn[0], appended(ground, drawn[1]), "red as a range")


def rebind(ground: Ground, chance: random.Random) -> Mutation | None:
    """A document of the SPEC says something else, and all evidence says that it always did."""
    path = chance.choice([each for each in sorted(ground.files) if each.startswith(f"docs/{SPEC}/")])
    data = ground.files[path] + chance.choice([b"\nThe limit is 300 s.\n", b"\nNothing is tested.\n"])
    how = chance.choice([rebuilt, appended])
    return Mutation("rebind", f"{path} {how.__name__}", how(ground, {path: data}), "red as a range")


def remove(ground: Ground, chance: random.Random) -> Mutation | None:
    """Evidence is removed, by stage, kind, or whole, with or without a ledger that never knew it."""
    which = chance.choice(["session", "kind", "folder", "all", "run"])
    if which == "session":
        session = chance.choice(sorted({m.group(0) for path in ground.answers if (m := _SESSION.search(path))}))
        gone = [path for path in ground.sealed if session in path]
    elif which == "kind":
        kind = chance.choice(["_ballot.json", "_metrics.json", "_verdict.json", "_synthesis.json", "_resolution.json"])
        gone = [path for path in ground.sealed if path.endswith(kind)]
    elif which == "folder":
        gone = ground.below(chance.choice(["commands", "consensus", "costs"]))
    elif which == "run":
        gone = ground.below("runs")
    else:
        gone = ground.sealed
    if not gone:
        return None
    change: Change = dict.fromkeys(gone)
    whole = chance.random() < 0.5 and which not in ("all", "run")
    return Mutation(
        "remove",
        f"{which}{', rebuilt' if whole else ''}: {len(gone)} files",
        rebuilt(ground, change) if whole else change,
        "red as a range",
    )


def archive(ground: Ground, chance: random.Random) -> Mutation | None:
    """All evidence of the run is removed behind an archive that does not hold it."""
    run = ground.ledgers[0].rsplit("/", 1)[1].removesuffix(".ledger.jsonl")
    folder = f"{EVIDENCE}/archive/{SPEC}"
    gone = ground.sealed
    way = chance.choice(["one byte", "no members", "other bytes", "one member short", "cut", "not compressed"])
    members = {path: ground.files[path] for path in gone}
    if way == "other bytes":
        path = chance.choice(gone)
        members[path] = members[path][:-1] + b"#"
    elif way == "one member short":
        members.pop(chance.choice(gone))
    elif way == "no members":
        members = {}
    packed = _tar(members)
    if way == "one byte":
        packed = b"x"
    elif way == "cut":
        packed = packed[: len(packed) // 2]
    elif way == "not compressed":
        packed = gzip.decompress(packed)
    total = sum(len(ground.files[path]) for path in gone)
    manifest = {
        "schemaVersion": 1,
        "specId": SPEC,
        "archives": [
            {
                "run": run,
                "path": f"{folder}/{run}.tar.gz",
                "sha256": digest(packed),
                "size": len(packed),
                "created_at": "2026-12-01T12:00:00Z",
                "created_by": "Dev <dev@example.invalid>",
                "bytes_before": total,
                "bytes_after": len(packed),
                "ledger_head": digest(ground.files[ground.ledgers[0]].splitlines()[-1]),
                "removed_at": "2026-12-01T12:00:00Z",
                "members": [
                    {"path": path, "sha256": digest(ground.files[path]), "size": len(ground.files[path])}
                    for path in gone
                ],
            }
        ],
    }
    change: Change = {
        **dict.fromkeys(gone),
        f"{folder}/{run}.tar.gz": packed,
        f"{folder}/manifest.json": encoded(manifest),
    }
    return Mutation("archive", way, change, "red as a range")


def _tar(members: Files) -> bytes:
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as packed:
        for path, data in sorted(members.items()):
            member = tarfile.TarInfo(path)
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def fabricate(ground: Ground, chance: random.Random) -> Mutation | None:
    """Evidence appears that no run made: a newer session of the stage, or one that names a run that is not there."""
    path = chance.choice(ground.answers)
    match = _SESSION.search(path)
    assert match is not None
    session = match.group(0)
    forged = "20990101T000000Z-" + f"{chance.getrandbits(32):08x}"
    swaps = {session.encode(): forged.encode(), match.group(1).encode(): forged[-8:].encode()}
    run = ground.ledgers[0].rsplit("/", 1)[1].removesuffix(".ledger.jsonl")
    if chance.random() < 0.5:
        swaps[run.encode()] = b"20990101T000000Z-deadbeef"
    change: Change = {}
    for each in ground.sealed:
        if session in each:
            data = ground.files[each]
            for old, new in swaps.items():
                data = data.replace(old, new)
            change[each.replace(session, forged)] = data
    return Mutation("fabricate", f"{session} again as {forged}", change, "red")


# Answers that hold, written as an honest run would have written them.


def hold(ground: Ground, chance: random.Random) -> Mutation | None:
    """An agent's answer says no, in one of the ways that answers can, and all digests are right."""
    path = chance.choice(ground.answers)
    value = document(ground.files[path])
    output = value.get("output")
    if not isinstance(output, dict):
        return None
    way = chance.choice(["decision", "status", "in the way", "finding", "recommendation"])
    if way == "decision":
        output["decision"] = {"proceed": False, "because": "the limit is not met"}
    elif way == "status" and isinstance(output.get("scenarios"), list) and output["scenarios"]:
        output["scenarios"][0]["status"] = "failed"
    elif way == "in the way" and value.get("stage") == "unlock":
        output["pending_work"] = [{"text": "the migration", "in_the_way": True}]
    elif way == "finding" and isinstance(output.get("criteria"), list) and output["criteria"]:
        output["criteria"][0]["finding"] = "not held"
    elif way == "recommendation" and value.get("stage") == "audit":
        output["recommendation"] = "reject"
    else:
        return None
    return Mutation("hold", f"{path}: {way}", rebuilt(ground, {path: encoded(value)}), "red")


def vote(ground: Ground, chance: random.Random) -> Mutation | None:
    """A ballot says otherwise or does not count, and all digests are right."""
    path = chance.choice(ground.below("consensus", ending="_ballot.json"))
    value = document(ground.files[path])
    votes = value["ballot"]
    at = chance.randrange(len(votes))
    way = chance.choice(["disagree", "abstain", "left out", "twice", "another id", "no vote", "another agent"])
    if way in ("disagree", "abstain"):
        votes[at]["vote"] = way
    elif way == "left out":
        del votes[at]
    elif way == "twice":
        votes.append(dict(votes[at]))
    elif way == "another id":
        votes[at]["id"] = "s99"
    elif way == "no vote":
        votes[at]["vote"] = chance.choice(["", "yes", None, True])
    else:
        value["agent"] = "stranger"
    return Mutation("vote", f"{path}: {way} at {at}", rebuilt(ground, {path: encoded(value)}), "red")


def omit(ground: Ground, chance: random.Random) -> Mutation | None:
    """An answer or a ballot is left out, and nothing names it any more."""
    ballots = ground.below("consensus", ending="_ballot.json")
    path = chance.choice([*ground.answers, *ballots])
    agent = path.removesuffix(".json")
    tails = (".json", "_metrics.json", "_ballot.json", "_ballot_metrics.json")
    gone = [agent + tail for tail in tails if agent + tail in ground.files]
    return Mutation("omit", f"{path} and {len(gone) - 1} more", rebuilt(ground, dict.fromkeys(gone)), "red")


# The configuration says that less is judged.

_LOOSER: dict[str, dict[str, Any]] = {
    "the evidence lies elsewhere": {"evidence": {"root": "docs/other"}},
    "the evidence root has a typo": {"evidence": {"root": "docs/evidnece"}},
    "no SPEC id matches": {"layout": {"spec_id": "^NOTHING$"}},
    "documents lie elsewhere": {"layout": {"docs": "elsewhere"}},
    "a higher limit": {"evidence": {"root": EVIDENCE, "limit_mb": 500}},
    "a lower agreement": {"consensus": {"min_agreement": 0.1}},
    "another method": {"consensus": {"method": "chain"}},
    "milder degraded": {"consensus": {"degraded_below": 0.01}},
    "a smaller roster": {"stages": {"plan": {"agents": ["gemini"]}}},
    "one more status": {
        "tracker": {"statuses": ["Backlog", "In Progress", "In Review", "Blocked", "Done", "Whatever"]}
    },
    "several in progress": {"tracker": {"one_in_progress": False}},
    "fewer sections": {"documents": {"required": {"spec.md": []}}},
    "a waiver": {"waivers": [{"rule": "LED003", "path": "docs/**", "reason": "it is fine", "expires": "2099-01-01"}]},
}


def _configured(more: Mapping[str, Any]) -> bytes:
    agents = {name: {"replay": "recordings"} for name in ("gemini", "claude", "gpt_codex", "gpt_pro")}
    # JSON is YAML.
    return encoded({"version": 1, "evidence": {"root": EVIDENCE}, "agents": agents, **more})


def loosen(ground: Ground, chance: random.Random) -> Mutation | None:
    """The configuration asks for less, alone or together with what it would have shown."""
    way = chance.choice(sorted(_LOOSER))
    change: Change = {CONFIG: _configured(_LOOSER[way])}
    if chance.random() < 0.5:
        other = chance.choice([field, damage, remove, rebuild])(ground, chance)
        if other is not None:
            change = {**other.change, **change}
            way = f"{way}, and {other.what}"
    return Mutation("loosen", way, change, "red as a range")


# Ordinary work, in which nothing may be found.

_TIGHTER: dict[str, dict[str, Any]] = {
    "the same": {},
    "a lower limit": {"evidence": {"root": EVIDENCE, "limit_mb": 20}},
    "a higher agreement": {"consensus": {"min_agreement": 0.95}},
    "one more section": {"documents": {"required": {"spec.md": ["Context", "Objectives"]}}},
    "no waivers": {"waivers": []},
}


def ordinary(ground: Ground, chance: random.Random) -> Mutation | None:
    """What people do all day."""
    number = chance.randrange(10_000)
    way = chance.choice(["README", "code", "rename", "notes", "tighter", "new task", "picture", "several"])
    change: Change
    if way == "README":
        change = {"README.md": ground.files["README.md"] + f"\nNote {number}.\n".encode()}
    elif way == "code":
        change = {f"src/part_{number}.py": b"def answer() -> int:\n    return 42\n"}
    elif way == "rename":
        change = {"README.md": None, f"README-{number}.md": ground.files["README.md"]}
    elif way == "notes":
        change = {f"docs/notes/{number}.md": b"# Notes\n\nNothing of weight.\n"}
    elif way == "tighter":
        name = chance.choice(sorted(_TIGHTER))
        way, change = f"tighter: {name}", {CONFIG: _configured(_TIGHTER[name])}
    elif way == "new task":
        change = {"SPEC.md": _with_row(ground.files["SPEC.md"], number)}
    elif way == "picture":
        change = {f"img/{number}.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256))}
    else:
        change = {f"src/{number}_{each}.txt": f"{each}\n".encode() for each in range(20)}
    return Mutation("ordinary", f"{way} {number}", change, "green")


def _with_row(tracker: bytes, number: int) -> bytes:
    """The tracker with one more task at the end."""
    row = f"| {number} | SPEC-LATER-{number} | Later work | Backlog | Notes team | | | | | | |\n"
    return tracker.rstrip(b"\n") + b"\n" + row.encode()


Mutator = Callable[[Ground, random.Random], "Mutation | None"]
MUTATORS: tuple[Mutator, ...] = (
    field, field, field, damage, exchange, rename, ledger, rebuild, rebuild, append, append, rebind, remove, archive,
    fabricate, hold, vote, omit, loosen, loosen, ordinary, ordinary,
)  # fmt: skip


def mutations(ground: Ground, seed: int, count: int) -> Iterator[Mutation]:
    """`count` mutations, each kind in turn."""
    made = 0
    chance = random.Random(seed)
    while made < count:
        for mutator in MUTATORS:
            mutation = None
            while mutation is None or all(ground.files.get(path) == data for path, data in mutation.change.items()):
                mutation = mutator(ground, chance)
            yield mutation
            made += 1
            if made == count:
                return
