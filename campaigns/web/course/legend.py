"""Signs by themselves: beside the list's entries, and in the legend that says what each shape and mark means."""

from collections.abc import Iterable

from markupsafe import Markup

from campaigns.web.course.drawing import sign
from campaigns.web.course.stations import STATE_MEANINGS, STATE_WORDS, Sign, Station


def one_sign(station: Station) -> Markup:
    """A station's sign as a picture of its own."""
    drawn = sign(station, 20, 20)
    return Markup(f'<svg class="one-sign" viewBox="0 0 44 44" aria-hidden="true">{drawn}</svg>')  # noqa: S704


def _shape(channel: Sign) -> Markup:
    return one_sign(Station("", channel, "plain", 0))


SHAPES: dict[Sign, tuple[str, Markup]] = {
    "email": ("square: email", _shape("email")),
    "sms": ("round: text", _shape("sms")),
    "alert": ("triangle: alert", _shape("alert")),
}


def legend(states: Iterable[str] = STATE_WORDS) -> list[tuple[str, Markup]]:
    """The meaning of each of these states' marks, with the sign."""
    return [
        (STATE_MEANINGS.get(state, STATE_WORDS[state]), one_sign(Station("", "email", state, 0)))
        for state in STATE_WORDS
        if state in set(states)
    ]
