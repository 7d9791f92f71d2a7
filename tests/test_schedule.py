"""Moments, durations and quiet hours, above all where clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from campaigns.schedule import (
    DaysFromRace,
    MinutesFromStart,
    QuietHours,
    ScheduleError,
    WeekdayBeforeRace,
    When,
    after_quiet,
    moment,
    needs_start,
    parse_duration,
    parse_quiet_hours,
    parse_when,
    wall_clock,
)

LONDON = ZoneInfo("Europe/London")
NEW_YORK = ZoneInfo("America/New_York")
AUCKLAND = ZoneInfo("Pacific/Auckland")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")

ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Europe/London",
        "Europe/Dublin",
        "Atlantic/Azores",
        "Africa/Casablanca",
        "Africa/Cairo",
        "America/New_York",
        "America/St_Johns",
        "America/Santiago",
        "America/Havana",
        "Asia/Beirut",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Auckland",
        "Pacific/Chatham",
        "Pacific/Apia",
        "Antarctica/Troll",
    )
]


@cache
def days_of_change(zone: ZoneInfo) -> list[date]:
    """The days of 2024-2040 on which the zone's clocks change."""
    first, last = date(2024, 1, 1).toordinal(), date(2040, 12, 31).toordinal()
    offsets = [
        datetime(*date.fromordinal(day).timetuple()[:3], tzinfo=zone).utcoffset()
        for day in range(first, last)
    ]
    return [
        date.fromordinal(first + index - 1)
        for index in range(1, len(offsets))
        if offsets[index] != offsets[index - 1]
    ]


zones = st.sampled_from(ZONES)
any_day = st.dates(date(2024, 1, 1), date(2040, 12, 31))
clocks = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))


@st.composite
def zones_and_days(draw: st.DrawFn) -> tuple[ZoneInfo, date]:
    """Half of them within two days of a clock change, where things go wrong."""
    zone = draw(zones)
    changes = days_of_change(zone)
    near_change = bool(changes) and draw(st.booleans())
    if not near_change:
        return zone, draw(any_day)
    return zone, draw(st.sampled_from(changes)) + timedelta(days=draw(st.integers(-2, 2)))


def instants_showing(day: date, clock: time, zone: ZoneInfo) -> list[datetime]:
    """Every instant at which the zone's clocks show this, found by trying every offset there is."""
    naive = datetime.combine(day, clock)
    tries = ((naive - timedelta(minutes=15 * step)).replace(tzinfo=UTC) for step in range(-50, 60))
    return sorted(instant for instant in tries if instant.astimezone(zone).replace(tzinfo=None) == naive)


def wall(text: str) -> datetime:
    """What a clock and calendar on the wall show."""
    return datetime.fromisoformat(text)


def local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


@st.composite
def jumps(draw: st.DrawFn) -> tuple[ZoneInfo, datetime, timedelta]:
    """A zone, the first wall-clock time that its clocks jump over one spring, and the length of the jump."""
    zone = draw(zones.filter(days_of_change))
    day = draw(st.sampled_from(days_of_change(zone)))
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    quarter = timedelta(minutes=15)
    instants = [midnight + quarter * step for step in range(-96, 192)]
    lengths = {
        instant: local(instant, zone) - local(instant - quarter, zone) - quarter for instant in instants
    }
    forward = [instant for instant in instants if lengths[instant] > timedelta()]
    assume(forward)
    return zone, local(forward[0], zone) - lengths[forward[0]], lengths[forward[0]]


class TestWallClock:
    @given(zones_and_days(), clocks)
    def test_is_the_first_instant_at_which_the_clocks_show_it(
        self, where: tuple[ZoneInfo, date], clock: time
    ) -> None:
        zone, day = where
        showing = instants_showing(day, clock, zone)
        assume(showing)
        assert wall_clock(day, clock, zone) == showing[0]

    @given(jumps(), st.integers(0, 59))
    def test_a_time_that_is_jumped_over_moves_forward_by_the_jump(
        self, jump: tuple[ZoneInfo, datetime, timedelta], minutes: int
    ) -> None:
        zone, first_missing, length = jump
        missing = first_missing + minutes * length / 60
        instant = wall_clock(missing.date(), missing.time(), zone)
        assert not instants_showing(missing.date(), missing.time(), zone)
        assert local(instant, zone) == missing + length

    def test_a_time_shown_twice_is_the_first(self) -> None:
        assert wall_clock(date(2026, 10, 25), time(1, 30), LONDON) == datetime(
            2026, 10, 25, 0, 30, tzinfo=UTC
        )

    def test_a_time_already_marked_as_the_second_is_still_the_first(self) -> None:
        second = time(1, 30, fold=1)
        assert wall_clock(date(2026, 10, 25), second, LONDON) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    def test_the_example_of_rfc_5545(self) -> None:
        instant = wall_clock(date(2007, 3, 11), time(2, 30), NEW_YORK)
        assert local(instant, NEW_YORK) == wall("2007-03-11 03:30")

    def test_a_gap_of_half_an_hour_moves_by_half_an_hour(self) -> None:
        instant = wall_clock(date(2026, 10, 4), time(2, 15), LORD_HOWE)
        assert local(instant, LORD_HOWE) == wall("2026-10-04 02:45")

    def test_a_day_that_a_zone_left_out_moves_forward_by_a_day(self) -> None:
        apia = ZoneInfo("Pacific/Apia")
        instant = wall_clock(date(2011, 12, 30), time(10), apia)
        assert local(instant, apia) == wall("2011-12-31 10:00")

    def test_is_in_utc(self) -> None:
        assert wall_clock(date(2026, 7, 1), time(10), LONDON).tzinfo is UTC


class TestMoment:
    @pytest.mark.parametrize(
        ("zone", "race_date", "offset_then", "offset_on_race_day"),
        [
            (LONDON, date(2026, 11, 8), 1, 0),
            (LONDON, date(2026, 4, 12), 0, 1),
            (NEW_YORK, date(2026, 11, 8), -4, -5),
            (NEW_YORK, date(2026, 4, 5), -5, -4),
            (AUCKLAND, date(2026, 10, 11), 12, 13),
            (AUCKLAND, date(2026, 4, 19), 13, 12),
        ],
    )
    def test_ten_in_the_morning_stays_ten_across_a_clock_change(
        self, zone: ZoneInfo, race_date: date, offset_then: int, offset_on_race_day: int
    ) -> None:
        due = moment(parse_when("47 days before, 10:00"), race_date, zone, None)
        on_race_day = moment(parse_when("race day, 10:00"), race_date, zone, None)
        day = race_date - timedelta(days=47)
        assert due == datetime(day.year, day.month, day.day, 10, tzinfo=UTC) - timedelta(hours=offset_then)
        assert on_race_day - due == timedelta(days=47, hours=offset_then - offset_on_race_day)

    @given(zones_and_days(), st.integers(-999, 999), clocks)
    def test_clocks_show_the_asked_time_on_the_asked_day_unless_it_does_not_exist(
        self, where: tuple[ZoneInfo, date], days: int, clock: time
    ) -> None:
        zone, near_change = where
        race_date = near_change - timedelta(days=days)
        assume(instants_showing(near_change, clock, zone))
        due = moment(DaysFromRace(days, clock), race_date, zone, None)
        assert local(due, zone) == datetime.combine(near_change, clock)

    @given(zones_and_days(), st.integers(-60, 60), clocks)
    def test_a_day_later_is_later(self, where: tuple[ZoneInfo, date], days: int, clock: time) -> None:
        zone, race_date = where
        one, next_one = (moment(DaysFromRace(n, clock), race_date, zone, None) for n in (days, days + 1))
        assert one < next_one

    @given(zones_and_days(), st.integers(0, 6), st.integers(0, 99), clocks)
    def test_a_weekday_is_in_the_iso_week_that_many_weeks_before(
        self, where: tuple[ZoneInfo, date], weekday: int, weeks: int, clock: time
    ) -> None:
        zone, race_date = where
        year, week, _ = (race_date - timedelta(weeks=weeks)).isocalendar()
        day = date.fromisocalendar(year, week, weekday + 1)
        due = moment(WeekdayBeforeRace(weekday, weeks, clock), race_date, zone, None)
        assert due == wall_clock(day, clock, zone)

    @pytest.mark.parametrize(
        ("text", "race_date", "expected"),
        [
            ("Tuesday, 7 weeks before, 10:00", date(2026, 9, 20), date(2026, 7, 28)),
            ("Tuesday, 7 weeks before, 10:00", date(2026, 9, 19), date(2026, 7, 28)),
            ("Tuesday, 7 weeks before, 10:00", date(2026, 9, 21), date(2026, 8, 4)),
            ("Tuesday, race week, 10:00", date(2026, 9, 20), date(2026, 9, 15)),
            ("Sunday, 0 weeks before, 10:00", date(2026, 9, 19), date(2026, 9, 20)),
        ],
    )
    def test_weeks_run_from_monday_to_sunday(self, text: str, race_date: date, expected: date) -> None:
        due = moment(parse_when(text), race_date, LONDON, None)
        assert local(due, LONDON) == datetime.combine(expected, time(10))

    @given(zones_and_days(), clocks, st.integers(-9999, 9999))
    def test_minutes_from_the_start_are_elapsed_minutes(
        self, where: tuple[ZoneInfo, date], start: time, minutes: int
    ) -> None:
        zone, race_date = where
        due = moment(MinutesFromStart(minutes), race_date, zone, start)
        assert due - wall_clock(race_date, start, zone) == timedelta(minutes=minutes)

    def test_two_hours_before_a_start_after_the_clocks_went_forward_are_two_hours(self) -> None:
        due = moment(parse_when("start - 120 min"), date(2026, 3, 29), LONDON, time(2, 30))
        assert due == datetime(2026, 3, 28, 23, 30, tzinfo=UTC)

    def test_each_start_has_its_own_moment(self) -> None:
        when = parse_when("start - 120 min")
        half, ten_k = (moment(when, date(2026, 9, 20), LONDON, time(9, at)) for at in (15, 0))
        assert half - ten_k == timedelta(minutes=15)
        assert local(half, LONDON) == wall("2026-09-20 07:15")

    def test_a_start_that_is_missing_is_refused(self) -> None:
        with pytest.raises(ScheduleError, match="'start - 120 min' needs a start time"):
            moment(parse_when("start - 120 min"), date(2026, 9, 20), LONDON, None)

    @pytest.mark.parametrize(
        "text", ["race day, 17:00", "3 days after, 10:00", "Friday, 1 week before, 10:00"]
    )
    def test_only_times_counted_from_the_start_need_one(self, text: str) -> None:
        assert not needs_start(parse_when(text))
        assert needs_start(parse_when("start + 30 min"))

    def test_the_start_does_not_move_a_time_on_the_clock(self) -> None:
        when = parse_when("race day, 17:00")
        race_date = date(2026, 9, 20)
        assert moment(when, race_date, LONDON, time(9)) == moment(when, race_date, LONDON, None)


whens: st.SearchStrategy[When] = st.one_of(
    st.builds(DaysFromRace, st.integers(-999, 999), clocks),
    st.builds(WeekdayBeforeRace, st.integers(0, 6), st.integers(0, 99), clocks),
    st.builds(MinutesFromStart, st.integers(-9999, 9999)),
)


class TestParseWhen:
    @pytest.mark.parametrize(
        ("text", "when", "canonical"),
        [
            ("47 days before, 10:00", DaysFromRace(-47, time(10)), "47 days before, 10:00"),
            ("1 day before, 9:05", DaysFromRace(-1, time(9, 5)), "1 day before, 09:05"),
            ("1 DAY  after ,23:59", DaysFromRace(1, time(23, 59)), "1 day after, 23:59"),
            ("0 days before, 17:00", DaysFromRace(0, time(17)), "race day, 17:00"),
            (" Race day, 17:00\n", DaysFromRace(0, time(17)), "race day, 17:00"),
            ("start", MinutesFromStart(0), "start"),
            ("start - 120 min", MinutesFromStart(-120), "start - 120 min"),
            ("start − 120 min", MinutesFromStart(-120), "start - 120 min"),
            ("Start+30min", MinutesFromStart(30), "start + 30 min"),
            (
                "tuesday, 7 weeks before, 10:00",
                WeekdayBeforeRace(1, 7, time(10)),
                "Tuesday, 7 weeks before, 10:00",
            ),
            ("Friday,1 week before,17:00", WeekdayBeforeRace(4, 1, time(17)), "Friday, 1 week before, 17:00"),
            ("Monday, 0 weeks before, 10:00", WeekdayBeforeRace(0, 0, time(10)), "Monday, race week, 10:00"),
        ],
    )
    def test_reads_every_form_and_writes_it_canonically(self, text: str, when: When, canonical: str) -> None:
        assert parse_when(text) == when
        assert str(when) == canonical

    @given(whens)
    def test_the_canonical_text_is_read_back_to_the_same(self, when: When) -> None:
        assert parse_when(str(when)) == when

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "47 days, 10:00",
            "47 days before",
            "47 days before 10:00",
            "-47 days before, 10:00",
            "1000 days before, 10:00",
            "47 days before, 24:00",
            "47 days before, 10:60",
            "47 days before, 10",
            "47 days before, 10:00 and more",
            "٤٧ days before, 10:00",
            "race day",
            "start 30 min",
            "start - 2 h",
            "start - 10000 min",
            "Tue, 7 weeks before, 10:00",
            "Tuesday, 7 weeks after, 10:00",
            "Tuesday, 100 weeks before, 10:00",
        ],
    )
    def test_anything_else_is_refused_with_the_text_and_the_forms(self, text: str) -> None:
        with pytest.raises(ScheduleError) as caught:
            parse_when(text)
        sentence = str(caught.value)
        assert sentence.startswith(f"{text!r} is not a time to send")
        assert "47 days before, 10:00" in sentence
        assert "start - 120 min" in sentence
        assert "Tuesday, 7 weeks before, 10:00" in sentence

    def test_a_very_long_text_is_not_repeated_in_full(self) -> None:
        with pytest.raises(ScheduleError) as caught:
            parse_when("x" * 100_000)
        assert len(str(caught.value)) < 400


class TestParseDuration:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("24 h", timedelta(hours=24)),
            ("3h", timedelta(hours=3)),
            ("30 min", timedelta(minutes=30)),
            ("2 days", timedelta(days=2)),
            ("1 day", timedelta(days=1)),
            ("90 s", timedelta(seconds=90)),
        ],
    )
    def test_reads(self, text: str, expected: timedelta) -> None:
        assert parse_duration(text) == expected

    @pytest.mark.parametrize("text", ["", "24", "h", "0 h", "-3 h", "1.5 h", "3 weeks", "3 m", "24 h 30 min"])
    def test_refuses(self, text: str) -> None:
        with pytest.raises(ScheduleError, match="write '90 s', '30 min', '24 h' or '2 days'"):
            parse_duration(text)


quiet_hours = st.builds(
    lambda ends: QuietHours(*ends), st.tuples(clocks, clocks).filter(lambda ends: ends[0] != ends[1])
)


def ends_on(day: date, clock: time, zone: ZoneInfo) -> list[datetime]:
    """The instants at which quiet hours end on a day: once, or twice, or at the time moved by a jump."""
    return instants_showing(day, clock, zone) or [wall_clock(day, clock, zone)]


@st.composite
def zones_and_instants(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    zone, day = draw(zones_and_days())
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return zone, midnight + timedelta(
        seconds=draw(st.integers(0, 86_400)), microseconds=draw(st.sampled_from([0, 1]))
    )


class TestQuietHours:
    NIGHT = QuietHours(time(20), time(9))

    @given(zones_and_instants(), quiet_hours)
    def test_the_result_is_never_quiet_never_earlier_and_stays_put(
        self, where: tuple[ZoneInfo, datetime], quiet: QuietHours
    ) -> None:
        zone, instant = where
        allowed = after_quiet(instant, quiet, zone)
        assert allowed >= instant
        assert not quiet.covers(local(allowed, zone).time())
        assert after_quiet(allowed, quiet, zone) == allowed

    @given(zones_and_instants(), quiet_hours)
    def test_an_allowed_moment_is_left_alone(
        self, where: tuple[ZoneInfo, datetime], quiet: QuietHours
    ) -> None:
        zone, instant = where
        assume(not quiet.covers(local(instant, zone).time()))
        assert after_quiet(instant, quiet, zone) == instant

    @given(zones_and_instants(), quiet_hours)
    def test_a_quiet_moment_waits_for_the_very_end_and_no_longer(
        self, where: tuple[ZoneInfo, datetime], quiet: QuietHours
    ) -> None:
        zone, instant = where
        assume(quiet.covers(local(instant, zone).time()))
        today = local(instant, zone).date()
        ends = [end for n in range(4) for end in ends_on(today + timedelta(days=n), quiet.end, zone)]
        expected = next(end for end in ends if end > instant and not quiet.covers(local(end, zone).time()))
        assert after_quiet(instant, quiet, zone) == expected

    @given(zones_and_instants())
    def test_without_quiet_hours_every_moment_is_allowed(self, where: tuple[ZoneInfo, datetime]) -> None:
        zone, instant = where
        assert after_quiet(instant, None, zone) == instant

    @pytest.mark.parametrize(
        ("shown", "then"),
        [
            (wall("2026-10-24 19:59"), wall("2026-10-24 19:59")),
            (wall("2026-10-24 20:00"), wall("2026-10-25 09:00")),
            (wall("2026-10-24 23:30"), wall("2026-10-25 09:00")),
            (wall("2026-10-25 08:59"), wall("2026-10-25 09:00")),
            (wall("2026-10-25 09:00"), wall("2026-10-25 09:00")),
        ],
    )
    def test_the_night_the_clocks_go_back_ends_at_nine(self, shown: datetime, then: datetime) -> None:
        instant = wall_clock(shown.date(), shown.time(), LONDON)
        assert local(after_quiet(instant, self.NIGHT, LONDON), LONDON) == then

    def test_quiet_hours_shown_a_second_time_are_quiet_again(self) -> None:
        quiet = QuietHours(time(20), time(1, 30))
        second_ten_past_one = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
        second_half_past_one = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
        assert after_quiet(second_ten_past_one, quiet, LONDON) == second_half_past_one

    def test_an_end_that_does_not_exist_moves_forward_by_the_jump(self) -> None:
        quiet = QuietHours(time(20), time(1, 30))
        midnight = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
        assert local(after_quiet(midnight, quiet, LONDON), LONDON) == wall("2026-03-29 02:30")

    def test_an_end_that_moves_into_the_next_quiet_hours_waits_for_their_end(self) -> None:
        quiet = QuietHours(time(2), time(1, 30))
        midnight = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
        assert local(after_quiet(midnight, quiet, LONDON), LONDON) == wall("2026-03-30 01:30")

    @pytest.mark.parametrize(
        ("hours", "quiet_at", "loud_at"),
        [
            ("20:00-09:00", [time(20), time(0), time(8, 59, 59)], [time(9), time(19, 59, 59)]),
            ("12:00-14:00", [time(12), time(13, 59)], [time(14), time(11, 59), time(0)]),
            ("00:00-08:00", [time(0), time(7, 59)], [time(8), time(23, 59)]),
            ("22:00-00:00", [time(22), time(23, 59)], [time(0), time(21, 59)]),
        ],
    )
    def test_covers_from_the_start_up_to_the_end(
        self, hours: str, quiet_at: list[time], loud_at: list[time]
    ) -> None:
        quiet = parse_quiet_hours(hours)
        assert quiet is not None
        assert str(quiet) == hours
        assert [quiet.covers(clock) for clock in quiet_at] == [True] * len(quiet_at)
        assert [quiet.covers(clock) for clock in loud_at] == [False] * len(loud_at)

    @pytest.mark.parametrize("text", ["", "off", " OFF "])
    def test_can_be_none(self, text: str) -> None:
        assert parse_quiet_hours(text) is None

    def test_reads_what_people_type(self) -> None:
        assert parse_quiet_hours("20:00 – 9:00") == self.NIGHT

    @pytest.mark.parametrize(
        "text", ["20-9", "20:00", "20:00-24:00", "no", "20:00-09:00 weekdays", "09:00-09:00"]
    )
    def test_refuses_what_cannot_be_meant(self, text: str) -> None:
        with pytest.raises(ScheduleError, match=r"write '(20:00-09:00', or ')?off' for none"):
            parse_quiet_hours(text)
