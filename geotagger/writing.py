"""How positions are to be written: what the owner chose, carried as one value from the command to the file.

Knows nothing of files. `geotagger.metadata` does what it says.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

WriteMode = Literal["auto", "exif", "sidecar", "none"]
"""`auto`: into the photo where its container can take it without harm, otherwise a sidecar.
`exif`: into the photo or not at all. `sidecar`: never into the photo. `none`: nothing."""

SidecarStyle = Literal["full", "stem"]
"""How a new sidecar of IMG.CR2 is named: `full` IMG.CR2.xmp, `stem` IMG.xmp."""

WRITE_MODES: tuple[str, ...] = get_args(WriteMode)
SIDECAR_STYLES: tuple[str, ...] = get_args(SidecarStyle)


@dataclass(frozen=True, slots=True)
class Writing:
    """`sidecar_folder` takes sidecars in place of the photo's own folder. `overwrite` allows to replace a
    position that geotagger did not write. `names`: what the place is called is written, too. `durable` False
    leaves out the fsync, for measurements and for folders that can be made again."""

    mode: WriteMode = "auto"
    sidecar_style: SidecarStyle = "full"
    sidecar_folder: Path | None = None
    overwrite: bool = False
    names: bool = False
    durable: bool = True
