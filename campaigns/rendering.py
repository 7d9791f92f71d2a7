"""From a claimed delivery to the finished message: the version compiled once, the entrant's values, the headers."""

from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parseaddr
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from django.conf import settings

from campaigns import attempt_code, content, esp, providers, schedule, sign_off, status_link, view_link
from campaigns.channels.outcomes import Email, Sms
from campaigns.ledger import Claimed
from campaigns.models import Event, Step, Version
from campaigns.models.words import Channel, Purpose, StepKind, StepState

WARM_UP, PEN_CLOSES, ARRIVE = timedelta(minutes=25), timedelta(minutes=10), timedelta(minutes=60)
"""How long before their start entrants are told to warm up, to be in the pen, and to arrive."""

LONGEST_VALIDITY = 36_000
"""Seconds; Twilio's longest ValidityPeriod."""


@dataclass(frozen=True)
class Message:
    """One channel's message of a step as it was approved, with what is the same for all entrants."""

    version_id: int
    channel: Channel
    purpose: str
    step_name: str
    event_name: str
    event_slug: str
    date: date
    zone: ZoneInfo
    venue: str
    info_url: str
    deferral_url: str
    contact: str
    organiser: str
    postal_address: str
    text_sender: str = ""
    """Who a text comes from, where that is not the usual sender."""
    replies: str = ""
    """The mailbox that somebody has proved to read; until one is confirmed, replies go to the sender's own."""
    typed: Mapping[str, str] = field(default_factory=dict)
    """What the sender of an alert typed in; no planned message has it."""
    email: content.CompiledEmail | None = None
    sms: content.CompiledSms | None = None

    def values(self, group: Sequence[Claimed], now: datetime) -> dict[str, str]:
        """What stands in the open words for the carrier of a group; nothing for what is not known."""
        carrier = group[0]
        stop_url = f"{self._sms_url}/s/{carrier.short_code}"
        page = f"{self._public_url}/u/{carrier.entrant_token}"
        return {
            **self._shared_values,
            **times_around(self.date, carrier.wave_start or carrier.race_start, self.zone),
            **_facts(group, self.date),
            "first_name": carrier.first_name,
            "names": _listed([row.first_name for row in group]),
            "race_name": carrier.race_name,
            "race_names": _listed([row.race_name for row in group]),
            "wave": carrier.wave_name,
            "bib": carrier.bib,
            "days_to_go": str((self.date - now.astimezone(self.zone).date()).days),
            "unsubscribe_url": page,
            "preferences_url": page,
            "view_url": f"{self._public_url}/m/{view_link.code_of(carrier.token)}",
            "info_url": self.info_url or stop_url,
            "stop_url": stop_url,
        }

    @cached_property
    def _public_url(self) -> str:
        return str(settings.PUBLIC_URL)

    @cached_property
    def _sms_url(self) -> str:
        return str(settings.SMS_URL)

    @cached_property
    def _esp(self) -> str:
        return str(settings.EMAIL_ESP)

    @cached_property
    def _shared_values(self) -> dict[str, str]:
        return {
            "event_name": self.event_name,
            "race_date": f"{self.date:%a} {self.date.day} {self.date:%b %Y}",
            "venue": self.venue,
            "organiser_name": self.organiser,
            "organiser_address": self.postal_address,
            "organiser_contact": self.contact,
            "deferral_url": self.deferral_url,
            **dict.fromkeys(content.TYPED, ""),
            **self.typed,
        }

    def finished_email(self, group: Sequence[Claimed], now: datetime) -> Email:
        """The carrier's mail as bytes. Raises ContentError, or MissingValue where a needed value is not known."""
        carrier = group[0]
        data = self._frame.mail(self.values(group, now), self.own_headers(group, now))
        return Email(carrier.delivery, self._sender[1], carrier.address, data, plain_lines=True)

    def pieces(self, group: Sequence[Claimed], now: datetime) -> content.EmailPieces:
        """The words of the carrier's mail, to be looked at. Raises what `finished_email` raises."""
        assert self.email is not None
        return self.email.render_pieces(self.values(group, now))

    def mail(self, pieces: content.EmailPieces, group: Sequence[Claimed], now: datetime) -> Email:
        """These words as the mail of the group's carrier. Raises ContentError."""
        carrier = group[0]
        return Email(
            key=carrier.delivery,
            sender=self._sender[1],
            recipient=carrier.address,
            data=self._frame.fill(pieces, self.own_headers(group, now)),
        )

    def finished_sms(self, group: Sequence[Claimed], now: datetime) -> Sms:
        """The carrier's text. Raises ContentError, or MissingValue where a needed value is not known."""
        assert self.sms is not None
        carrier = group[0]
        left = int((carrier.latest_at - now).total_seconds())
        return Sms(
            key=carrier.delivery,
            to=carrier.address,
            body=self.sms.render(self.values(group, now)),
            status_callback=self._status_callback(carrier),
            validity_seconds=max(60, min(left, LONGEST_VALIDITY)),
            sender=self.text_sender,
        )

    def _status_callback(self, carrier: Claimed) -> str:
        if not self._reports_back:
            return ""
        return status_link.address(settings.PUBLIC_URL, carrier.token, carrier.claim)

    @cached_property
    def _reports_back(self) -> bool:
        return providers.reports_back()

    @cached_property
    def _sender(self) -> tuple[str, str]:
        """Name and address as EMAIL_FROM gives them."""
        return parseaddr(settings.EMAIL_FROM)

    @cached_property
    def headers(self) -> content.StepHeaders:
        """What stands in the head of each of the step's mails. Raises ContentError."""
        name, address = self._sender
        domain = address.rpartition("@")[2]
        return content.StepHeaders(
            from_name=name or self.event_name,
            from_email=address,
            reply_to=self.replies or address,
            purpose=self.purpose,
            list_id=f"{self.purpose}.{self.event_slug}.{domain}",
            list_name=f"{self.event_name} {self.purpose}",
            feedback_id=f"{self.step_name}:{self.event_slug}:{self.purpose}:aidstation",
        )

    @cached_property
    def _frame(self) -> content.Frame:
        assert self.email is not None
        return made_frame(self.headers, self.email)

    def own_headers(self, group: Sequence[Claimed], now: datetime) -> content.EntrantHeaders:
        """What stands in the head of this group's mail alone. Raises ContentError."""
        carrier = group[0]
        return content.EntrantHeaders(
            to_email=carrier.address,
            message_id=f"<{carrier.message_id}>",
            date=now.astimezone(UTC),
            unsubscribe_url=f"{self._public_url}/u/{carrier.entrant_token}"
            if self._holds_tips(group)
            else "",
            tracking=esp.headers(self._esp, attempt_code.code_of(carrier.token, carrier.claim)),
        )

    def _holds_tips(self, group: Sequence[Claimed]) -> bool:
        """Whether the mail brings these people what one click stops: also a part of news about the race."""
        if self.purpose != Purpose.SERVICE:
            return True
        return self.email is not None and self.email.has_tips and bool(_agreed(group, Purpose.TIPS))


@lru_cache(maxsize=256)
def times_around(day: date, at: time, zone: ZoneInfo) -> Mapping[str, str]:
    """The times of day that hang on a start, as the clocks of its place show them; thousands share one start."""
    start = schedule.wall_clock(day, at, zone)
    moments = {
        "start_time": start,
        "pen_close": start - PEN_CLOSES,
        "arrive_by": start - ARRIVE,
        "warmup_time": start - WARM_UP,
    }
    return {name: f"{moment.astimezone(zone):%H:%M}" for name, moment in moments.items()}


def message_of(step: Step, channel: Channel, version_id: int | None = None) -> Message:
    """The approved message of a step for a channel, or the version that was sent.

    An SMS step's fallback has its own version.
    """
    if version_id is None:
        version_id = step.version_id if step.channel == channel else step.fallback_version_id
    assert version_id is not None
    event = step.campaign.event
    review = sign_off.review_of(version_id)
    compiled = compiled_version(version_id, channel, event.colour, review, station_of(step), event.logo_url)
    return _message(step, channel, version_id, compiled)


def draft_of(step: Step, draft: Version) -> Message:
    """The message of a step with words that are not stored: `draft` has no id. Raises ContentError."""
    template, event = draft.template, step.campaign.event
    channel, brand = Channel(template.channel), content.Brand(event.colour, event.logo_url)
    compiled = _compiled(channel, template.name, draft.source, brand, None, station_of(step))
    return _message(step, channel, 0, compiled)


def _message(
    step: Step, channel: Channel, version_id: int, compiled: content.CompiledEmail | content.CompiledSms
) -> Message:
    event = step.campaign.event
    return Message(
        version_id=version_id,
        channel=channel,
        purpose=step.purpose,
        step_name=step.name,
        event_name=_short_name(event.name),
        event_slug=event.slug,
        date=event.date,
        zone=event.zone,
        venue=event.venue,
        info_url=event.info_url,
        deferral_url=event.deferral_url,
        contact=event.contact_email,
        organiser=event.organiser.name,
        postal_address=event.postal_address or event.venue or event.organiser.name,
        text_sender=settings.TWILIO_ALERT_FROM if step.kind == StepKind.ALERT else "",
        replies=event.contact_confirmed,
        typed=step.release.values if step.release else {},
        email=compiled if isinstance(compiled, content.CompiledEmail) else None,
        sms=compiled if isinstance(compiled, content.CompiledSms) else None,
    )


@lru_cache(maxsize=64)
def compiled_version(
    version_id: int,
    channel: Channel,
    colour: str,
    review: content.Review | None,
    station: content.Station | None = None,
    logo: str = "",
) -> content.CompiledEmail | content.CompiledSms:
    """A version never changes, so it is compiled once in a process, and anew when it is signed off."""
    version = Version.objects.select_related("template").get(id=version_id)
    brand = content.Brand(colour, logo)
    return _compiled(channel, version.template.name, version.source, brand, review, station)


def _compiled(
    channel: str,
    name: str,
    source: str,
    brand: content.Brand,
    review: content.Review | None,
    station: content.Station | None,
) -> content.CompiledEmail | content.CompiledSms:
    if channel == Channel.SMS:
        return content.compile_sms(name, source)
    return content.compile_email(name, source, layout(), brand=brand, review=review, station=station)


def station_of(step: Step) -> content.Station | None:
    """Which of the plan's emails a step is; None for what stands outside its course."""
    return place_of(step)[0]


def place_of(step: Step) -> tuple[content.Station | None, list[str]]:
    """The step's station, and the names of the other steps that share it.

    Steps of one moment are one station: nobody gets more than one of them.
    """
    if step.kind != StepKind.PLANNED or step.channel != Channel.EMAIL:
        return None, []
    planned = step.campaign.steps.filter(kind=StepKind.PLANNED, channel=Channel.EMAIL)
    whens = dict(planned.exclude(state=StepState.OFF).values_list("name", "when")) | {step.name: step.when}
    event = step.campaign.event
    moments = {name: _at_noon_start(event, when) for name, when in whens.items()}
    own, order = moments[step.name], sorted(set(moments.values()))
    shared = [name for name, moment in moments.items() if moment == own and name != step.name]
    return content.Station(order.index(own) + 1, len(order)), shared


def _at_noon_start(event: Event, when: str) -> datetime:
    """The moment of a step for a start at noon, so that those that hang on the start have an order too."""
    return schedule.moment(schedule.parse_when(when), event.date, event.zone, time(12))


@lru_cache(maxsize=1024)
def outline_of(version_id: int) -> content.Outline:
    """What the source of a version tells without being compiled, read once in a process. Raises ContentError."""
    version = Version.objects.select_related("template").get(id=version_id)
    template = version.template
    return content.outline(template.name, version.source, is_email=template.channel == Channel.EMAIL)


def topic(version_id: int) -> str:
    """What a message is about, in a few words for its readers."""
    return outline_of(version_id).front.topic


@lru_cache(maxsize=32)
def made_frame(headers: content.StepHeaders, email: content.CompiledEmail) -> content.Frame:
    """A frame takes some milliseconds to make, so a step's blocks share one."""
    return content.Frame(headers, email)


def check_source(channel: str, name: str, source: str) -> content.FrontMatter:
    """Compiles a message source and returns what its head says. Raises ContentError."""
    if channel == Channel.SMS:
        return content.compile_sms(name, source).front
    return content.compile_email(name, source, layout()).front


@lru_cache(maxsize=1)
def layout() -> content.Layout:
    """The frame that every email stands in."""
    folder = settings.BASE_DIR / "templates" / "layouts"
    return content.Layout(
        html=(folder / "email.html").read_text(encoding="utf-8"),
        text=(folder / "email.txt").read_text(encoding="utf-8"),
    )


def _short_name(event_name: str) -> str:
    """The name without the edition's year: a text has no room for it, and everyone knows the year."""
    words = event_name.split()
    return " ".join(words[:-1]) if len(words) > 1 and words[-1].isdigit() else event_name


def _facts(group: Sequence[Claimed], day: date) -> dict[str, str]:
    """What a message may ask for and not print: true of one of those it greets, or, for consent, of all."""
    minors = [row.minor for row in group]
    return {
        "races": " ".join([row.race for row in group]),
        "ages": " ".join([age_band(row.birth_date, day) for row in group]),
        "first_timer": "yes" if True in [row.first_timer for row in group] else "",
        "minor": "yes" if all(minors) else "",
        "tips_agreed": _agreed(group, Purpose.TIPS),
        # A child's name brings a sponsor nothing, whatever the entry list says.
        "sponsor_agreed": "" if any(minors) else _agreed(group, Purpose.SPONSOR),
    }


def _agreed(group: Sequence[Claimed], purpose: Purpose) -> str:
    return "" if False in [purpose in row.agreed for row in group] else "yes"


def age_band(born: date | None, day: date) -> str:
    """One of `content.AGE_BANDS` by whole years on `day`; empty where the birth date is unknown."""
    if born is None:
        return ""
    age = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return content.AGE_BANDS[bisect((18, 30, 50), age)]


def _listed(names: Sequence[str]) -> str:
    """ "Ana", "Ana and Ben", "Ana, Ben and Zoë"; a name that two share stands once."""
    if len(names) == 1:
        return names[0]
    unique = list(dict.fromkeys(name for name in names if name))
    if len(unique) < 2:
        return "".join(unique)
    return f"{', '.join(unique[:-1])} and {unique[-1]}"
