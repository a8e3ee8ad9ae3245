"""People who do not exist. A set of them tells of strangers as long as no parameter, prior or constant of the
model of evidence is chosen with it in sight; where the first two took part in something after all,
docs/evidence.md says so. `benchmarks/certainty.py` takes them in with `--strangers`; they are drawn otherwise
than tests/estimate/archives.py.

`sailor` goes along a coast for three weeks at a time; `studio` takes hundreds of photos in one room, and
weddings on Saturdays; `trio` is two phones and a tablet that stays at home; `weekender` lives in two cities
400 km apart by the day of the week; `emigrant` moves to another continent and comes back for visits.

A second set was drawn by somebody who had not seen how the first came out: `courier` photographs doors;
`hiker` has a camera that goes up another mountain on weekends and a telephone that stays at home; `pilot`
comes to the same twelve cities of the world again and again; `student` lives in a town in term and with the
parents in holidays; `coach` makes two tours a year and few photos at home; `reporter` goes all over the
country. Their steps do not depend on the time between two photos, which no legs do.

What was written of the first set was looked into to find out why it was stated too surely. A third one was
drawn after what came of that and before it was tried: `nurse` works by turns in two hospitals; `boarder`
spends terms in one city and breaks with the parents; `salesman` is in another town every day of some weeks;
`climber` goes to the same few ranges of hills; `grandparents` fly to their child on another continent.

A fourth set was drawn after certainties were corrected by lag and by camera, by somebody who had not read how
that works nor, but for two sentences of docs/evidence.md, how the others came out: `birdwatcher` has a few
hides near home and one far trip a year; `band` is on tour with a van; `watchman` works at night at five
sites; `railwayman` drives trains along two lines; `passenger` goes on cruises; `parents` have a child at
school, and its grandparents live in another time zone. They live in two dozen towns of all continents, at
hours of the day that fit what they do; what is photographed on the way lies where a van, a train, a ship or
an aeroplane is by then."""

from collections.abc import Mapping

from benchmarks.strangers.album import Person
from benchmarks.strangers.first import FIRST
from benchmarks.strangers.fourth import FOURTH
from benchmarks.strangers.second import SECOND
from benchmarks.strangers.third import THIRD

STRANGERS: Mapping[str, Mapping[str, Person]] = {
    "first": FIRST,
    "second": SECOND,
    "third": THIRD,
    "fourth": FOURTH,
}
