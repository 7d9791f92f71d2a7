"""Where each station's signboard hangs: as low as there is room, its words clear of the others and of their poles."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from campaigns.web.course.stations import STATE_WORDS, Course, Station

SIGN = 28.0
GAP = 6.0
HEIGHT = 48.0
LANE = 56.0
ROUNDS = 6
LONGEST = 30
"""Characters of a topic that stand on a board; the list has it whole."""
BEGIN, EDGE = 4.0, 1116.0
"""Where the picture begins and ends for words."""

CHARACTER = 6.2
"""Width of an average letter of the largest line, in pixels: generous, for fonts differ."""


@dataclass(frozen=True)
class Board:
    """A station's sign with its words: the sign's centre is over the station, the words to one side."""

    station: Station
    x: float
    lane: int
    to_left: bool
    width: float
    """Of the words."""

    @cached_property
    def span(self) -> tuple[float, float]:
        """From where to where sign and words reach."""
        half = SIGN / 2
        if self.to_left:
            return self.x - half - GAP - self.width, self.x + half + GAP
        return self.x - half - GAP, self.x + half + GAP + self.width

    def overlaps(self, other: "Board") -> bool:
        return self.lane == other.lane and self.covers(*other.span)

    def covers(self, begin: float, end: float) -> bool:
        return self.span[0] < end and begin < self.span[1]


def _width(station: Station) -> float:
    return max(map(len, lines(station))) * CHARACTER + 4


def lines(station: Station) -> tuple[str, str, str]:
    """The three lines beside a sign: topic, moment, people and state."""
    word = "sent, stays" if station.stays else STATE_WORDS.get(station.state, station.state)
    people = "" if station.people is None else f"{station.people:,} · "
    return _cut(station.topic), station.moment, f"{people}{word}"


def _cut(topic: str) -> str:
    return topic if len(topic) <= LONGEST else f"{topic[: LONGEST - 1]}…"


def placed(course: Course) -> list[Board]:
    """A board for each station from left to right: hung in both orders, made better one by one, the best of them."""
    stations = [station for station in course.stations if station.at]
    ways = [_settled(_hung(course, order)) for order in (stations, stations[::-1])]
    best = min(ways, key=_cost)
    return sorted(best, key=lambda board: board.x)


def _hung(course: Course, stations: Sequence[Station]) -> list[Board]:
    boards: list[Board] = []
    for station in stations:
        assert station.at is not None
        boards.append(_best(station, course.x(station.at), boards))
    return boards


def _settled(boards: list[Board]) -> list[Board]:
    """Each is hung anew among the others, until none finds a better place."""
    for _ in range(ROUNDS):
        before = list(boards)
        for place, board in enumerate(before):
            others = boards[:place] + boards[place + 1 :]
            boards[place] = _best(board.station, board.x, others)
        if boards == before:
            break
    return boards


def _best(station: Station, x: float, others: Sequence[Board]) -> Board:
    """The best place among the others, one free row above them all being there for whoever finds no other."""
    lanes = max((other.lane for other in others), default=-1) + 2
    width = _width(station)
    choices = [Board(station, x, lane, left, width) for lane in range(lanes) for left in (False, True)]
    free = [choice for choice in choices if _fits(choice, others)]
    return min(free, key=lambda choice: _trouble(choice, others))


def _fits(board: Board, others: Sequence[Board]) -> bool:
    begin, end = board.span
    return begin >= BEGIN and end <= EDGE and not any(board.overlaps(other) for other in others)


def _cost(boards: Sequence[Board]) -> float:
    return sum(_trouble(board, boards) for board in boards)


def _trouble(board: Board, others: Sequence[Board]) -> float:
    """Height, words on the unusual side, and above all poles that pass behind somebody else's words."""
    crossed = sum(_crosses(board, other) for other in others if other is not board)
    return board.lane + 0.4 * board.to_left + 3 * crossed


def _crosses(one: Board, other: Board) -> bool:
    """Whether the pole of the higher of two passes behind the words of the lower."""
    low, high = (one, other) if one.lane < other.lane else (other, one)
    return low.lane < high.lane and low.covers(high.x - 2, high.x + 2)
