"""What a training says: a bar where somebody watches, plain lines where nobody does."""

import os
import pty
import subprocess
import sys

PROGRAM = """
import time
from geotagger.cli.train_bar import training_voice
with training_voice() as say:
    say("cells: 12")
    for step in range(1, 4):
        if say.count:
            say.count("Training", step, 3, "31 images/s")
            time.sleep(0.2)
        if step == 2:
            say("step 2 of 3, val")
say("pack: written")
"""


def on_a_terminal() -> str:
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    )
    os.close(theirs)
    heard = b""
    try:
        while piece := os.read(ours, 4096):
            heard += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert running.wait(timeout=60) == 0
    return heard.decode()


def test_a_terminal_shows_a_bar_below_the_lines() -> None:
    heard = on_a_terminal()
    assert "Training" in heard
    assert "2/3" in heard
    assert "31 images/s" in heard
    for line in ("geotagger: cells: 12", "geotagger: step 2 of 3, val", "geotagger: pack: written"):
        assert line in heard
    assert heard.rindex("Training") < heard.index("pack: written"), "the bar is gone when its work is done"


def test_a_log_has_lines_alone() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stderr == "geotagger: cells: 12\ngeotagger: step 2 of 3, val\ngeotagger: pack: written\n"
