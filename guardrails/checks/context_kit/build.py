"""A kit as bytes: README.md and an archive. The same documents make the same bytes, on any machine and day."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from guardrails.checks.context_kit.sources import KitPolicy, KitSource, Sources
from guardrails.consensus.quoting import beginning, fence_for, fenced, quoted_text
from guardrails.core.markdown import NEWLINE, parse_markdown, plain
from guardrails.core.text import printable

# A kit has four parts, each its own text. Their wording belongs to FORM: whoever changes it raises that number.


# Excerpts: the sections of a document, each cut to SECTION_BYTES and together to DOCUMENT_BYTES.


SECTION_BYTES = 2_000
DOCUMENT_BYTES = 16_000
MOST_SECTIONS = 40
LONGEST_TITLE = 120
_DEEPEST = 2
"""Headings of this level and above begin a section; those below belong to one."""


class Excerpt(NamedTuple):
    """One section, or what fits of it. `line` is where it begins, 1-based; `left_out` are bytes that are not shown."""

    title: str
    line: int
    text: str
    left_out: int = 0


class Excerpts(NamedTuple):
    """`untold` are the titles of sections for which there was no room."""

    shown: tuple[Excerpt, ...]
    untold: tuple[str, ...] = ()


def excerpts_of(text: str) -> Excerpts:
    """The sections of a document, in order. Never raises, for any text."""
    made: list[Excerpt] = []
    untold: list[str] = []
    room = DOCUMENT_BYTES
    for title, line, body in _sections(text):
        if not body.strip():
            continue
        if room < SECTION_BYTES or len(made) == MOST_SECTIONS:
            untold.append(title)
            continue
        kept = beginning(body, SECTION_BYTES)
        told = quoted_text(kept)
        made.append(
            Excerpt(title, line, told, len(body.encode("utf-8", "replace")) - len(kept.encode("utf-8", "replace")))
        )
        room -= len(told.encode())
    return Excerpts(tuple(made), tuple(untold[:MOST_SECTIONS]))


def _sections(text: str) -> list[tuple[str, int, str]]:
    """(title, line, text) of each section, the heading's own line included; what stands before the first is one too."""
    lines = NEWLINE.split(text.removeprefix("\ufeff"))
    starts = [(1, "")]
    for heading in parse_markdown(text).headings:
        if heading.level <= _DEEPEST:
            title = quoted_text(plain(heading.text))[:LONGEST_TITLE]
            if heading.line == 1:
                starts = []
            starts.append((heading.line, title))
    ends = [line for line, _ in starts[1:]] + [len(lines) + 1]
    return [
        (title, line, "\n".join(lines[line - 1 : end - 1]).rstrip() + "\n")
        for (line, title), end in zip(starts, ends, strict=True)
    ]


class KitPart(NamedTuple):
    """One part: the name of its file in the archive, its title, and its text without it."""

    file: str
    title: str
    text: str


def parts(sources: Sources, spec: str) -> tuple[KitPart, ...]:
    """The parts in the order they are read."""
    return (
        KitPart("plan-synopsis.md", "Plan synopsis", _documents(sources.plans, "There is no plan.md yet.")),
        KitPart("prd-excerpts.md", "PRD excerpts", _documents(sources.prds, "There are no product requirements yet.")),
        KitPart("governance-checklist.md", "Governance checklist", _checklist(sources, spec)),
        KitPart("retry-guidance.md", "Retry guidance", _guidance(sources.policy)),
    )


def _documents(documents: Sequence[KitSource], nothing: str) -> str:
    return "\n".join(map(_document, documents)) if documents else nothing + "\n"


def _document(source: KitSource) -> str:
    found = excerpts_of(source.text)
    lines = [f"From `{printable(source.path)}`, sha256 {source.sha256}:\n"]
    lines += map(_excerpt, found.shown)
    if not found.shown:
        lines.append("It says nothing yet.\n")
    if found.untold:
        lines.append("Not shown, for want of room: " + "; ".join(map(printable, found.untold)) + ".\n")
    return "\n".join(lines)


def _excerpt(excerpt: Excerpt) -> str:
    rest = f"\n({excerpt.left_out} bytes of this section are left out.)\n" if excerpt.left_out else ""
    return f"Line {excerpt.line}:\n\n{fenced(excerpt.text, fence_for(excerpt.text))}\n{rest}"


def _checklist(sources: Sources, spec: str) -> str:
    steps = (
        f"`speckit ready {spec}`: everything that is required answers",
        "`speckit lint`: the tracker and the documents hold, this kit is current",
        "`speckit clean-tree`: nothing uncommitted, before and after the stage",
        "`speckit footprint`: the evidence stays under its limit",
        f"`speckit consensus check {spec}`: every agent answered, no conflict is open",
        f"`speckit security {spec} --check`: the review is signed off, where one is required",
        "a conflict is resolved by a record that names it and says why; nobody edits an agent's output",
        "the tracker row names the evidence of the stage before it is Done",
    )
    text = "".join(f"- [ ] {step}\n" for step in steps)
    if sources.constitutions:
        return text + "\n" + _documents(sources.constitutions, "")
    return text + "\nThere is no constitution among the documents that prompts are given (`prompts.foundation`).\n"


def _guidance(policy: KitPolicy) -> str:
    return "".join(f"{line}\n" for line in _lines(policy))


def _lines(policy: KitPolicy) -> Iterator[str]:
    yield "By this repository's configuration:"
    yield ""
    yield "| What | Value |"
    yield "| --- | --- |"
    yield f"| agreement below which a stage is degraded | {policy.min_agreement:g} |"
    yield f"| participation or agreement below which it is severe | {policy.degraded_below:g} |"
    yield f"| retries of missing agents | {policy.retries} |"
    yield f"| wait before the first retry, twice as long before each further one | {policy.backoff} |"
    yield f"| profile that missing agents are called by at last | {_named(policy.fallback)} |"
    yield f"| agent that may settle conflicts | {_named(policy.arbiter)} |"
    yield ""
    yield "| Agents that answered | Share | Verdict | What is done |"
    yield "| --- | --- | --- | --- |"
    yield from (_row(policy, usable) for usable in (3, 2, 1, 0))
    yield ""
    yield "For whoever answers:"
    yield ""
    yield "1. Answer from the documents in this kit and in the prompt; say what is missing instead of inventing it."
    yield "2. Return the asked-for form and nothing else: an answer that cannot be read counts as missing."
    yield "3. On a retry, answer anew from the same inputs; do not refer to an answer that was not taken."
    yield "4. State agreements and conflicts each by itself; the others' answers show what is left out."


def _named(value: str | None) -> str:
    return f"`{printable(value)}`".replace("|", "\\|") if value else "none"


def _row(policy: KitPolicy, usable: int) -> str:
    share = round(usable / 3, 2)
    if usable == 3:
        verdict, does = "as they agree", "the stage goes on"
    elif usable == 0:
        verdict, does = "undecided", "the run halts: repair the agents"
    elif share < policy.degraded_below:
        verdict, does = "degraded, severe", "no retry: the run halts and is escalated"
    else:
        again = f"context is collected anew, the missing are asked again (retries: {policy.retries})"
        does = again + (f", then by the profile {_named(policy.fallback)}" if policy.fallback else "")
        verdict, does = "degraded", does + "; then the run halts"
    return f"| {usable} of 3 | {share:.2f} | {verdict} | {does} |"


FORM = "1"
"""Form of a kit. Words that every kit says change only together with it."""
FOLDER = "context"
README = "README.md"
_MARK = ("KIT", "speckit context kit\n")
_HEADER = re.compile(
    r"# Context kit of (?P<spec>\S{1,255})\n\nVersion: (?P<version>[0-9]{1,4}-[0-9a-f]{12})\n"
    r"Digest: sha256:(?P<digest>[0-9a-f]{64})\n"
)


class ContextKit(NamedTuple):
    """The two files of a kit, and what it calls itself."""

    version: str
    readme: bytes
    archive: bytes
    rows: tuple[tuple[str, str], ...]
    """(path, sha256) of its sources"""


class KitStamp(NamedTuple):
    """What the first lines of a README say, and whether the digest is that of what follows."""

    spec: str
    version: str
    whole: bool

    @property
    def form(self) -> str:
        return self.version.partition("-")[0]


def archive_name(spec: str) -> str:
    """The name of the archive beside README.md."""
    return f"{spec}-context.zip"


def build_kit(sources: Sources, spec: str) -> ContextKit:
    """The kit of a SPEC."""
    made = parts(sources, spec)
    table = _table(sources)
    archive = _zipped((*((part.file, _file(part)) for part in made), ("sources.md", "# Sources\n\n" + table)))
    digest = sha256(archive).hexdigest()
    version = f"{FORM}-{digest[:12]}"
    body = _body(made, table, spec, digest).encode()
    header = f"# Context kit of {spec}\n\nVersion: {version}\nDigest: sha256:{sha256(body).hexdigest()}\n"
    return ContextKit(version, header.encode() + body, archive, sources.rows)


def stamp_of(readme: bytes) -> KitStamp | None:
    """The stamp of a README; None when it is none of a kit."""
    match = _HEADER.match(readme[:1000].decode("utf-8", "replace"))
    if match is None:
        return None
    body = readme[len(match[0].encode()) :]
    return KitStamp(match["spec"], match["version"], sha256(body).hexdigest() == match["digest"])


def is_ours(archive: bytes) -> bool:
    """Whether an archive was made here, of whatever documents."""
    return archive.startswith(_zipped(())[: 30 + len("".join(_MARK))])


def _body(made: tuple[KitPart, ...], table: str, spec: str, digest: str) -> str:
    intro = (
        f"\nWhat agents and people need beside the documents of {spec}. Made by `speckit context {spec}` from the "
        "files below; run it again when one of them changes. Edits are found by `speckit lint`, and lost.\n"
    )
    texts = "".join(f"\n## {part.title}\n\n{part.text}" for part in made)
    archive = f"\n`{archive_name(spec)}` holds the same in parts: sha256 {digest}\n"
    return f"{intro}{texts}\n## Sources\n\n{table}{archive}"


def _table(sources: Sources) -> str:
    cells = ((printable(path).replace("|", "\\|"), digest) for path, digest in sources.rows)
    return "| Path | SHA-256 |\n| --- | --- |\n" + "".join(f"| {path} | {digest} |\n" for path, digest in cells)


def _file(part: KitPart) -> str:
    return f"# {part.title}\n\n{part.text}"


def _zipped(files: tuple[tuple[str, str], ...]) -> bytes:
    """Stored, not packed: what packing makes depends on the library that is installed."""
    from io import BytesIO
    from zipfile import ZIP_STORED, ZipFile, ZipInfo

    stream = BytesIO()
    with ZipFile(stream, "w", ZIP_STORED) as archive:
        for name, text in (_MARK, *files):
            info = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # otherwise it is that of the machine
            info.external_attr = 0o100644 << 16
            archive.writestr(info, text.encode())
    return stream.getvalue()
