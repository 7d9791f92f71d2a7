"""Template source → compiled message → Email or Sms. Pure: no Django, no files, no clock.

How a message is written: `front_matter` (its head), `markdown` (its body), `sandbox` (what Jinja may do) and
`placeholders` (the open words).
"""

from campaigns.content.brand import Brand
from campaigns.content.email_message import (
    CompiledEmail,
    EmailPieces,
    Layout,
    RenderedEmail,
    Review,
    Station,
    compile_email,
)
from campaigns.content.errors import ContentError, MissingValue
from campaigns.content.frame import Frame
from campaigns.content.front_matter import FrontMatter
from campaigns.content.gsm import Segments, segments, to_gsm7
from campaigns.content.mime import EntrantHeaders, StepHeaders, build_email
from campaigns.content.outline import Outline, outline
from campaigns.content.placeholders import AGE_BANDS, PLACEHOLDERS, TYPED, Placeholder
from campaigns.content.sms import CompiledSms, RenderedSms, compile_sms
from campaigns.content.typed_values import typed_value

__all__ = [
    "AGE_BANDS",
    "PLACEHOLDERS",
    "TYPED",
    "Brand",
    "CompiledEmail",
    "CompiledSms",
    "ContentError",
    "EmailPieces",
    "EntrantHeaders",
    "Frame",
    "FrontMatter",
    "Layout",
    "MissingValue",
    "Outline",
    "Placeholder",
    "RenderedEmail",
    "RenderedSms",
    "Review",
    "Segments",
    "Station",
    "StepHeaders",
    "build_email",
    "compile_email",
    "compile_sms",
    "outline",
    "segments",
    "to_gsm7",
    "typed_value",
]
