"""The examples of docs/library.md do what the page says, typed, from the wheel."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import geotagger
from tests.tag.scenes import bytes_of, walk_through_town
from tests.tag.test_pictures import colour_pack

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(encoding="utf-8"), re.S
)


def test_the_examples_run_one_after_the_other_and_leave_the_photos_as_they_were(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = walk_through_town(tmp_path / "Photos", 12)
    (home / "models").mkdir()
    colour_pack(tmp_path).rename(home / "models" / "rn101-5k500")
    before = bytes_of(scene.folder)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "example"}
    for example in EXAMPLES:
        exec(compile(example, "docs/library.md", "exec"), names)
    said = capsys.readouterr().out
    assert said.startswith("6 would be written\n1 6 0\n")
    assert "Fotos: there is no such file or folder" in said
    assert "Placing 12 of 12" in said
    assert re.search(r"median error: 0\.0\d+ km", said)
    left = geotagger.forget("Photos")
    assert left.tally.failures == 0
    while True:
        try:
            geotagger.undo()
        except geotagger.UsageError:
            break
    assert bytes_of(scene.folder) == before


def test_every_error_and_function_of_the_library_is_on_its_page() -> None:
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    for name in geotagger.__all__:
        value = getattr(geotagger, name)
        if not isinstance(value, type) or issubclass(value, Exception):
            assert name in page, name


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "geotagger" / "py.typed").is_file()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "geotagger" in settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_program_that_uses_the_wheel_is_checked_strictly(tmp_path: Path) -> None:
    """Built, installed into an environment of its own, and the examples of the page checked against it."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    built = subprocess.run(
        [*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT],
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert "geotagger/py.typed" in zipfile.ZipFile(wheel).namelist()
    place = tmp_path / "site"
    subprocess.run([*pip, "install", "-q", "--no-deps", "--target", place, wheel], check=True)
    program = tmp_path / "program.py"
    wrong = 'geotagger.tag("Photos", min_confidence="high")\ngeotagger.tag("Photos").tally.statuses + 1\n'
    program.write_text("\n".join(EXAMPLES), encoding="utf-8")
    (tmp_path / "wrong.py").write_text(f"import geotagger\n{wrong}", encoding="utf-8")

    def checked(file: str) -> str:
        mypy = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file=", file]
        # from another folder than the checkout, with the wheel's files before those of the checkout
        done = subprocess.run(
            mypy, cwd=tmp_path, env={"MYPYPATH": "", "PATH": "/usr/bin:/bin", "PYTHONPATH": str(place)},
            capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout + done.stderr

    assert "Success: no issues found" in checked("program.py")
    assert checked("wrong.py").count("error:") == 2
