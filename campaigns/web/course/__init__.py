"""The picture of the course: weeks along it, a station for each message, as server-made SVG and as an ordered list.

Pure: it takes stations as plain values and knows no database, no request and no rehearsal.
"""

from campaigns.web.course.alone import alone
from campaigns.web.course.drawing import drawing, sign
from campaigns.web.course.legend import SHAPES, legend, one_sign
from campaigns.web.course.stations import STATE_MEANINGS, STATE_WORDS, Course, Sign, Station

__all__ = [
    "SHAPES",
    "STATE_MEANINGS",
    "STATE_WORDS",
    "Course",
    "Sign",
    "Station",
    "alone",
    "drawing",
    "legend",
    "one_sign",
    "sign",
]
