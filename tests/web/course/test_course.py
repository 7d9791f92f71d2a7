"""The picture of the course: where stations lie, and that nothing covers another's words."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.web.course import STATE_WORDS, Course, Station, alone, drawing, sign
from campaigns.web.course.placing import EDGE, placed

DAY = date(2027, 9, 19)
ZONE = ZoneInfo("Europe/London")
FINISH = datetime(2027, 9, 19, 13, tzinfo=ZONE)


def station(days: float, topic: str = "Shoes", **fields) -> Station:
    return Station(
        **{
            "topic": topic,
            "channel": "email",
            "state": "waiting",
            "people": 366,
            "moment": "Tue 27 Jul, 10:00",
        }
        | fields,
        at=FINISH + timedelta(days=days),
    )


def course(*stations: Station, now: datetime = datetime(2027, 8, 1, tzinfo=UTC), **fields) -> Course:
    return Course(day=DAY, zone=ZONE, now=now, stations=stations, **fields)


def test_the_last_seven_days_take_two_fifths_of_the_way_to_the_finish():
    drawn = course(station(-54))
    whole = drawn.finish_x - drawn.left
    assert drawn.finish_x - drawn.x(FINISH - timedelta(days=7)) == pytest.approx(0.4 * whole)
    assert drawn.x(FINISH) == drawn.finish_x


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-200, 60), min_size=2, max_size=30))
def test_what_is_earlier_stands_further_left_and_all_on_the_picture(days):
    drawn = course(*(station(number) for number in days))
    xs = [drawn.x(FINISH + timedelta(days=number)) for number in sorted(days)]
    assert xs == sorted(xs)
    assert xs[0] >= drawn.left
    assert xs[-1] <= drawn.right


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(-70, 40), min_size=1, max_size=20))
def test_no_board_covers_another_and_none_leaves_the_picture(days):
    boards = placed(course(*(station(number, topic=f"Topic {number}") for number in days)))
    assert len(boards) == len(days)
    for place, board in enumerate(boards):
        assert board.span[0] >= 0
        assert board.span[1] <= EDGE
        assert not any(board.overlaps(other) for other in boards[place + 1 :])


def test_a_very_long_topic_is_cut_on_its_board():
    text = drawing(course(station(-54, topic="A" * 200)))
    assert "A" * 29 + "…" in text
    assert "A" * 30 not in text


def test_the_library_s_own_rhythm_hangs_in_four_rows():
    """Sixteen steps of a campaign as the race's own plan has them: the picture stays flat enough to read."""
    days = (-68, -54, -47, -40, -30, -26, -19, -12, -12, -5, -3, -1, -0.2, 0.2, 1, 9)
    assert max(board.lane for board in placed(course(*map(station, days)))) <= 4


@pytest.mark.parametrize("channel", ["email", "sms", "alert"])
def test_each_state_is_told_by_its_shape_and_not_by_colour_alone(channel):
    drawn = {state: sign(Station("", channel, state, 0)) for state in STATE_WORDS}
    without_class = [words.replace(f"sign-{state}", "") for state, words in drawn.items()]
    told_by_edge = {"draft", "approved", "done"}  # dashed and empty; with a tick: outlined, filled
    assert len(set(without_class)) == len(STATE_WORDS) - 1
    assert drawn["approved"].replace("approved", "done") == drawn["done"]
    assert told_by_edge <= set(STATE_WORDS)


def test_every_station_has_its_words_in_the_picture():
    text = drawing(course(station(-54, topic="Shoes & socks"), station(1, state="done", topic="Recovery")))
    root = ElementTree.fromstring(text)
    said = [element.text for element in root.iter() if element.text]
    assert {"Shoes & socks", "Recovery", "366 · waiting", "366 · sent"} <= set(said)
    assert root.get("aria-hidden") == "true"


def test_a_moved_race_leaves_ghosts_where_stations_stood():
    moved = replace(station(-40), was=FINISH - timedelta(days=47))
    assert drawing(course(moved)).count('class="ghost"') == 1
    assert 'class="ghost"' not in drawing(course(station(-40)))


def test_alerts_stand_on_a_shelf_of_their_own():
    alert = Station("Heat", "alert", "draft", 0)
    text = drawing(course(station(-40), alerts=(alert,)))
    ElementTree.fromstring(text)
    assert "Heat" in text


def test_a_course_without_stations_is_still_a_course():
    ElementTree.fromstring(drawing(course()))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_by_itself_the_picture_has_its_colours_inside(scheme):
    text = alone(course(station(-54, state="done")), scheme)
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in text
    assert ("#18231D" in text) is (scheme == "dark")
