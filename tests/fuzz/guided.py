"""Coverage-guided fuzzing of the parsers with atheris (`pip install -e '.[fuzz]'`).

    python -m tests.fuzz.guided [CORPUS_FOLDER] [-atheris_runs=N]

In memory and without the file system: the layout of a file, the change for a position, the new
bytes, the check of them, and taking the position out again. Any error but a refusal is a finding.
"""

import contextlib
import sys
import warnings

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["geotagger.metadata"]):
    from geotagger.metadata import verify, write, xmp
    from geotagger.metadata.containers import layout_of
    from geotagger.metadata.forget import check_removed, removal
    from geotagger.metadata.layout import RefusedError
    from geotagger.metadata.rdf import XmpError
    from geotagger.metadata.source import MemorySource
    from geotagger.metadata.splice import spliced

from tests.metadata.conftest import ESTIMATE


def one_input(data: bytes) -> None:
    with contextlib.suppress(XmpError):
        xmp.with_position(data, ESTIMATE)
    try:
        layout = layout_of(MemorySource(data), "photo")
        new = spliced(data, layout.splices(write.change_to(layout, ESTIMATE, mark_xmp=True)))
        written = layout_of(MemorySource(new), "photo")
        verify.check_added(layout, written, ESTIMATE)
        out = spliced(new, written.splices(removal(written, None)))
        check_removed(written, layout_of(MemorySource(out), "photo"), None)
    except (RefusedError, verify.MismatchError):
        return


if __name__ == "__main__":
    warnings.simplefilter("error")
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
