"""Where the two networks lie that read text: PP-OCRv6 small by PaddleOCR (Apache-2.0), 31 MB.

Takes nothing, gives paths. They come with the package rapidocr 3.10, of which nothing is imported, or by
`geotagger models pull text`. Only the very files that everything was measured with are used: a network is
somebody else's program.
"""

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from geotagger.errors import ModelNotInstalledError
from geotagger.model.pack import models_folder

DETECTOR = "PP-OCRv6_det_small.onnx"
RECOGNISER = "PP-OCRv6_rec_small.onnx"
SHA256 = {
    DETECTOR: "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    RECOGNISER: "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
}
BYTES = {DETECTOR: 9_929_594, RECOGNISER: 21_234_383}

HOW_TO_GET = (
    "pip install 'photo-geotagger[text]' (240 MB with what rapidocr brings), or pip install py3langid and "
    "`geotagger models pull text` (36 MB)"
)


@dataclass(frozen=True, slots=True)
class TextNetworks:
    detector: Path
    recogniser: Path


def text_folder() -> Path:
    """Where `models pull text` puts them."""
    return models_folder() / "text"


def find_networks() -> TextNetworks:
    """Raises ModelNotInstalledError with what to do, in one line."""
    folders = [text_folder(), *_packaged()]
    for folder in folders:
        networks = TextNetworks(folder / DETECTOR, folder / RECOGNISER)
        if os.path.isfile(networks.detector) and os.path.isfile(networks.recogniser):
            for path in (networks.detector, networks.recogniser):
                _check(path)
            return networks
    raise ModelNotInstalledError(f"--with text: the networks that read are not installed; {HOW_TO_GET}")


def check_languages() -> None:
    """Raises ModelNotInstalledError where the package that tells languages apart is missing."""
    if importlib.util.find_spec("py3langid") is None:
        raise ModelNotInstalledError(f"--with text: the package py3langid is not installed; {HOW_TO_GET}")


def _packaged() -> list[Path]:
    """The folder of models of an installed rapidocr. Finding a package's place does not import it."""
    spec = importlib.util.find_spec("rapidocr")
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    return [Path(place) / "models" for place in places]


def _check(path: Path) -> None:
    try:
        stat = path.stat()
        digest = sha256_of(path, stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise ModelNotInstalledError(f"{path}: cannot be read ({error.strerror}); {HOW_TO_GET}") from None
    if digest != SHA256[path.name]:
        raise ModelNotInstalledError(
            f"{path}: is not the network that is known (rapidocr 3.10 has it); {HOW_TO_GET}"
        )


@cache
def sha256_of(path: Path, size: int, mtime_ns: int) -> str:  # noqa: ARG001 (they tell a changed file)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
