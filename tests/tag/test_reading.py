"""Facts are the same however they are read: on threads, in processes, when a process dies."""

import errno
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from geotagger.archive import folders
from geotagger.index import Index, open_index
from geotagger.tag import reading
from geotagger.tag.outcome import Outcome
from geotagger.tag.reading import Reader
from tests.tag.scenes import START, jpeg, walk_through_town


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Photos with and without a place, with sidecars, and what nobody can read."""
    scene = walk_through_town(tmp_path / "photos", 40)
    (scene.folder / "none.jpg").write_bytes(jpeg(None))
    (scene.folder / "broken.jpg").write_bytes(jpeg(START)[:90])
    (scene.folder / "empty.heic").touch()
    (scene.folder / "IMG_0001.jpg.xmp").write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="48,12.6N"'
        ' exif:GPSLongitude="16,21.6E"/></rdf:RDF></x:xmpmeta>'
    )
    return scene.folder


def taken_in(archive: Path, index: Index, said: list[Outcome], **how: int) -> list[dict[str, Any]]:
    root = index.roots.root_for(str(archive))
    with Reader(index, root, (), 2, said.append, **how) as reader:
        changes = list(index.compare(root, folders([root.path])))
        ids: list[int] = []
        for start in range(0, len(changes), 10):
            ids += reader.take_in(changes[start : start + 10])
        ids += reader.rest()
    assert len(ids) == len(set(ids)) == len(changes)
    return list(rows_of(index))


def rows_of(index: Index) -> Iterator[dict[str, Any]]:
    query = (
        "select photos.*, e.latitude, e.longitude, e.cell, e.leaf, e.rung, e.place, e.country from photos"
        " left join estimates as e on e.photo_id = photos.id order by photos.path"
    )
    yield from index.database.query(query)


def differences(one: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]]) -> set[str]:
    pairs = zip(one, other, strict=True)
    return {key for a, b in pairs for key in a.keys() | b.keys() if a.get(key) != b.get(key)}


def test_processes_read_what_threads_read(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_ENOUGH", 10)
    said: tuple[list[Outcome], list[Outcome]] = [], []
    with open_index(tmp_path / "threads.db") as index:
        on_threads = taken_in(archive, index, said[0])
    with open_index(tmp_path / "processes.db") as index:
        in_processes = taken_in(archive, index, said[1], processes=2)
    assert sum(row["rung"] is not None for row in on_threads) == 21
    assert differences(on_threads, in_processes) <= {"id", "folder_id", "root_id"}
    assert said[0] == said[1]
    assert sorted(Path(one.path).name for one in said[0]) == ["broken.jpg", "empty.heic"]


@pytest.fixture
def on_threads(archive: Path, tmp_path: Path) -> list[dict[str, Any]]:
    with open_index(tmp_path / "threads.db") as index:
        return taken_in(archive, index, [])


def test_a_process_that_is_killed_while_it_reads_loses_no_photo(
    archive: Path, tmp_path: Path, on_threads: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only process is stopped before it is given anything, so that it dies with photos in its hands."""
    pool, pid = one_process()
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(reading, "_ENOUGH", 0)
    monkeypatch.setattr(reading, "_processes", lambda *_: pool)
    with open_index(tmp_path / "processes.db") as index:
        root = index.roots.root_for(str(archive))
        with Reader(index, root, (), 2, [].append, processes=2) as reader:
            changes = list(index.compare(root, folders([root.path])))
            assert reader.take_in(changes) == []
            os.kill(pid, signal.SIGKILL)
            assert len(reader.rest()) == len(changes)
        survived = list(rows_of(index))
    assert differences(on_threads, survived) <= {"id", "folder_id", "root_id"}


def test_a_process_that_was_killed_before_it_read_loses_no_photo(
    archive: Path, tmp_path: Path, on_threads: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, pid = one_process()
    os.kill(pid, signal.SIGKILL)
    while not pool._broken:
        time.sleep(0.01)
    monkeypatch.setattr(reading, "_ENOUGH", 0)
    monkeypatch.setattr(reading, "_processes", lambda *_: pool)
    with open_index(tmp_path / "processes.db") as index:
        survived = taken_in(archive, index, [], processes=2)
    assert differences(on_threads, survived) <= {"id", "folder_id", "root_id"}


def test_processes_that_cannot_be_started_lose_no_photo(
    archive: Path, tmp_path: Path, on_threads: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short of handles or memory, or because another process died in the same moment and took the queue
    with it, `start` fails with OSError and not with BrokenExecutor."""
    started = []

    def no_more(process: object) -> None:
        started.append(process)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(multiprocessing.get_context("spawn").Process, "_Popen", staticmethod(no_more))
    monkeypatch.setattr(reading, "_ENOUGH", 0)
    with open_index(tmp_path / "processes.db") as index:
        survived = taken_in(archive, index, [], processes=2)
    assert len(started) == 1, "tried once, and not again with every chunk"
    assert differences(on_threads, survived) <= {"id", "folder_id", "root_id"}


def one_process() -> tuple[ProcessPoolExecutor, int]:
    """What reads in processes, with a single one that has been started, and its number."""
    pool = reading._processes(1)
    return pool, pool.submit(os.getpid).result()
