"""The profile of a run: seconds add up, overlapping threads are shared out, the busiest is the limit."""

import threading
import time

from geotagger.tag.profile import Profile


def test_the_busiest_stage_is_the_limit() -> None:
    profile = Profile()
    with profile.timed("short"):
        time.sleep(0.01)
    for _ in range(2):
        with profile.timed("long"):
            time.sleep(0.05)
    shares = {share.stage: share for share in profile.shares()}
    assert list(shares) == ["short", "long"]
    assert shares["long"].seconds >= 0.1
    assert 0 < shares["short"].busy < shares["long"].busy <= 1
    limit = profile.limit()
    assert limit is not None
    assert limit.stage == "long"


def test_threads_at_work_together_are_not_counted_as_more_than_the_run() -> None:
    profile = Profile()

    def work() -> None:
        with profile.timed("decoding", threads=4):
            time.sleep(0.1)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    (share,) = profile.shares()
    assert share.seconds >= 0.4
    assert share.busy <= 1
