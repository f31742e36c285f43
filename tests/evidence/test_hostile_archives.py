"""Archives made by somebody else: whatever is in them, nothing is written but verified files where they belong."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from guardrails.checks.ledger import DamagedError, Member, archive_reader
from guardrails.errors import GuardrailError
from guardrails.evidence import tarball
from tests.evidence.runs import LAYOUT, SPEC
from tests.sandbox import Ran, Sandbox

RUN = "20260131T093000Z-4f2a9c10"
FOLDER = f"{LAYOUT.evidence}/archive/{SPEC}"
HOME = f"{LAYOUT.evidence}/commands/{SPEC}"
GOOD = f"{HOME}/spec-plan_{RUN}.json"
DATA = b'{"a": 1}\n'


def info(name: str, size: int = len(DATA), kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.type, made.linkname = size, kind, target
    return made


def packed(*items: tuple[tarfile.TarInfo, bytes], tail: bytes = b"") -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for item, data in items:
            archive.addfile(item, io.BytesIO(data) if data else None)
    return gzip.compress(plain.getvalue() + tail, mtime=0)


def member(path: str = GOOD, data: bytes = DATA, **changes: Any) -> dict[str, Any]:
    return {"path": path, "sha256": sha256(data).hexdigest(), "size": len(data), **changes}


def plant(sandbox: Sandbox, archive: bytes, members: Sequence[dict[str, Any]], **changes: Any) -> None:
    """An archive and the manifest that describes it, so that only what the archive holds is wrong with it."""
    row = {
        "run": RUN, "path": f"{FOLDER}/{RUN}.tar.gz", "sha256": sha256(archive).hexdigest(), "size": len(archive),
        "created_at": "2026-01-31T09:34:12Z", "created_by": "Mallory <m@example.invalid>", "bytes_before": 1,
        "bytes_after": 1, "removed_at": "2026-01-31T09:34:12Z", "members": list(members), **changes,
    }  # fmt: skip
    sandbox.write(f"{FOLDER}/{RUN}.tar.gz", archive)
    sandbox.write(f"{FOLDER}/manifest.json", {"schemaVersion": 1, "specId": SPEC, "archives": [row]})


def files(place: Path) -> set[str]:
    return {str(path) for path in place.rglob("*") if ".git" not in path.parts and not path.is_dir()}


def restore(sandbox: Sandbox, *arguments: str) -> Ran:
    return sandbox.speckit("evidence", "restore", RUN, *arguments)


def refused(sandbox: Sandbox) -> Ran:
    """Restore, and require that nothing came of it, here or beside the repository."""
    before = files(sandbox.root.parent)
    ran = restore(sandbox)
    assert ran.code == 2, ran
    assert "error: " in ran.err
    assert "Traceback" not in ran.err
    assert files(sandbox.root.parent) == before
    return ran


def test_the_sound_archive_of_this_file_is_restored(sandbox: Sandbox) -> None:
    """Otherwise the refusals below would prove nothing."""
    plant(sandbox, packed((info(GOOD), DATA)), [member()])
    assert restore(sandbox).code == 0
    assert (sandbox.root / GOOD).read_bytes() == DATA


@pytest.mark.parametrize(
    "path",
    [
        "../outside.json",
        f"{HOME}/../../../../../outside.json",
        "/tmp/outside.json",
        "SPEC.md",
        ".git/hooks/pre-commit",
        "guardrails/main.py",
        f"{LAYOUT.evidence}/commands/SPEC-KIT-OTHER/spec-plan_{RUN}.json",
        f"{LAYOUT.evidence}/archive/{SPEC}/x.json",
        f"{LAYOUT.evidence}/commands/x.json",
        f"{HOME}\\..\\x.json",
        f"{HOME}/./x.json",
        f"{HOME}//x.json",
    ],
)
def test_a_manifest_that_names_another_place(sandbox: Sandbox, path: str) -> None:
    plant(sandbox, packed((info(path), DATA)), [member(path)])
    refused(sandbox)


@pytest.mark.parametrize("name", ["../../../../../x.json", "/etc/x.json", "SPEC.md", GOOD + "/../x.json", "./" + GOOD])
def test_a_member_that_leads_elsewhere(sandbox: Sandbox, name: str) -> None:
    plant(sandbox, packed((info(name), DATA)), [member()])
    refused(sandbox)


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "SPEC.md"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.DIRTYPE, ""),
    ],
    ids=["symbolic link", "hard link", "character device", "block device", "fifo", "folder"],
)
def test_a_member_that_is_no_plain_file(sandbox: Sandbox, kind: bytes, target: str) -> None:
    plant(sandbox, packed((info(GOOD, 0, kind, target), b"")), [member(data=b"")])
    assert "plain file" in refused(sandbox).err


def test_a_link_and_then_a_file_through_it(sandbox: Sandbox) -> None:
    inside = f"{HOME}/link/x.json"
    archive = packed((info(f"{HOME}/link", 0, tarfile.SYMTYPE, ".."), b""), (info(inside), DATA))
    plant(sandbox, archive, [member(f"{HOME}/link", b""), member(inside)])
    refused(sandbox)


def test_a_folder_on_the_way_that_is_a_link(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    plant(sandbox, packed((info(GOOD), DATA)), [member()])
    (sandbox.root / HOME).parent.mkdir(parents=True)
    (sandbox.root / HOME).symlink_to(tmp_path / "elsewhere")
    refused(sandbox)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_twice(sandbox: Sandbox) -> None:
    plant(sandbox, packed((info(GOOD), DATA), (info(GOOD), DATA)), [member(), member()])
    assert "twice" in refused(sandbox).err


def test_a_file_that_the_manifest_does_not_list(sandbox: Sandbox) -> None:
    plant(sandbox, packed((info(GOOD), DATA), (info(GOOD[:-5] + "_x.json"), DATA)), [member()])
    assert "not in the manifest" in refused(sandbox).err


def test_a_file_that_is_missing(sandbox: Sandbox) -> None:
    plant(sandbox, packed((info(GOOD), DATA)), [member(), member(GOOD[:-5] + "_x.json")])
    assert "not in the archive" in refused(sandbox).err


def test_another_content_of_the_same_size(sandbox: Sandbox) -> None:
    plant(sandbox, packed((info(GOOD), DATA[::-1])), [member()])
    assert "not the file that was packed" in refused(sandbox).err


def test_something_after_the_last_file(sandbox: Sandbox) -> None:
    plant(sandbox, packed((info(GOOD), DATA), tail=b"x" * 512), [member()])
    assert "follows" in refused(sandbox).err


@pytest.mark.parametrize("size", [len(DATA) + 1, 10**12, -1, 0])
def test_a_size_that_is_not_the_files(sandbox: Sandbox, size: int) -> None:
    plant(sandbox, packed((info(GOOD), DATA)), [member(size=size)])
    refused(sandbox)


def test_an_archive_that_unpacks_to_more_than_is_due(sandbox: Sandbox) -> None:
    bomb = packed((info(GOOD, 50_000_000), b"\0" * 50_000_000))
    assert len(bomb) < 100_000
    plant(sandbox, bomb, [member()])
    refused(sandbox)


def test_an_archive_that_is_made_to_fill_the_disk(sandbox: Sandbox) -> None:
    data = b"\0" * (archive_reader.RATIO_FROM + 1)
    plant(sandbox, packed((info(GOOD, len(data)), data)), [member(data=data)])
    assert "no evidence" in refused(sandbox).err


def test_sizes_that_no_archive_may_hold(sandbox: Sandbox) -> None:
    plant(sandbox, packed((info(GOOD), DATA)), [member(size=archive_reader.MOST_BYTES + 1)])
    assert "more than one archive may hold" in refused(sandbox).err


def test_files_that_no_archive_may_hold() -> None:
    members = [Member(str(number), "0" * 64, 0) for number in range(archive_reader.MOST_MEMBERS + 1)]
    with pytest.raises(DamagedError, match="more than one archive may hold"):
        archive_reader.require_sane(members, 10)


def test_a_header_that_is_made_to_fill_the_memory(sandbox: Sandbox) -> None:
    plain = io.BytesIO()
    long = tarfile.TarInfo("././@LongLink")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 40_000_000
    plain.write(long.tobuf(tarfile.GNU_FORMAT))
    plain.write(b"x" * 40_000_000)
    plain.write(b"\0" * 10_240)
    archive = gzip.compress(plain.getvalue(), mtime=0)
    big = member(GOOD[:-5] + "_x.json", size=60_000_000)
    plant(sandbox, archive, [member(), big])
    assert "header" in refused(sandbox).err


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: b"no archive",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-8] + b"\0" * 8,
        lambda data: data + b"trailing",
        lambda data: gzip.compress(b"no tar" * 200),
        lambda data: gzip.decompress(data),
    ],
    ids=["empty", "text", "half", "wrong checksum", "trailing", "no tar", "not compressed"],
)
def test_what_is_no_sound_archive(sandbox: Sandbox, spoil: Callable[[bytes], bytes]) -> None:
    plant(sandbox, spoil(packed((info(GOOD), DATA))), [member()])
    refused(sandbox)


def header(kind: bytes, data: bytes, name: str = "././@PaxHeader", size: int | None = None) -> bytes:
    """A header block of a kind of its own, with what belongs to it."""
    made = info(name, len(data) if size is None else size, kind)
    return made.tobuf(tarfile.GNU_FORMAT) + data + b"\0" * (-len(data) % 512)


def pax(**records: str) -> bytes:
    """Records of an extended header: each with its own length before it."""
    made = b""
    for key, value in records.items():
        body = f" {key.replace('__', '.')}={value}\n".encode()
        length = len(body)
        while length != len(body) + len(str(length)):
            length = len(body) + len(str(length))
        made += str(length).encode() + body
    return made


FILE = info(GOOD).tobuf(tarfile.USTAR_FORMAT) + DATA + b"\0" * (-len(DATA) % 512)
END = b"\0" * 1024


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE], ids=["for one file", "for all"])
@pytest.mark.parametrize(
    "records",
    [
        {"path": "../../outside.json"},
        {"path": "/tmp/outside.json"},
        {"size": "0"},
        {"size": "1000000000000"},
        {"size": "-512"},
        {"GNU__sparse__major": "1", "GNU__sparse__minor": "0", "GNU__sparse__name": "../outside.json"},
        {"GNU__sparse__map": "0,1,999999999,1", "GNU__sparse__size": "1000000000"},
        {"GNU__sparse__size": "1000000000", "GNU__sparse__numblocks": "1"},
        {"hdrcharset": "BINARY", "path": "../x"},
        {"path": "a\0b"},
        {"comment": "x" * 900_000},
    ],
    ids=lambda records: ", ".join(records),
)
def test_what_an_extended_header_says_otherwise(sandbox: Sandbox, kind: bytes, records: dict[str, str]) -> None:
    archive = gzip.compress(header(kind, pax(**records)) + FILE + END, mtime=0)
    plant(sandbox, archive, [member()])
    ran = restore(sandbox)
    assert ran.code in (0, 2), ran
    assert "Traceback" not in ran.err
    wanted = {str(sandbox.root / GOOD)} if ran.code == 0 else set()
    assert files(sandbox.root.parent) - {str(path) for path in (sandbox.root / FOLDER).iterdir()} == wanted
    assert not wanted or (sandbox.root / GOOD).read_bytes() == DATA


@pytest.mark.parametrize(
    "content",
    [
        header(tarfile.XHDTYPE, pax(comment="x")) * 3000 + FILE + END,
        header(tarfile.XGLTYPE, pax(comment="x")) * 3000 + FILE + END,
        header(tarfile.GNUTYPE_LONGNAME, b"x" * 100 + b"\0", "././@LongLink") * 3000 + FILE + END,
        header(tarfile.GNUTYPE_SPARSE, DATA, GOOD) + END,
        header(tarfile.XHDTYPE, b"999999 path=x\n") + FILE + END,
        header(tarfile.XHDTYPE, b"0 path=x\n") + FILE + END,
        header(tarfile.XHDTYPE, b"", size=-512) + FILE + END,
        header(tarfile.XHDTYPE, pax(path=GOOD)),
        header(b"Z", DATA, GOOD) + END,
        header(tarfile.CONTTYPE, DATA, GOOD[:-1]) + END,
    ],
    ids=["chain", "chain for all", "chain of names", "sparse", "long record", "no record", "negative",
         "nothing after it", "unknown kind", "another name"],
)  # fmt: skip
def test_headers_that_no_writer_makes(sandbox: Sandbox, content: bytes) -> None:
    plant(sandbox, gzip.compress(content, mtime=0), [member()])
    refused(sandbox)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_headers_that_each_call_for_the_next(sandbox: Sandbox, kind: bytes) -> None:
    archive = gzip.compress(header(kind, pax(comment="x")) * 3000 + FILE + END, mtime=0)
    plant(sandbox, archive, [member(), member(GOOD[:-5] + "_x.json", size=60_000_000)])
    refused(sandbox)


@pytest.mark.parametrize("more", [FILE + END, b"x" * 512, b"\0" * 50_000_000], ids=["a file", "text", "zeros"])
def test_streams_one_after_the_other(sandbox: Sandbox, more: bytes) -> None:
    plant(sandbox, packed((info(GOOD), DATA)) + gzip.compress(more, mtime=0), [member()])
    refused(sandbox)


@pytest.mark.parametrize("size", [len(DATA), archive_reader.MOST_BYTES, 10 * 1024**3])
def test_ten_gigabytes_of_zeros(sandbox: Sandbox, size: int) -> None:
    """Packed by hand: one piece of a deflate stream that is repeated unpacks to as much as one likes."""
    piece, end = zlib.compressobj(9, zlib.DEFLATED, -15), b""
    block = piece.compress(b"\0" * 2**24) + piece.flush(zlib.Z_FULL_FLUSH)
    again = piece.compress(b"\0" * 2**24) + piece.flush(zlib.Z_FULL_FLUSH)
    end = piece.flush()
    first = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = first.compress(info(GOOD, 10 * 1024**3).tobuf(tarfile.GNU_FORMAT)) + first.flush(zlib.Z_FULL_FLUSH)
    stream = b"\x1f\x8b\x08" + b"\0" * 7 + start + block + again * 639 + end + b"\0" * 8
    plant(sandbox, stream, [member(size=size)])
    refused(sandbox)


def test_an_archive_that_changed_since_it_was_listed(sandbox: Sandbox) -> None:
    plant(sandbox, packed((info(GOOD), DATA)), [member()], sha256="0" * 64)
    assert "not the archive its manifest lists" in refused(sandbox).err
    assert sandbox.judge("evidence verify").rules == ["LED012"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schemaVersion": 1, "specId": "SPEC-KIT-DEMO", "archives": [1]}'])
def test_a_manifest_that_is_none(sandbox: Sandbox, text: str) -> None:
    plant(sandbox, packed((info(GOOD), DATA)), [member()])
    sandbox.write(f"{FOLDER}/manifest.json", text)
    refused(sandbox)
    assert sandbox.judge("evidence verify").rules == ["LED012"]


def test_an_archive_in_place_of_which_there_is_a_link(sandbox: Sandbox, tmp_path: Path) -> None:
    plant(sandbox, packed((info(GOOD), DATA)), [member()])
    place = sandbox.root / FOLDER / f"{RUN}.tar.gz"
    place.rename(tmp_path / "moved.tar.gz")
    place.symlink_to(tmp_path / "moved.tar.gz")
    refused(sandbox)
    assert sandbox.judge("evidence verify").rules == ["LED012"]


def test_a_manifest_cannot_have_other_files_removed(sandbox: Sandbox) -> None:
    """A row whose originals are not removed yet is finished by the next archive: it must not name what it likes."""
    sandbox.write("SPEC.md", DATA)
    plant(sandbox, packed((info("SPEC.md"), DATA)), [member("SPEC.md")], removed_at=None)
    ran = sandbox.speckit("evidence", "archive", "--spec", SPEC, "--active")
    assert (ran.code, (sandbox.root / "SPEC.md").read_bytes()) == (1, DATA), ran


@pytest.mark.tier2
def test_no_damage_to_an_archive_goes_unnoticed(tmp_path: Path) -> None:
    second = b"x" * 700
    sound = packed((info(GOOD), DATA), (info(GOOD + "2"), DATA), (info(GOOD + "3", 700), second))
    members = [Member(GOOD + tail, sha256(DATA).hexdigest(), len(DATA)) for tail in ("", "2")]
    members.append(Member(GOOD + "3", sha256(second).hexdigest(), 700))
    place, noticed = tmp_path / "a.tar.gz", 0
    for at in range(10, len(sound)):  # the first ten bytes are gzip's header, which says nothing
        for bit in range(8):
            spoilt = sound[:at] + bytes([sound[at] ^ 1 << bit]) + sound[at + 1 :]
            place.write_bytes(spoilt)
            try:
                with open(place, "rb") as stream:
                    archive_reader.verify(stream, tarball.size_of(stream), members)
            except GuardrailError:
                noticed += 1
            else:  # some bits are about symbols that do not occur: no byte of any file depends on them
                assert gzip.decompress(spoilt) == gzip.decompress(sound)
    assert noticed > 1000


def test_members_of_every_size_are_read_back(tmp_path: Path) -> None:
    sizes = (0, 1, 511, 512, 513, 1024, 262_143, 262_144, 262_145)
    for size in sizes:
        (tmp_path / f"f{size:07}").write_bytes(b"a" * size)
    long = "n" * 200 + "ä" * 20
    (tmp_path / long).write_bytes(b"long")
    place = tmp_path / "a.tar.gz"
    with open(place, "w+b") as stream:
        members = tarball.write(str(tmp_path), [f"f{size:07}" for size in sizes] + [long], stream, lambda _size: None)
        stream.seek(0)
        archive_reader.verify(stream, tarball.size_of(stream), members)
    assert [each.size for each in members] == [*sizes, 4]
    json.dumps([each._asdict() for each in members])
    with tarfile.open(place) as archive:
        assert [each.name for each in archive] == [each.path for each in members]
        assert {(each.mtime, each.uid, each.gid, each.uname, each.mode) for each in archive} == {(0, 0, 0, "", 0o644)}
