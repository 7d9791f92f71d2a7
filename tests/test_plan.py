"""Plan files: what they mean, what they leave to defaults, and what they may not say."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import audience
from campaigns.plan import CatchUp, Plan, PlanError, PlannedAlert, PlannedStep, load_plan
from campaigns.schedule import DaysFromRace, MinutesFromStart, QuietHours, moment, needs_start

LIBRARY = Path(__file__).parent.parent / "campaigns" / "library"
TEMPLATES = LIBRARY.parents[1] / "templates"
LONDON = ZoneInfo("Europe/London")

STEP = {
    "name": '"shoes"',
    "channel": '"email"',
    "template": '"shoes"',
    "when": '"54 days before, 10:00"',
    "audience": '"adults"',
}

TEXT = STEP | {"channel": '"sms"', "purpose": '"service"', "when": '"start - 120 min"'}

ALERT = {"name": '"heat"', "email": '"alert-heat"', "sms": '"alert-heat"', "expires": '"3 h"'}


def load(text: str) -> Plan:
    return load_plan(text, file="plan.toml")


def table(header: str, keys: dict[str, str]) -> str:
    """TOML with the values as they are, so that a test can leave the quotes away."""
    return "\n".join([header, *(f"{key} = {value}" for key, value in keys.items() if value), ""])


def plan_with(*tables: str) -> str:
    return "\n".join(['name = "Tips"', *tables])


def step(**keys: str) -> PlannedStep:
    """The one step of a plan, with some of its keys written otherwise."""
    return load(plan_with(table("[[step]]", STEP | keys))).steps[0]


def refusal(text: str) -> str:
    with pytest.raises(PlanError) as caught:
        load(text)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    return sentence


def step_refusal(keys: dict[str, str]) -> str:
    return refusal(plan_with(table("[[step]]", keys)))


class TestWhatIsRead:
    def test_a_step_with_nothing_but_the_needed_keys_gets_the_defaults(self) -> None:
        assert step() == PlannedStep(
            name="shoes",
            channel="email",
            template="shoes",
            when=DaysFromRace(-54, time(10)),
            audience="adults",
            purpose="tips",
            latest=timedelta(hours=24),
            late_entrants="catch-up",
            fallback="",
            per="address",
            enabled=True,
            quiet_exempt=False,
        )

    def test_every_key_of_a_step_is_read(self) -> None:
        keys = {
            "name": '"race-morning"',
            "template": '"warm-up"',
            "audience": '" half or 10k "',
            "latest": '"30 min"',
            "late_entrants": '"send"',
            "fallback": '"email"',
            "per": '"address"',
            "enabled": "false",
            "quiet_exempt": "true",
        }
        assert step(**TEXT | keys) == PlannedStep(
            name="race-morning",
            channel="sms",
            template="warm-up",
            when=MinutesFromStart(-120),
            audience="half or 10k",
            purpose="service",
            latest=timedelta(minutes=30),
            late_entrants="send",
            fallback="email",
            per="address",
            enabled=False,
            quiet_exempt=True,
        )

    @pytest.mark.parametrize(
        ("purpose", "per"), [("tips", "address"), ("sponsor", "address"), ("service", "entrant")]
    )
    def test_a_family_shares_tips_and_sponsor_messages_but_not_service_ones(
        self, purpose: str, per: str
    ) -> None:
        assert step(purpose=f'"{purpose}"').per == per

    def test_steps_keep_the_order_of_the_file(self) -> None:
        tables = [table("[[step]]", STEP | {"name": f'"{name}"'}) for name in ("c", "a", "b")]
        assert [each.name for each in load(plan_with(*tables)).steps] == ["c", "a", "b"]

    def test_catch_up_and_alerts_are_read(self) -> None:
        plan = load(plan_with("[catch_up]", 'template = "missed"', table("[[alert]]", ALERT)))
        assert plan.catch_up == CatchUp("missed")
        assert plan.alerts == (PlannedAlert("heat", "alert-heat", "alert-heat", timedelta(hours=3)),)

    def test_an_alert_may_be_on_one_channel_alone(self) -> None:
        plan = load(plan_with(table("[[alert]]", ALERT | {"email": ""})))
        assert plan.alerts[0].email == ""

    def test_a_plan_may_have_neither_steps_nor_catch_up_nor_alerts(self) -> None:
        assert load('name = "Tips"') == Plan("Tips", QuietHours(time(20), time(9)), (), None, ())

    def test_a_plan_that_says_nothing_of_quiet_hours_is_quiet_at_night(self) -> None:
        assert load('name = "Tips"').quiet_hours == QuietHours(time(20), time(9))

    @pytest.mark.parametrize("off", ["", "off"])
    def test_quiet_hours_can_be_switched_off_in_words(self, off: str) -> None:
        assert load(plan_with(f'quiet_hours = "{off}"')).quiet_hours is None

    def test_a_file_from_a_windows_editor_is_read(self) -> None:
        text = plan_with(table("[[step]]", STEP))
        assert load("\ufeff" + text.replace("\n", "\r\n")) == load(text)


class TestWhatIsRefused:
    @pytest.mark.parametrize("key", sorted(STEP))
    def test_a_step_without_a_needed_key(self, key: str) -> None:
        sentence = step_refusal(STEP | {key: ""})
        place = "step number 1" if key == "name" else "step 'shoes'"
        assert sentence == f"plan.toml, {place}, key '{key}': it is missing."

    @pytest.mark.parametrize(
        ("keys", "key", "complaint"),
        [
            ({"name": '"Shoes"'}, "name", "'Shoes' is not a name: use 1 to 60 of a-z, 0-9 and the hyphen."),
            ({"name": '"shoes\\n"'}, "name", "is not a name"),
            ({"name": '""'}, "name", "'' is not a name"),
            ({"name": f'"{"x" * 61}"'}, "name", "is not a name"),
            ({"name": "7"}, "name", "write it as text in quotes."),
            ({"template": '"../../etc/passwd"'}, "template", "is not a name"),
            ({"template": '"é"'}, "template", "is not a name"),
            ({"channel": '"fax"'}, "channel", "'fax' is not allowed; write 'email' or 'sms'."),
            ({"channel": '""'}, "channel", "'' is not allowed; write 'email' or 'sms'."),
            ({"purpose": '"ads"'}, "purpose", "'ads' is not allowed; write 'service', 'tips' or 'sponsor'."),
            ({"late_entrants": '"all"'}, "late_entrants", "write 'catch-up', 'skip' or 'send'."),
            ({"per": '"family"'}, "per", "write 'address' or 'entrant'."),
            ({"when": '"54 dayz before"'}, "when", "'54 dayz before' is not a time to send: write '47 days"),
            ({"when": "2026-09-20"}, "when", "write it as text in quotes."),
            ({"latest": '"1 week"'}, "latest", "'1 week' is not a length of time: write '90 s'"),
            ({"latest": "24"}, "latest", "write it as text in quotes."),
            ({"audience": '"  "'}, "audience", "it is empty."),
            ({"audience": '["adults"]'}, "audience", "write it as text in quotes."),
            ({"enabled": '"no"'}, "enabled", "write true or false, without quotes."),
            ({"enabled": "0"}, "enabled", "write true or false, without quotes."),
            ({"quiet_exempt": "1"}, "quiet_exempt", "write true or false, without quotes."),
            ({"channel": '"sms"', "fallback": '"post"'}, "fallback", "'post' is not allowed; write 'email'."),
            ({"channel": '"sms"', "fallback": '"sms"'}, "fallback", "'sms' is not allowed; write 'email'."),
            ({"fallback": '"email"'}, "fallback", "only a step with channel 'sms' can fall back to email."),
            ({"chanel": '"sms"'}, "chanel", "there is no such key; did you mean 'channel'?"),
            ({"zzz": '"sms"'}, "zzz", "there is no such key; known are name, channel, template, when,"),
            ({"name": '"catch-up"'}, "name", "this name belongs to the message under [catch_up]; "),
        ],
    )  # fmt: skip
    def test_a_step_that_says_what_cannot_be(self, keys: dict[str, str], key: str, complaint: str) -> None:
        sentence = step_refusal(STEP | keys)
        assert sentence.startswith("plan.toml, step ")
        assert f", key '{key}': " in sentence
        assert complaint in sentence

    @pytest.mark.parametrize(
        "keys",
        [
            {"purpose": '"tips"'},
            {"purpose": '"sponsor"'},
            {"channel": '"email"'},
            {"when": '"1 day before, 21:00"'},
            {"when": '"1 day after, 07:00"'},
            {"when": '"Sunday, race week, 07:00"'},
        ],
    )
    def test_quiet_hours_bind_all_but_service_texts_on_race_day(self, keys: dict[str, str]) -> None:
        sentence = step_refusal(TEXT | {"quiet_exempt": "true"} | keys)
        assert (
            "key 'quiet_exempt': only a text (channel 'sms') with purpose 'service' on race day" in sentence
        )

    def test_two_steps_of_one_name(self) -> None:
        other = table("[[step]]", STEP | {"name": '"other"'})
        same = table("[[step]]", STEP)
        sentence = refusal(plan_with(same, other, same))
        assert sentence == "plan.toml: step number 3 has the name 'shoes' of step number 1."

    def test_two_alerts_of_one_name(self) -> None:
        assert "alert number 2 has the name 'heat'" in refusal(plan_with(*[table("[[alert]]", ALERT)] * 2))

    @pytest.mark.parametrize(
        ("keys", "complaint"),
        [
            (
                {"email": "", "sms": ""},
                "alert 'heat': an alert needs a template: write 'email', 'sms' or both.",
            ),
            ({"expires": ""}, "alert 'heat', key 'expires': it is missing."),
            ({"expires": '"0 h"'}, "alert 'heat', key 'expires': '0 h' is not a length of time"),
            ({"sms": '""'}, "alert 'heat', key 'sms': '' is not a name"),
            ({"sender": '"x"'}, "alert 'heat', key 'sender': there is no such key"),
        ],
    )
    def test_an_alert_that_says_what_cannot_be(self, keys: dict[str, str], complaint: str) -> None:
        assert complaint in refusal(plan_with(table("[[alert]]", ALERT | keys)))

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ('quiet_hour = "off"', "'quiet_hour': there is no such key; did you mean 'quiet_hours'?"),
            ('quiet_hours = "at night"', "key 'quiet_hours': 'at night' are not quiet hours"),
            ('quiet_hours = "09:00-09:00"', "key 'quiet_hours': Quiet hours '09:00-09:00' start and"),
            ('quiet_hours = false', "key 'quiet_hours': write it as text in quotes."),
            ('[[steps]]', "key 'steps': there is no such key; did you mean 'step'?"),
            ('[step]', "key 'step': write each one as a table, under a line [[step]]."),
            ('step = [1]', "key 'step': write each one as a table, under a line [[step]]."),
            ('catch_up = "x"', "key 'catch_up': write it as a table, under a line [catch_up]."),
            ('[[catch_up]]', "key 'catch_up': write it as a table, under a line [catch_up]."),
            ('[catch_up]', "plan.toml, [catch_up], key 'template': it is missing."),
            ('[catch_up]\nwhen = ""', "plan.toml, [catch_up], key 'when': there is no such key"),
        ],
    )  # fmt: skip
    def test_a_plan_that_says_what_cannot_be(self, text: str, complaint: str) -> None:
        assert complaint in refusal(plan_with(text))

    def test_a_plan_without_a_name(self) -> None:
        assert refusal("") == "plan.toml, key 'name': it is missing."
        assert refusal('name = " "') == "plan.toml, key 'name': it is empty."

    def test_what_is_not_toml_names_the_line(self) -> None:
        sentence = refusal('name = "Tips"\n\n[[step]\n')
        assert sentence.startswith("plan.toml is not valid TOML: ")
        assert "line 3" in sentence

    def test_brackets_without_end(self) -> None:
        assert (
            refusal("name = " + "[" * 100_000) == "plan.toml is not a plan: its brackets are nested too deep."
        )

    def test_a_number_without_end(self) -> None:
        assert refusal("name = " + "9" * 100_000).startswith("plan.toml is not valid TOML: ")

    def test_more_than_two_hundred_steps(self) -> None:
        tables = [table("[[step]]", STEP | {"name": f'"s{n}"'}) for n in range(201)]
        assert len(load(plan_with(*tables[:200])).steps) == 200
        assert refusal(plan_with(*tables)) == "plan.toml: there are 201 steps, and a plan has at most 200."

    def test_more_than_two_hundred_kilobytes(self) -> None:
        start = 'name = "Tips"\n#'
        assert load(start + "x" * (200_000 - len(start)))
        assert refusal(start + "x" * (200_001 - len(start))).startswith("plan.toml is larger than 200 KB")
        assert refusal(start + "é" * 100_000).startswith("plan.toml is larger than 200 KB")

    @given(st.text(max_size=200), st.sampled_from(["name", "template", "when", "latest", "per", "fallback"]))
    def test_whatever_text_a_key_has_the_error_is_one_line_about_that_key(self, text: str, key: str) -> None:
        value = "".join(f"\\U{ord(letter):08x}" for letter in text)
        with pytest.raises(PlanError, match=f"key '{key}': .") as caught:
            step(**{key: f'"!{value}"'})
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 2_000


class TestRunReigate:
    """The plan in the library, on the example date of 20 September 2026."""

    RACE_DAY = date(2026, 9, 20)
    STARTS = (time(9), time(9, 15), time(9, 25))

    @pytest.fixture
    def plan(self) -> Plan:
        return load_plan((LIBRARY / "run-reigate.toml").read_text("utf-8"), file="run-reigate.toml")

    def test_says_who_gets_what_and_when(self, plan: Plan) -> None:
        assert [(each.name, each.channel, str(each.when), each.audience) for each in plan.steps] == [
            ("start-well", "email", "68 days before, 10:00", "adults"),
            ("shoes", "email", "54 days before, 10:00", "adults"),
            ("back-warm-up", "email", "47 days before, 10:00", "adults"),
            ("back-pain", "email", "40 days before, 10:00", "adults"),
            ("long-run", "sms", "30 days before, 17:00", "adults and (half or 10k)"),
            ("hydration", "email", "26 days before, 10:00", "adults and (half or 10k or 5k)"),
            ("niggles", "email", "19 days before, 10:00", "adults"),
            ("taper", "email", "12 days before, 10:00", "adults and (half or 10k or 5k)"),
            ("kids-race", "email", "12 days before, 10:00", "guardians"),
            ("race-week", "email", "5 days before, 10:00", "all"),
            ("unwell", "sms", "3 days before, 17:30", "adults"),
            ("race-eve", "sms", "1 day before, 16:00", "all"),
            ("race-morning", "sms", "start - 120 min", "adults"),
            ("race-morning-kids", "sms", "start - 120 min", "guardians"),
            ("well-done", "sms", "race day, 17:00", "all"),
            ("recovery", "email", "1 day after, 10:00", "all"),
            ("easing-back", "email", "9 days after, 10:00", "adults"),
        ]
        assert all(each.template == each.name for each in plan.steps)
        assert plan.catch_up == CatchUp("catch-up")

    def test_tips_are_tips_and_the_rest_is_news_of_the_race(self, plan: Plan) -> None:
        tips = {
            "start-well",
            "shoes",
            "back-warm-up",
            "back-pain",
            "long-run",
            "hydration",
            "taper",
            "easing-back",
        }
        assert {each.name for each in plan.steps if each.purpose == "tips"} == tips
        assert {each.purpose for each in plan.steps} == {"tips", "service"}

    def test_late_entrants_catch_up_on_tips_and_get_news_like_everyone(self, plan: Plan) -> None:
        before = [each for each in plan.steps if each.name not in ("recovery", "easing-back")]
        for each in before:
            assert each.late_entrants == ("catch-up" if each.purpose == "tips" else "send"), each.name
        assert [each.late_entrants for each in plan.steps[-2:]] == ["skip", "skip"]

    def test_race_morning_is_dropped_after_half_an_hour_and_alone_may_come_early(self, plan: Plan) -> None:
        early = [each for each in plan.steps if each.quiet_exempt]
        assert [each.name for each in early] == ["race-morning", "race-morning-kids"]
        assert {each.latest for each in early} == {timedelta(minutes=30)}

    def test_only_the_start_of_the_day_before_falls_back_to_email(self, plan: Plan) -> None:
        assert [each.name for each in plan.steps if each.fallback] == ["race-eve"]

    def test_a_text_with_an_entrant_s_own_facts_is_not_shared(self, plan: Plan) -> None:
        for each in plan.steps:
            if each.channel == "sms":
                words = (TEMPLATES / "sms" / f"{each.template}.txt").read_text("utf-8")
                own = any(
                    f"{{{{ {fact} " in words for fact in ("start_time", "bib", "race_name", "warmup_time")
                )
                assert each.per == ("entrant" if own else "address"), each.name

    def test_no_one_gets_more_than_an_email_a_week_until_race_week_and_five_texts_a_person(
        self, plan: Plan
    ) -> None:
        days = sorted({each.when.days for each in plan.steps if each.channel == "email"})
        until_race_week = [day for day in days if day <= -5]
        assert all(later - earlier >= 7 for earlier, later in itertools.pairwise(until_race_week))
        adults = [each for each in plan.steps if each.channel == "sms" and each.audience != "guardians"]
        children = [
            each for each in plan.steps if each.channel == "sms" and not each.audience.startswith("adults")
        ]
        assert len(adults) == 5
        assert len(children) <= 5

    def test_alerts_are_held_ready_on_both_channels(self, plan: Plan) -> None:
        assert [each.name for each in plan.alerts] == [
            "heat", "delay", "cancel", "stop", "postponed", "all-clear",
        ]  # fmt: skip
        for each in plan.alerts:
            assert each.email == each.sms == f"alert-{each.name}"

    def test_every_message_is_there(self, plan: Plan) -> None:
        emails = {each.template for each in plan.steps if "email" in (each.channel, each.fallback)} | {
            "catch-up"
        }
        texts = {each.template for each in plan.steps if each.channel == "sms"}
        alerts = {each.email for each in plan.alerts}
        assert emails | alerts == {file.stem for file in (TEMPLATES / "email").glob("*.md")}
        # The text on thirst is there for organisers who would rather send it than an email.
        assert texts | alerts | {"hydration"} == {file.stem for file in (TEMPLATES / "sms").glob("*.txt")}

    def test_every_audience_is_understood_for_the_races_of_run_reigate(self, plan: Plan) -> None:
        for each in plan.steps:
            assert audience.parse(each.audience, ("half", "10k", "5k", "kids")).text == each.audience

    def test_the_week_days_are_those_that_suit_a_sunday_race(self, plan: Plan) -> None:
        found = {}
        for each in plan.steps:
            if not needs_start(each.when):
                local = moment(each.when, self.RACE_DAY, LONDON, None).astimezone(LONDON)
                found[each.name] = f"{local:%A %H:%M}"
        others = {
            "long-run": "Friday 17:00",
            "unwell": "Thursday 17:30",
            "race-eve": "Saturday 16:00",
            "well-done": "Sunday 17:00",
            "recovery": "Monday 10:00",
        }
        assert {name: found.pop(name) for name in others} == others
        assert set(found.values()) == {"Tuesday 10:00"}

    def test_race_morning_comes_two_hours_before_each_start(self, plan: Plan) -> None:
        when = next(each.when for each in plan.steps if each.name == "race-morning")
        assert [moment(when, self.RACE_DAY, LONDON, start) for start in self.STARTS] == [
            datetime(2026, 9, 20, 6, 0, tzinfo=UTC),
            datetime(2026, 9, 20, 6, 15, tzinfo=UTC),
            datetime(2026, 9, 20, 6, 25, tzinfo=UTC),
        ]

    def test_no_text_that_is_not_exempt_falls_into_quiet_hours(self, plan: Plan) -> None:
        assert plan.quiet_hours == QuietHours(time(20), time(9))
        for each in plan.steps:
            if each.channel == "sms" and not each.quiet_exempt:
                assert not needs_start(each.when)
                local = moment(each.when, self.RACE_DAY, LONDON, None).astimezone(LONDON)
                assert not plan.quiet_hours.covers(local.time())
