"""How good the estimates are on an archive: places that are known are hidden, predicted, and compared.

    archive     the whole of it: photos read, places hidden, what was learned kept for `tag`
    sightings   what each photo says of itself, and where it was truly taken       reads files
    remembered  what the index remembers that bears on it
    trial       hides, and predicts by the same weighing as `tag`
    rules       what other programs do instead
    scores      how near the predictions came; `plots` draws that
    calibrating what the certainties should have been

Stands right of `tag`, whose estimates it must foretell to the last digit; gives values, prints nothing.
"""
