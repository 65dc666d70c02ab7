"""Which address of a webhook has its turn, and when."""

import pytest

from callbridge.carrier.net.trail import DeliveryVerdict, Trail, judge

PRIMARY, SPARE = "http://app/", "http://spare/"


def way(trail: Trail, verdict: DeliveryVerdict) -> list[tuple[str, float | None]]:
    """Each address that is asked when all say the same, and the pause behind it."""
    taken: list[tuple[str, float | None]] = []
    while not taken or taken[-1][1] is not None:
        url = trail.url
        taken.append((url, trail.failed(verdict)))
    return taken


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (302, "again"),
        (400, "elsewhere"),
        (404, "elsewhere"),
        (408, "again"),
        (429, "again"),
        (500, "again"),
        (503, "again"),
    ],
)
def test_what_a_status_means(status: int, verdict: DeliveryVerdict) -> None:
    assert judge(status) == verdict


def test_each_address_fails_twice() -> None:
    assert way(Trail([PRIMARY, SPARE], 0.5, None), "again") == [
        (PRIMARY, 0.5),
        (PRIMARY, 0.5),
        (SPARE, 0.5),
        (SPARE, None),
    ]


def test_a_refusal_sends_the_event_elsewhere_at_once() -> None:
    assert way(Trail([PRIMARY, SPARE], 0.5, None), "elsewhere") == [(PRIMARY, 0.0), (SPARE, None)]


def test_a_policy_is_for_the_first_address() -> None:
    assert way(Trail([PRIMARY, SPARE], 0.5, [10, 20]), "again") == [
        (PRIMARY, 0.01),
        (PRIMARY, 0.02),
        (PRIMARY, 0.5),
        (SPARE, 0.5),
        (SPARE, None),
    ]
    assert way(Trail([PRIMARY], 0.5, []), "again") == [(PRIMARY, None)]
