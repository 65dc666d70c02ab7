"""Where calls are anchored: those of one queue, or one conference, are in one region."""

# By the city of an application's anchor site; "Latency", the default, is anywhere.
REGIONS = {
    "Chicago": "US",
    "Ashburn": "US",
    "San Jose": "US",
    "Toronto": "Canada",
    "London": "Europe",
    "Amsterdam": "Europe",
    "Frankfurt": "Europe",
    "Chennai": "India",
    "Sydney": "Australia",
}


def region_of(anchor_site: str | None) -> str | None:
    """Of "Chicago, IL"; None is anywhere."""
    return REGIONS.get((anchor_site or "").partition(",")[0])
