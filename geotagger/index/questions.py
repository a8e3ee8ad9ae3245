"""Ten questions to the index in SQL, as docs/index.md has them; a test holds the two together."""

QUESTIONS = (
    (
        "countries",
        "Photos by country",
        """select country, count(*) as photos from positions group by country order by photos desc""",
    ),
    (
        "towns",
        "The places where most photos are",
        """select place, region, country, count(*) as photos from positions
where place is not null group by place, region, country order by photos desc limit 20""",
    ),
    (
        "squares",
        "The squares of about 9 km where most photos are, with their middle",
        """select cell_10, count(*) as photos, avg(latitude) as latitude, avg(longitude) as longitude
from positions group by cell_10 order by photos desc limit 20""",
    ),
    (
        "certainty",
        "What geotagger wrote, and how certain it was, a row for each tenth",
        """select cast(confidence * 10 as integer) / 10.0 as certainty_from, count(*) as photos
from positions where written in ('exif', 'sidecar') and rung in ('visual', 'neighbours', 'track')
group by 1 order by 1""",
    ),
    (
        "days_without_a_place",
        "Days without any place, newest first",
        """select substr(taken, 1, 10) as day, count(*) as photos from photos_without_place
where taken is not null group by day
having day not in (select substr(taken, 1, 10) from positions where taken is not null)
order by day desc""",
    ),
    (
        "cameras_without_a_place",
        "Photos without a place by camera, and how many of it have none because they look like no photograph",
        """select camera, count(*) as photos, count(not_a_photo) as no_photographs
from photos_without_place group by camera order by photos desc""",
    ),
    (
        "folders",
        "Folders by how much of them has a place",
        """select folder, sum(placed) as placed, count(*) as photos from (
  select folder, 1 as placed from positions union all select folder, 0 from photos_without_place
) group by folder order by 1.0 * placed / photos, photos desc""",
    ),
    (
        "years",
        "Where each year was spent",
        """select substr(taken, 1, 4) as year, country, count(*) as photos from positions
where taken is not null group by year, country order by year, photos desc""",
    ),
    (
        "borders",
        "Positions within 20 km of a border, which may lie on its other side",
        """select path, country, near_border, radius_km from positions
where near_border is not null order by radius_km desc""",
    ),
    (
        "runs",
        "What each run wrote that still stands",
        """select run, count(*) as photos, min(taken) as first, max(taken) as last from positions
where written in ('exif', 'sidecar') group by run order by run desc""",
    ),
)
"""Of each the name, what it answers, and the statement."""
