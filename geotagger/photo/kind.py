"""Whether a file looks like a photograph, or like a screenshot, a scan or a graphic.

Takes what the container and the tags say, never the pixels. Careful by design: a file that names
a camera or an exposure is a photograph whatever else it is, and a JPEG that says nothing
(messengers strip everything) is one too. docs/engines.md lists the rules for users.
"""

import re
import unicodedata

from geotagger.photo.containers import Container
from geotagger.photo.formats import RAW_FORMATS
from geotagger.photo.moment import EXPOSURE, is_only_digitised, makers_named
from geotagger.photo.tags import SOFTWARE
from geotagger.photo.values import SCAN
from geotagger.photo.xmp import xmp_text

_SMALLEST_EDGE = 32
"""Below this in either direction, and without a capture time, it is an icon or a spacer."""

_LONGEST_SHAPE = 8
"""Longer than 8:1 it is a banner, a divider or a web page; phone panoramas end near 5:1 to 6:1."""

_DESCRIPTION = ("image", 0x010E)
_USER_COMMENT, _FILE_SOURCE = ("exif", 0x9286), ("exif", 0xA300)
_TIME_TAKEN = ("exif", 0x9003)

_DIGITAL_CAMERA = 3
_XMP_EXPOSURE = (
    *("exif:ExposureTime", "exif:FNumber", "exif:ISOSpeedRatings", "exif:PhotographicSensitivity"),
    *("exif:FocalLength", "exif:ShutterSpeedValue"),
)
_SCANNERS = {1: "a film scanner", 2: "a print scanner"}
"""Values of FileSource."""

_SCREENSHOT = re.compile(
    r"screen\s?shot|screen capture|screencapture|snipping|flameshot|ksnip|spectacle|greenshot|sharex", re.I
)
_SCANNER = re.compile(
    r"\bscan(ner|jet|snap|wizard|ned|maker)?\b|\bscanjet|coolscan|epson (perfection|expression|gt-)"
    r"|canoscan|opticfilm|silverfast|vuescan|\bnaps2\b|image capture plug-?in|plustek|microtek|umax"
    r"|noritsu|\bez controller\b|\bqss-?\d|\bfrontier\b|\bfuji.*\bsp-?\d{3,4}\b|\bpakon\b|flextight"
    r"|\bimacon\b|\bnikon.*\bls-?\d{2,4}\b|primefilm|\breflecta\b|\bd-lab\b"
    r"|\bkodak.*\b(hr ?500|hr universal|dls)\b"
    r"|\b(snap|sprint)scan\b|\bscanza\b|\bdurst\b|\bkonica\b.*\b(qd|r\d)\b|\bgretag|\beversmart\b|\biqsmart\b|\bfujitsu\b.*\bfi-\d"
    r"|\b(canon|epson)\b.*\bseries\b|\bepson (et|wf|xp|sx|bx)-?\d|\b(mfc|dcp)-[a-z]?\d|\blexmark\b"
    r"|\b(taskalfa|aficio|docucentre|apeosport|versalink)\b"
    r"|officejet|laserjet|workcentre|bizhub|imagerunner|camscanner|adobe scan|genius scan",
    re.I,
)
_SCREENSHOT_NAME = re.compile(
    r"(simulator )?screen[ _-]?shots?\b|screenshot_|screen[ _-]?record|screen-\d{8}|screencast[ _-]"
    r"|rpreplay_|svid_\d|record_\d{4}-|xrecorder|smartselect_|capture\+_|annotation \d{4}-"
    r"|\d{4}-?\d\d-?\d\d[_ ][\d.-]+[_ -]screenshot\b"
    r"|bildschirm(foto|aufnahme)|capture d.écran|enregistrement de l.écran"
    r"|captura[ _]de[ _](pantalla|tela|ecrã|ecra)|captura d.ecrà|grabación de pantalla"
    r"|gravação (de|do) (tela|ecrã)|schermata|schermafbeelding|schermopname"
    r"|registrazione schermo|skärmavbild|skärmbild|skjermbilde|skærmbillede|näyttökuva"
    r"|zrzut[ _]ekranu|snímek obrazovky|képernyő(fotó|kép)|captură de ecran"
    r"|ekran (resmi|görüntüsü|alıntısı)|снимок экрана|знімок екрана|στιγμιότυπο"
    r"|صورة شاشة|لقطة (ال)?شاشة|تسجيل الشاشة|צילום מסך|הקלטת מסך|ảnh chụp màn hình|bản ghi màn hình"
    r"|ภาพถ่ายหน้าจอ|สกรีนช็อต|(cuplikan|tangkapan|rekaman) layar|snímka obrazovky|záznam obrazovky"
    r"|snimka (zaslona|ekrana)|posnetek zaslona|екранна снимка|schermafdruk|kuvakaappaus|näyttötallenne"
    r"|skärminspelning|skjermopptak|skærmoptagelse|képernyőfelvétel|nagranie z ekranu|înregistrare ecran"
    r"|ekran kaydı|запись экрана|запис екрана|enregistrament de pantalla|cleanshot[ _]|snipaste_"
    r"|スクリーンショット|画面収録|屏幕(截图|快照|录制)|截屏|截图|截圖|螢幕(截圖|擷取|快照)"
    r"|스크린샷|화면 기록",
    re.I,
)
"""How Android, iOS, macOS and Windows call screenshots and screen recordings, at the start of a name."""
_DRAWN = re.compile(
    r"\b(matplotlib|gnuplot|inkscape|ggplot|plotly|graphviz|libreoffice|excel|powerpoint|www\.inkscape\.org)\b",
    re.I,
)

_SCREEN_SIZES = frozenset(
    {
        # Apple phones and tablets, points × scale
        (640, 960), (640, 1136), (750, 1334), (828, 1792), (1080, 1920), (1125, 2436), (1170, 2532),
        (1179, 2556), (1206, 2622), (1242, 2208), (1242, 2688), (1284, 2778), (1290, 2796), (1320, 2868),
        (1488, 2266), (1536, 2048), (1620, 2160), (1640, 2360), (1668, 2224), (1668, 2388), (2048, 2732),
        # Android phones
        (720, 1280), (720, 1440), (720, 1520), (720, 1560), (720, 1600), (1080, 2160), (1080, 2220),
        (1080, 2246), (1080, 2280), (1080, 2310), (1080, 2340), (1080, 2376), (1080, 2400), (1080, 2408),
        (1080, 2412), (1440, 2560), (1440, 2880), (1440, 2960), (1440, 3040), (1440, 3088), (1440, 3120),
        (1440, 3200),
        # monitors
        (768, 1366), (800, 1280), (900, 1440), (900, 1600), (1050, 1680), (1200, 1920), (1440, 3440),
        (1600, 2560), (1664, 2560), (1800, 2880), (1964, 3024), (2160, 3840), (2234, 3456), (2880, 5120),
    }
)  # fmt: skip
"""Short and long edge in pixels of common screens."""


def why_not_a_photo(container: Container) -> str | None:
    """The reason to leave the file alone unless asked; None when it looks like a photograph."""
    tags = container.tags
    if container.format in RAW_FORMATS:
        return None
    if container.video is not None:
        is_recording = _SCREENSHOT_NAME.match(unicodedata.normalize("NFC", container.name))
        return "screen recording: its name says so" if is_recording else None
    words = " ".join(
        (tags.text(*SOFTWARE), tags.text(*_DESCRIPTION), tags.comment(*_USER_COMMENT), *container.texts)
    )
    maker = " ".join(makers_named(tags, container.xmp)).strip()
    if _xmp_says_screenshot(container.xmp) or (_SCREENSHOT.search(words) and not _exposed(container)):
        return "screenshot: it calls itself one"
    if _SCREENSHOT_NAME.match(unicodedata.normalize("NFC", container.name)) and not _exposed(container):
        return "screenshot: its name says so"
    source = tags.opaque(*_FILE_SOURCE)[:1]
    if source and source[0] in _SCANNERS and not _exposed(container):
        return f"{SCAN}made by {_SCANNERS[source[0]]}"
    dated = any(xmp_text(container.xmp, name) for name in ("exif:DateTimeOriginal", "photoshop:DateCreated"))
    if is_only_digitised(tags) and not dated:
        return f"{SCAN}it tells only when it was digitised, and names no camera"
    if _SCANNER.search(maker) or (_SCANNER.search(words) and not _exposed(container)):
        return f"{SCAN}made by {(maker or words)[:40].strip()}"
    if _taken_by_camera(container):
        return None
    short, long = sorted((container.width, container.height))
    if short < _SMALLEST_EDGE and not tags.text(*_TIME_TAKEN):
        return f"graphic: only {container.width}×{container.height} pixels"
    if long > _LONGEST_SHAPE * short:
        return f"graphic: {container.width}×{container.height} pixels is no photograph's shape"
    if "bilevel" in container.traits:
        return f"{SCAN}black and white without grey"
    if "palette" in container.traits and not (container.format == "gif" and dated):
        return "graphic: palette colours"
    if _DRAWN.search(words):
        return "graphic: made by a drawing or plotting program"
    if container.format == "png":
        return _kind_of_png(container)
    return None


def _kind_of_png(container: Container) -> str | None:
    """A PNG that names no camera: no camera writes PNG, and what programs convert keeps its tags, at
    least the time it was taken."""
    if tuple(sorted((container.width, container.height))) in _SCREEN_SIZES:
        return f"screenshot: a PNG of a screen's size ({container.width}×{container.height}), no camera"
    if container.tags.text(*_TIME_TAKEN) or xmp_text(container.xmp, "exif:DateTimeOriginal"):
        return None
    if "alpha" in container.traits:
        return "graphic: a PNG with transparency, no camera"
    return "graphic: a PNG that names no camera"


def _taken_by_camera(container: Container) -> bool:
    tags = container.tags
    named = all(makers_named(tags, container.xmp))
    source = tags.opaque(*_FILE_SOURCE)[:1]
    return named or _exposed(container) or source == bytes([_DIGITAL_CAMERA])


def _exposed(container: Container) -> bool:
    return any(key in container.tags for key in EXPOSURE) or any(
        xmp_text(container.xmp, name) for name in _XMP_EXPOSURE
    )


def _xmp_says_screenshot(xmp: bytes | None) -> bool:
    """Apple writes `exif:UserComment` Screenshot into the XMP of its PNG screenshots."""
    return "screenshot" in xmp_text(xmp, "exif:UserComment").lower()
