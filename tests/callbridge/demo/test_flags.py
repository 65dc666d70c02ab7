from hypothesis import given
from hypothesis import strategies as st

from callbridge.demo.flags import lanes

WIDTH = 1400.0
MOST = 8

stems = st.lists(st.floats(0, WIDTH), max_size=25).map(sorted)
flags = stems.flatmap(
    lambda xs: st.tuples(
        st.just(xs), st.lists(st.floats(10, 160), min_size=len(xs), max_size=len(xs))
    )
)


def box(stem: float, width: float, leftward: bool) -> tuple[float, float]:
    return (stem - width, stem) if leftward else (stem, stem + width)


@given(flags)
def test_no_text_lies_over_another_or_over_a_stem(case: tuple[list[float], list[float]]) -> None:
    xs, widths = case
    placed = [
        (x, box(x, width, place[1]), place[0])
        for x, width, place in zip(xs, widths, lanes(xs, widths, WIDTH, MOST), strict=True)
        if place is not None
    ]
    for number, (x, (left, right), lane) in enumerate(placed):
        assert right <= WIDTH
        assert lane < MOST
        for other_x, (other_left, other_right), other_lane in placed[:number]:
            if lane == other_lane:
                assert right <= other_left or other_right <= left
            if lane < other_lane and x != other_x:
                assert not left < other_x < right
            if other_lane < lane and x != other_x:
                assert not other_left < x < other_right


def test_texts_of_one_moment_read_downwards() -> None:
    for x in (0.0, WIDTH):
        placed = lanes([x, x, x], [50.0, 50.0, 50.0], WIDTH, MOST)
        assert [place and place[0] for place in placed] == [2, 1, 0]


def test_texts_far_apart_share_the_lowest_lane() -> None:
    assert lanes([0.0, 500.0], [50.0, 50.0], WIDTH, MOST) == [(0, False), (0, False)]


def test_what_finds_no_lane_has_none() -> None:
    placed = lanes([100.0] * 10, [50.0] * 10, WIDTH, MOST)
    assert [place is None for place in placed].count(True) == 10 - MOST
