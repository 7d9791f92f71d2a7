"""Audience expressions: how they are read, and whom their SQL picks in a real Postgres."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import product
from operator import attrgetter

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.audience import RESERVED_WORDS, AudienceError, parse

RACES = ("half", "10k", "5k", "kids")
WAVES = ("A", "Pen 2", "O'Neill", "staff", "naïve")
RACE_DAY = date(2028, 2, 29)

UNKNOWN = "not an audience word or a race of this event"
WORD_EXPECTED = "where a word such as 'adults' or a race was expected"
JOIN_EXPECTED = "where 'and', 'or' or the end was expected"
WAVE_EXPECTED = "where the name of a wave, such as wave A or wave 'Pen 2', was expected"
AGES_EXPECTED = "where two ages up to 120, such as age 30-50, was expected"


def canonical(text: str) -> str:
    return parse(text, RACES, WAVES).text


class TestReading:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("all", "all"),
            (" Adults  AND\n(Half OR 10K) ", "adults and (half or 10k)"),
            ("half or 10k and adults", "half or 10k and adults"),
            ("half or (10k and adults)", "half or 10k and adults"),
            ("(half or 10k) and adults", "(half or 10k) and adults"),
            ("not half and adults", "not half and adults"),
            ("(not half) and adults", "not half and adults"),
            ("not (half and adults)", "not (half and adults)"),
            ("not not club", "not not club"),
            ("((half or (10k or 5k)))", "half or 10k or 5k"),
            ("age 30-50", "age 30-50"),
            ("AGE 030–50", "age 30-50"),
            ("wave a", "wave A"),
            ("wave 'pen 2'", "wave 'Pen 2'"),
            ('wave "O\'Neill"', 'wave "O\'Neill"'),
            ("wave 'staff'", "wave 'staff'"),
            ("wave NAÏVE", "wave naïve"),
            ("not(club)", "not club"),
            ("staff", "staff"),
            ("(Staff)", "staff"),
        ],
    )
    def test_writes_what_it_has_read_in_canonical_form(self, text: str, expected: str) -> None:
        assert canonical(text) == expected

    def test_names_that_differ_in_case_alone_are_told_apart(self) -> None:
        assert parse("wave b", (), ("B", "b")).text == "wave b"
        assert parse("wave B", (), ("B", "b")).text == "wave B"

    @pytest.mark.parametrize(
        ("text", "line", "column", "complaint"),
        [
            ("", 1, 1, f"the audience ends {WORD_EXPECTED}."),
            ("adults and", 1, 11, f"the audience ends {WORD_EXPECTED}."),
            ("or adults", 1, 1, f"'or' stands {WORD_EXPECTED}."),
            ("()", 1, 2, f"')' stands {WORD_EXPECTED}."),
            ("'half'", 1, 1, f"'half' stands {WORD_EXPECTED}."),
            ("adlts", 1, 1, f"'adlts' is {UNKNOWN}; did you mean 'adults'?"),
            ("adults and\n  hlaf", 2, 3, f"'hlaf' is {UNKNOWN}; did you mean 'half'?"),
            ("adults half", 1, 8, f"'half' stands {JOIN_EXPECTED}."),
            ("adults an half", 1, 8, f"'an' stands {JOIN_EXPECTED}; did you mean 'and'?"),
            ("half)", 1, 5, f"')' stands {JOIN_EXPECTED}."),
            ("(half 10k)", 1, 7, "'10k' stands where 'and', 'or' or ')' was expected."),
            ("adults and (half", 1, 12, "this bracket is never closed."),
            ("wave", 1, 5, f"the audience ends {WAVE_EXPECTED}."),
            ("wave and half", 1, 6, f"'and' stands {WAVE_EXPECTED}."),
            ("wave 'Pen", 1, 6, "this quote does not close around a name."),
            ("wave ''", 1, 6, "this quote does not close around a name."),
            ("wave Pen 2", 1, 6, "'Pen' is not a wave of this event; did you mean 'Pen 2'?"),
            ("wave Z", 1, 6, "'Z' is not a wave of this event; known: A, O'Neill, Pen 2, naïve, staff."),
            ("age", 1, 4, f"the audience ends {AGES_EXPECTED}."),
            ("age 50-30", 1, 5, f"'50-30' stands {AGES_EXPECTED}."),
            ("age 30-121", 1, 5, f"'30-121' stands {AGES_EXPECTED}."),
            ("half or not staff", 1, 13, "'staff' are not entrants and can only stand alone."),
            ("staff or staff", 1, 1, "'staff' are not entrants and can only stand alone."),
        ],
    )
    def test_an_error_names_place_word_and_remedy(
        self, text: str, line: int, column: int, complaint: str
    ) -> None:
        with pytest.raises(AudienceError) as caught:
            parse(text, RACES, WAVES)
        assert str(caught.value) == f"Line {line}, column {column}: {complaint}"

    def test_a_word_like_no_other_gets_the_list_of_words(self) -> None:
        with pytest.raises(AudienceError) as caught:
            parse("zzz", RACES)
        assert all(word in str(caught.value) for word in (*RESERVED_WORDS, *RACES))

    def test_an_event_without_waves_says_so(self) -> None:
        with pytest.raises(AudienceError, match="'A' is not a wave of this event; known: there are none"):
            parse("wave A", RACES)

    @pytest.mark.parametrize("word", sorted(RESERVED_WORDS - {"and", "or", "not"}))
    def test_a_race_named_like_an_audience_word_is_refused_rather_than_guessed(self, word: str) -> None:
        with pytest.raises(AudienceError, match="rename the race"):
            parse(word, [*RACES, word.title()], WAVES)

    def test_length_is_limited(self) -> None:
        assert parse("half" + " " * 1996, RACES)
        with pytest.raises(AudienceError, match=r"has 2,001 characters: write at most 2,000"):
            parse("half" + " " * 1997, RACES)

    def test_what_would_be_too_long_in_canonical_form_is_refused_as_well(self) -> None:
        text = " or ".join(["not(5k and all)"] * 105)
        assert len(text) < 2_000
        with pytest.raises(AudienceError, match="write at most 2,000"):
            parse(text, RACES)

    @pytest.mark.parametrize("opening", ["(", "not "])
    def test_depth_is_limited(self, opening: str) -> None:
        close = ")" if opening == "(" else ""
        assert parse(opening * 50 + "half" + close * 50, RACES)
        with pytest.raises(AudienceError, match="inside more than 50 brackets and nots"):
            parse(opening * 51 + "half" + close * 51, RACES)

    def test_the_deepest_and_longest_nonsense_is_only_an_error(self) -> None:
        for text in ("(" * 2_000, "not " * 500, "half or " * 250, "'" * 2_000):
            with pytest.raises(AudienceError):
                parse(text, RACES)

    @given(st.text(alphabet="()'\" \nanotrwveghlf0123456789-–é%{}", max_size=60))
    def test_no_text_breaks_it(self, text: str) -> None:
        with suppress(AudienceError):
            assert canonical(canonical(text)) == canonical(text)


class TestSql:
    def test_values_are_bound_never_written_into_the_sql(self) -> None:
        params: dict[str, object] = {}
        where = parse("half and wave 'Pen 2' and age 30-50", RACES, WAVES).where(params)
        assert params == {"aud0": "half", "aud1": "Pen 2", "aud2": 30, "aud3": 51}
        assert not any(value in where for value in ("half", "Pen", "30", "51"))

    def test_two_audiences_share_one_set_of_params_without_mixing(self) -> None:
        params: dict[str, object] = {"aud1": "someone else's"}
        first = parse("half or 10k", RACES).where(params)
        second = parse("5k", RACES).where(params)
        assert params == {"aud0": "half", "aud1": "someone else's", "aud2": "10k", "aud3": "5k"}
        assert "aud1" not in first
        assert "%(aud3)s" in second

    def test_a_prefix_keeps_params_apart_by_name(self) -> None:
        params: dict[str, object] = {}
        parse("half", RACES).where(params, prefix="step7_")
        assert params == {"step7_0": "half"}

    @pytest.mark.parametrize(
        ("text", "guarded"),
        [
            ("guardians", "minors"),
            ("not (guardians or 5k) and half", "not (minors or 5k) and half"),
            ("adults and half", "adults and half"),
        ],
    )
    def test_once_every_child_has_a_guardian_guardians_are_minors(self, text: str, guarded: str) -> None:
        assert parse(text, RACES).once_guarded == parse(guarded, RACES)

    @pytest.mark.parametrize(
        ("text", "children", "may"),
        [
            ("all", True, True),
            ("adults", True, False),
            ("adults", False, True),
            ("not adults", True, True),
            ("not minors", True, False),
            ("guardians", False, True),
            ("half", False, True),
            ("10k or 5k", False, False),
            ("adults and (half or 10k)", True, False),
            ("adults or first-timers", True, True),
            ("not half", False, False),
            ("half and club", False, True),
            ("staff", False, True),
        ],
    )
    def test_which_races_it_can_hold_is_told_by_its_words(self, text: str, children: bool, may: bool) -> None:
        assert parse(text, RACES).may_hold("half", for_children=children) is may

    def test_staff_are_known_as_such_and_no_entrant_is_one(self) -> None:
        assert parse("staff", RACES).is_staff
        assert parse("staff", RACES).where({}) == "FALSE"
        assert not parse("all", RACES).is_staff


@dataclass(frozen=True)
class Person:
    """An entrant as Python sees one, to check the SQL against."""

    race: str
    wave: str | None
    birth_date: date | None
    first_timer: bool | None
    club: str
    bib: str
    mobile: str
    mobile_ok: bool
    has_guardian: bool

    @property
    def age(self) -> int | None:
        if self.birth_date is None:
            return None
        had_birthday = (RACE_DAY.month, RACE_DAY.day) >= (self.birth_date.month, self.birth_date.day)
        return RACE_DAY.year - self.birth_date.year - (0 if had_birthday else 1)

    @property
    def is_minor(self) -> bool:
        return self.race == "kids" or (self.age is not None and self.age < 18)


BIRTH_DATES = [
    None,
    date(2010, 2, 28),  # 18 the day before
    date(2010, 3, 1),  # 18 the day after
    date(2008, 2, 29),  # 20 on the day
    date(1998, 2, 28),
    date(1998, 3, 1),  # still 29
    date(1977, 2, 28),
    date(1977, 3, 1),  # still 50
    date(2020, 6, 15),
]


def people() -> list[Person]:
    """Every race and wave with every birth date, the other facts cycling at other speeds."""
    return [
        Person(
            race=race,
            wave=wave,
            birth_date=born,
            first_timer=(None, True, False)[n % 3],
            club=("", "Reigate Priory")[n % 2],
            bib=("", "", "1042")[n // 2 % 3],
            mobile=("", "+447700900123")[n // 3 % 2],
            mobile_ok=n // 5 % 2 == 0,
            has_guardian=n // 7 % 2 == 0,
        )
        for n, (race, wave, born) in enumerate(product(RACES, (None, *WAVES), BIRTH_DATES))
    ]


PEOPLE = people()

TABLES = """
CREATE TEMP TABLE events (id bigint, date date, timezone text, organiser_id bigint);
CREATE TEMP TABLE races (id bigint, slug text, for_children boolean NOT NULL);
CREATE TEMP TABLE waves (id bigint, name text);
CREATE TEMP TABLE guardians (id bigint, entrant_id bigint);
CREATE TEMP TABLE entrants (
    id bigint, event_id bigint, race_id bigint, wave_id bigint, birth_date date, first_timer boolean,
    club text, bib text, mobile text, mobile_ok boolean
);
"""

COLUMNS = ("birth_date", "first_timer", "club", "bib", "mobile", "mobile_ok")

FROM = """
FROM entrants e
JOIN events ev ON ev.id = e.event_id
JOIN races r ON r.id = e.race_id
LEFT JOIN waves w ON w.id = e.wave_id
LEFT JOIN guardians g ON g.entrant_id = e.id
"""


@pytest.fixture(scope="module")
def database() -> Iterator[psycopg.Connection]:
    """The run's own Postgres, with temporary tables in front of the real ones."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        fill(connection)
        yield connection


def fill(connection: psycopg.Connection) -> None:
    insert = connection.cursor().executemany
    connection.execute(TABLES)
    connection.execute("INSERT INTO events VALUES (1, %s, 'Europe/London', 1)", [RACE_DAY])
    insert(
        "INSERT INTO races VALUES (%s, %s, %s)", [(n, slug, slug == "kids") for n, slug in enumerate(RACES)]
    )
    insert("INSERT INTO waves VALUES (%s, %s)", list(enumerate(WAVES)))
    insert(
        "INSERT INTO entrants VALUES (%s, 1, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            (n, RACES.index(p.race), p.wave and WAVES.index(p.wave), *attrgetter(*COLUMNS)(p))
            for n, p in enumerate(PEOPLE)
        ],
    )
    insert("INSERT INTO guardians VALUES (%s, %s)", [(n, n) for n, p in enumerate(PEOPLE) if p.has_guardian])


def chosen(database: psycopg.Connection, text: str) -> list[bool | None]:
    """What the SQL of an expression says of each of PEOPLE."""
    params: dict[str, object] = {}
    where = parse(text, RACES, WAVES).where(params)
    return [row[0] for row in database.execute(f"SELECT {where} {FROM} ORDER BY e.id", params)]


Rule = Callable[[Person], bool]

RULES: dict[str, Rule] = {
    "all": lambda person: True,
    "adults": lambda person: not person.is_minor,
    "minors": lambda person: person.is_minor,
    "guardians": lambda person: person.is_minor and person.has_guardian,
    "first-timers": lambda person: person.first_timer is True,
    "club": lambda person: person.club != "",
    "has-bib": lambda person: person.bib != "",
    "has-mobile": lambda person: person.mobile != "" and person.mobile_ok,
}


def in_race(slug: str) -> tuple[str, Rule]:
    return slug, lambda person: person.race == slug


def in_wave(name: str) -> tuple[str, Rule]:
    return f'wave "{name}"', lambda person: person.wave == name


def in_age_band(ages: tuple[int, int]) -> tuple[str, Rule]:
    low, high = sorted(ages)
    return f"age {low}-{high}", lambda person: person.age is not None and low <= person.age <= high


def negated(part: tuple[str, Rule]) -> tuple[str, Rule]:
    text, rule = part
    return f"not ({text})", lambda person: not rule(person)


def both(parts: tuple[tuple[str, Rule], tuple[str, Rule]]) -> tuple[str, Rule]:
    (left, left_rule), (right, right_rule) = parts
    return f"({left}) and ({right})", lambda person: left_rule(person) and right_rule(person)


def either(parts: tuple[tuple[str, Rule], tuple[str, Rule]]) -> tuple[str, Rule]:
    (left, left_rule), (right, right_rule) = parts
    return f"({left}) or ({right})", lambda person: left_rule(person) or right_rule(person)


ages = st.sampled_from([0, 8, 17, 18, 19, 20, 29, 30, 50, 51, 120])
words: st.SearchStrategy[tuple[str, Rule]] = st.one_of(
    st.sampled_from(sorted(RULES.items())),
    st.sampled_from(RACES).map(in_race),
    st.sampled_from(WAVES).map(in_wave),
    st.tuples(ages, ages).map(in_age_band),
)
expressions = st.recursive(
    words,
    lambda parts: st.one_of(
        parts.map(negated), st.tuples(parts, parts).map(both), st.tuples(parts, parts).map(either)
    ),
    max_leaves=12,
)


class TestWhoIsChosen:
    @given(expressions)
    def test_the_sql_chooses_exactly_those_the_words_mean(
        self, database: psycopg.Connection, expression: tuple[str, Rule]
    ) -> None:
        text, rule = expression
        expected = [rule(person) for person in PEOPLE]
        assert chosen(database, text) == expected
        assert chosen(database, canonical(text)) == expected

    @pytest.mark.parametrize(
        ("text", "meant"),
        [
            ("half or 10k and adults", "half or (10k and adults)"),
            ("not half or 10k", "(not half) or 10k"),
            ("not half and adults", "(not half) and adults"),
            ("adults and half or minors and kids", "(adults and half) or (minors and kids)"),
        ],
    )
    def test_not_binds_closest_then_and_then_or(
        self, database: psycopg.Connection, text: str, meant: str
    ) -> None:
        assert chosen(database, text) == chosen(database, meant)

    @pytest.mark.parametrize(
        "word", [*RULES, *RACES, "age 0-120", "age 18-18", *(f'wave "{name}"' for name in WAVES)]
    )
    def test_a_word_and_its_opposite_share_everyone_between_them(
        self, database: psycopg.Connection, word: str
    ) -> None:
        inside = chosen(database, word)
        assert chosen(database, f"not {word}") == [not yes for yes in inside]

    def test_no_child_is_ever_an_adult(self, database: psycopg.Connection) -> None:
        adults = [person for person, yes in zip(PEOPLE, chosen(database, "adults"), strict=True) if yes]
        assert adults
        assert not [
            person for person in adults if person.race == "kids" or person.birth_date == date(2010, 3, 1)
        ]

    def test_an_unknown_birth_date_is_in_no_age_band_and_an_adult_outside_the_childrens_race(
        self, database: psycopg.Connection
    ) -> None:
        unknown = [n for n, person in enumerate(PEOPLE) if person.birth_date is None]
        aged, adult = chosen(database, "age 0-120"), chosen(database, "adults")
        assert not any(aged[n] for n in unknown)
        assert all(adult[n] is (PEOPLE[n].race != "kids") for n in unknown)

    def test_a_child_without_a_guardian_is_not_reached_through_one(
        self, database: psycopg.Connection
    ) -> None:
        for person, yes in zip(PEOPLE, chosen(database, "guardians"), strict=True):
            assert yes is (person.is_minor and person.has_guardian)

    def test_staff_chooses_nobody(self, database: psycopg.Connection) -> None:
        assert chosen(database, "staff") == [False] * len(PEOPLE)

    @pytest.mark.parametrize("name", ["'); DROP TABLE entrants; --", "100%", "%(aud0)s", "{}"])
    def test_a_name_that_looks_like_sql_is_only_a_name(self, database: psycopg.Connection, name: str) -> None:
        params: dict[str, object] = {}
        where = parse(f'wave "{name}"', RACES, [name]).where(params)
        assert database.execute(f"SELECT count(*) {FROM} WHERE {where}", params).fetchall() == [(0,)]
