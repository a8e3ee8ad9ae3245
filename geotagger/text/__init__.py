"""Text in pictures: read it, and say what it tells of the place.

    networks     where the two networks lie that read
    detecting    where in a picture is text?
    recognising  what does it say?
    reader       both, of one photo, within bounds of size and time
    clues        languages, addresses, telephone numbers, currencies, scripts, names of towns
    values       what passes between these, and `PlaceRatios`
    ratios       from these how much more probable each country and town is: the only thing that leaves

The room takes pictures, gives `PlaceRatios`. Words that were read are shown to whoever asks about that
photo and go nowhere else. Knows nothing of files, photos' times or other evidence.
"""

READER = "PP-OCRv6 small, scorer 3"
"""What an index keeps is kept by this name. The number is raised with each change that gives other factors:
what older ones read is read anew."""
