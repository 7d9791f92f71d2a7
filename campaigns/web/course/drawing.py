"""The course as SVG. Colours, edges and fills are classes of `course.css`; marks and shapes are drawn here."""

from datetime import datetime, timedelta
from html import escape

from campaigns.web.course.placing import HEIGHT, LANE, SIGN, Board, lines, placed
from campaigns.web.course.stations import LAST_DAYS, Course, Sign, Station

WIDTH = 1120
UNDER = 66
"""Below the line: ticks, their dates, and what the finish is called."""

SHELF = 98

SHORT = 2
"""Words that fit into one line under a sign of the shelf."""

GHOSTS = 20
"""Room right below the line for where stations stood before."""
LOWEST = 50
"""From the ground to the middle of the lowest sign."""

MARKS = {
    "waiting": "M0-4.6V.8M0 3.7V4.1",
    "approved": "M-4 .2-1.3 3.2 4-3.4",
    "done": "M-4 .2-1.3 3.2 4-3.4",
    "sending": "M-3.6 0H3.2M.4-3 3.4 0 .4 3",
    "paused": "M-1.9-3.6V3.6M1.9-3.6V3.6",
    "passed": "M-3.2 0H3.2",
    "missed": "M-3.2-3.2 3.2 3.2M3.2-3.2-3.2 3.2",
}
"""What stands in the badge of each state, round its middle. A draft and a step that is off have none."""

ICONS: dict[Sign, str] = {
    "email": "M-7-4.6H7V4.6H-7ZM-7-4.6 0 1 7-4.6",
    "sms": "M-6.4-4.6H6.4V2.6H-1.4L-4.4 5.8V2.6H-6.4Z",
    "alert": "M0-2.6V2.6M0 5.4V5.8",
}


def sign(station: Station, x: float = 16, y: float = 16) -> str:
    """A station's sign by itself: shape by channel, edge and badge by state."""
    shape = f'<g class="sign sign-{station.state}" transform="translate({x:.1f} {y:.1f})">{_shape(station.channel)}'
    if station.state == "sending":
        shape += '<path class="cup" d="M-13 2H13V13H-13Z"/>'
    shape += f'<path class="icon" d="{ICONS[station.channel]}"/>'
    if station.state == "off":
        shape += '<path class="strike" d="M-17 13 17-13"/>'
    if mark := MARKS.get(station.state):
        shape += f'<g class="badge" transform="translate(13 12)"><circle r="8"/><path d="{mark}"/></g>'
    return f"{shape}</g>"


def _shape(channel: Sign, half: float = SIGN / 2, name: str = "edge") -> str:
    if channel == "sms":
        return f'<circle class="{name}" r="{half}"/>'
    if channel == "alert":
        return f'<path class="{name}" d="M0-{half + 3}L{half + 2} {half - 2}H-{half + 2}Z"/>'
    return f'<rect class="{name}" x="-{half}" y="-{half}" width="{half * 2}" height="{half * 2}" rx="4"/>'


def drawing(course: Course) -> str:
    """The whole picture, 1,120 wide. It is hidden from screen readers: the list beside it says the same."""
    boards = placed(course)
    ground = max((board.lane for board in boards), default=0) * LANE + LOWEST + HEIGHT / 2 + 12
    under = ground + (GHOSTS if any(station.was for station in course.stations) else 0)
    height = under + UNDER + (SHELF if course.alerts else 0)
    parts = [
        _line(course, ground),
        *_ticks(course, under),
        *_ghosts(course, ground),
        *(_gliding(board, course, _pole(board, ground)) for board in boards),
        _tape(course, ground, under),
        *(_gliding(board, course, _linked(board.station, _board(board, ground))) for board in boards),
        _runner(course, ground, under),
        _shelf(course, under),
    ]
    return (
        f'<svg class="course" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}" '
        f'aria-hidden="true" focusable="false">{"".join(parts)}</svg>'
    )


def _line(course: Course, ground: float) -> str:
    """Covered, coming, and dotted behind the finish; the mark across it says that the scale changes."""
    now = min(max(course.x(course.now), course.left), course.finish_x)
    found = f'<path class="coming" d="M{course.left} {ground}H{course.finish_x}"/>'
    if course.now > course.begin:
        found += f'<path class="covered" d="M{course.left} {ground}H{now:.1f}"/>'
    found += f'<path class="recovery" d="M{course.finish_x + 10} {ground}H{course.right}"/>'
    across = f"M{course.break_x - 5:.1f} {ground + 9}l6-18M{course.break_x + 1:.1f} {ground + 9}l6-18"
    gap = f'<path class="gap" d="M{course.break_x - 2:.1f} {ground}h8"/>'
    return f'{found}{gap}<path class="break" d="{across}"/>'


def _ticks(course: Course, ground: float) -> list[str]:
    """Weeks before the break, days behind it, and whole weeks after the finish."""
    found = []
    week = 2
    while (at := course.finish - week * LAST_DAYS) > course.begin:
        found.append(_tick(course.x(at), ground, f"{week} weeks", _short(at)))
        week += 1
    space = (course.break_x - course.left) / max(week - 2, 1)
    if space < 52:
        found = found[:: 2 if space > 26 else 4]
    found.append(_tick(course.break_x, ground, "7 days", _short(course.finish - LAST_DAYS)))
    for days in range(6, 0, -1):
        at = course.finish - timedelta(days=days)
        found.append(_tick(course.x(at), ground, f"{at:%a}", f"{at.day}"))
    for words, after in (("1 day after", 1), ("1 week", 7), ("5 weeks", 35)):
        at = course.finish + timedelta(days=after)
        if at <= course.end + timedelta(days=1):
            found.append(_tick(course.x(at), ground, words, _short(at)))
    return found


def _tick(x: float, ground: float, above: str, beneath: str) -> str:
    return (
        f'<path class="tick" d="M{x:.1f} {ground + 5}v7"/>'
        f'<text class="when" x="{x:.1f}" y="{ground + 25}">{above}</text>'
        f'<text class="when soft" x="{x:.1f}" y="{ground + 39}">{beneath}</text>'
    )


def _short(at: datetime) -> str:
    return f"{at.day} {at:%b}"


def _ghosts(course: Course, ground: float) -> list[str]:
    """Where stations stood before the race moved."""
    return [
        f'<g class="ghost" transform="translate({course.x(station.was):.1f} {ground + 13})">'
        f"{_shape(station.channel, 8)}</g>"
        for station in course.stations
        if station.was
    ]


def _gliding(board: Board, course: Course, drawn: str) -> str:
    """What moves with the race begins where it stood: the style sheet lets it glide from there to its place."""
    if board.station.was is None:
        return drawn
    return (
        f'<g class="glides" transform="translate({course.x(board.station.was) - board.x:.1f} 0)">{drawn}</g>'
    )


def _linked(station: Station, drawn: str) -> str:
    """To be clicked; the keyboard and screen readers have the list."""
    return f'<a href="{escape(station.href)}" tabindex="-1">{drawn}</a>' if station.href else drawn


def _pole(board: Board, ground: float) -> str:
    """A table on the course and the pole that carries its sign."""
    table = f"M{board.x - 8:.1f} {ground - 12}h16M{board.x - 5:.1f} {ground - 12}v9M{board.x + 5:.1f} {ground - 12}v9"
    pole = f"M{board.x:.1f} {ground - 12}V{_middle(board, ground):.1f}"
    return f'<path class="pole" d="{pole}"/><path class="table" d="{table}"/>'


def _middle(board: Board, ground: float) -> float:
    return ground - LOWEST - board.lane * LANE


def _board(board: Board, ground: float) -> str:
    y = _middle(board, ground)
    side = -1 if board.to_left else 1
    x = board.x + side * (SIGN / 2 + 10)
    anchor = ' text-anchor="end"' if board.to_left else ""
    begin, end = board.span
    ground_of_words = (
        f'<rect class="words" x="{min(x, begin) if board.to_left else x - 3:.1f}" y="{y - HEIGHT / 2 + 1:.1f}" '
        f'width="{(x - begin) if board.to_left else end - x:.1f}" height="{HEIGHT - 2}"/>'
    )
    topic, moment, rest = (escape(line) for line in lines(board.station))
    words = (
        f'<text class="topic" x="{x:.1f}" y="{y - 9:.1f}"{anchor}>{topic}</text>'
        f'<text class="detail" x="{x:.1f}" y="{y + 5:.1f}"{anchor}>{moment}</text>'
        f'<text class="detail" x="{x:.1f}" y="{y + 19:.1f}"{anchor}>{rest}</text>'
    )
    return f"<g>{ground_of_words}{sign(board.station, board.x, y)}{words}</g>"


def _tape(course: Course, ground: float, under: float) -> str:
    x = course.finish_x - 6
    return (
        f'<rect class="tape" x="{x:.1f}" y="{ground - 18}" width="12" height="36"/>'
        f'<text class="finish" x="{course.finish_x:.1f}" y="{under + 57}">{course.day:%a} {course.day.day} '
        f"{course.day:%b %Y}</text>"
    )


def _runner(course: Course, ground: float, under: float) -> str:
    """A dot for now, with its word: long before the first station it waits at the start."""
    x = min(max(course.x(course.now), course.left), course.right)
    word = f"{course.now_is}, {_short(course.now.astimezone(course.zone))}"
    return (
        f'<circle class="runner" cx="{x:.1f}" cy="{ground}" r="7"/>'
        f'<text class="now" x="{x - 7:.1f}" y="{under + 57}">{word}</text>'
    )


def _in_lines(words: str, x: float, y: float) -> str:
    """Under a sign of the shelf: three words or more take a second line."""
    parts = words.split()
    lines = [" ".join(parts[:-2]), " ".join(parts[-2:])] if len(parts) > SHORT else [words]
    return "".join(
        f'<text class="when soft" x="{x:.1f}" y="{y + 14 * at:.1f}">{escape(line)}</text>'
        for at, line in enumerate(lines)
    )


def _shelf(course: Course, ground: float) -> str:
    """Alerts, held ready: they have no moment."""
    if not course.alerts:
        return ""
    y = ground + UNDER + 24
    wide = min(90.0, (WIDTH - 100) / len(course.alerts)) * (len(course.alerts) - 1)
    first = min(course.finish_x - wide / 2, WIDTH - 52 - wide)
    xs = [first + wide * place / max(len(course.alerts) - 1, 1) for place in range(len(course.alerts))]
    signs = "".join(
        f'{sign(station, x, y)}<text class="when" x="{x:.1f}" y="{y + 34}">{escape(station.topic)}</text>'
        f"{_in_lines(station.moment, x, y + 48)}"
        for station, x in zip(course.alerts, xs, strict=True)
    )
    return f'<path class="table" d="M{xs[0] - 40:.1f} {y + 18}H{xs[-1] + 40:.1f}"/>{signs}'
