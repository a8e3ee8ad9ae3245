"""An index of version 1 with its archive, as geotagger made them before there was a version 2.

`version1/` was written by the program of then: photos of a walk in Vienna, three of another camera with a
track, one without a time that the owner placed, in three runs; `files.zip` holds the files as they were
`before` and are `now`, `query.json` what `query --json` said. `@BASE@` stands for the folder of all.
"""

import json
import os
import sqlite3
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "version1"
_BASE = "@BASE@"


@dataclass(frozen=True)
class OldIndex:
    """`before`: the photos' bytes before anything was written, by path below `archive`."""

    path: Path
    archive: Path
    before: dict[str, bytes]
    queried: list[dict[str, Any]]


def lay_out(folder: Path, index: Path) -> OldIndex:
    """Puts the archive into a folder, and the index at its path."""
    archive = folder / "archive"
    before: dict[str, bytes] = {}
    with zipfile.ZipFile(RECORDED / "files.zip") as files:
        for name in files.namelist():
            when, _, below = name.partition("/")
            if when == "before":
                before[below] = files.read(name)
                continue
            target = archive / below if when == "now" else folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(files.read(name))
    index.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(index)
    connection.executescript(_moved((RECORDED / "dump.sql").read_text("utf-8"), folder))
    connection.execute("pragma application_id = 0x47454F54")
    connection.execute("pragma user_version = 1")
    connection.execute("pragma journal_mode = wal")
    connection.commit()
    for path, mtime_ns, sidecar_ns in connection.execute(
        "select path, mtime_ns, sidecar_mtime_ns from photos"
    ):
        os.utime(archive / path, ns=(mtime_ns, mtime_ns))
        if sidecar_ns:
            os.utime(archive / Path(path).with_name(Path(path).name + ".xmp"), ns=(sidecar_ns, sidecar_ns))
    connection.close()
    queried = json.loads(_moved((RECORDED / "query.json").read_text("utf-8"), folder))
    return OldIndex(index, archive, before, queried)


def _moved(text: str, folder: Path) -> str:
    """Text of the recording, also what stands in it as hexadecimal, about another folder."""
    in_hex = os.fsencode(folder).hex().upper()
    return text.replace(_BASE, str(folder)).replace(_BASE.encode().hex().upper(), in_hex)
