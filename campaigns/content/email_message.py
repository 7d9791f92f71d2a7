"""An email: its source compiled once per version, then rendered for each entrant by Jinja alone.

Once per version: check the source, hide its tags, Markdown to HTML and to text, layout, inlined CSS, compile.
The layout speaks two languages: `[[ … ]]` and `[% … %]` are filled once per version, `{{ … }}` per entrant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from typing import cast

import css_inline
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from campaigns.content import claims, front_matter, markdown, plain_text, safety
from campaigns.content.brand import Brand
from campaigns.content.errors import ContentError
from campaigns.content.front_matter import FrontMatter, person_date
from campaigns.content.placeholders import Filled, Placeholder, fill
from campaigns.content.sandbox import MAX_LINES, MAX_SOURCE, CheckedTemplate, check, compile_template
from campaigns.content.tags import HiddenTags

MAX_HTML = 60_000  # octets; Gmail cuts a message near 102 KB, and values still have to fit in

_STOP_WORDS = {"tips": "Stop tips", "sponsor": "Stop these emails"}
_TAG_BEGINNINGS = ("{{", "{%", "{#")


@dataclass(frozen=True)
class Layout:
    """The frame round every email, ours and trusted: the HTML page and the plain text."""

    html: str
    text: str


@dataclass(frozen=True)
class Review:
    """Who signed this version off, and when."""

    reviewer: str
    on: date

    def __str__(self) -> str:
        return f"Reviewed by {self.reviewer} on {person_date(self.on)}."


@dataclass(frozen=True)
class Station:
    """Where a message stands on the course of its plan's emails: the third of ten."""

    number: int
    of: int


@dataclass(frozen=True)
class RenderedEmail:
    """One entrant's email."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True)
class EmailPieces:
    """One entrant's email whose bodies, joined, are its page and its text."""

    subject: str
    html: Sequence[str]
    text: Sequence[str]


@dataclass(frozen=True)
class CompiledEmail:
    """One version of an email, ready to be rendered for each entrant."""

    name: str
    front: FrontMatter
    subject: CheckedTemplate
    html: CheckedTemplate
    text: CheckedTemplate
    has_tips: bool = False
    """Whether this is news about the race with a part that needs consent, and so a way to stop that part."""

    @property
    def placeholders(self) -> frozenset[str]:
        """The names of all placeholders this email uses, layout included."""
        return frozenset(placeholder.name for part in self._parts for placeholder in part.placeholders)

    def render(self, values: Mapping[str, str]) -> RenderedEmail:
        """Put an entrant's values in; they are strings ready for people, and never markup.

        Raises MissingValue when a required placeholder has no value; ContentError for a bad link or a result
        over 200 KB.
        """
        pieces = self.render_pieces(values)
        return RenderedEmail(pieces.subject, "".join(pieces.html), "".join(pieces.text))

    def render_pieces(self, values: Mapping[str, str]) -> EmailPieces:
        """What `render` gives, for a `Frame`: it knows the fixed pieces already. Raises the same."""
        return self._rendered(values, None if self._words is None else self._filled(self._words, values))

    def own_words(self, values: Mapping[str, str]) -> dict[str, str] | None:
        """The words that are a reader's own and are printed, if there are any; none of them decides anything.

        None where a stencil would not do: one word has a fallback in a part and not in another. Raises ContentError.
        """
        return None if self._words is None else cast(dict[str, str], self._filled(self._own, values))

    def render_with(self, values: Mapping[str, str], words: Mapping[str, str]) -> EmailPieces:
        """What `render` gives with these words in place of the reader's own. Raises the same."""
        assert self._words is not None
        return self._rendered(values, {**self._filled(self._words, values), **words})

    def _filled(self, placeholders: Iterable[Placeholder], values: Mapping[str, str]) -> Filled:
        try:
            return fill(placeholders, values)
        except ContentError as error:
            raise ContentError(error.problem, template=self.name) from None

    def _rendered(self, values: Mapping[str, str], filled: Filled | None) -> EmailPieces:
        return EmailPieces(
            "".join(self.subject.render_pieces(values, filled)),
            self.html.render_pieces(values, filled),
            self.text.render_pieces(values, filled),
        )

    @cached_property
    def _words(self) -> tuple[Placeholder, ...] | None:
        """All placeholders, to be filled in once; None where one has its fallback in a part and not in another."""
        everyone = {word for part in self._parts for word in part.placeholders}
        return (
            tuple(sorted(everyone, key=lambda word: word.name))
            if len(everyone) == len(self.placeholders)
            else None
        )

    @cached_property
    def _own(self) -> tuple[Placeholder, ...]:
        looked_into = frozenset().union(*(part.looked_into for part in self._parts))
        return tuple(word for word in self._words or () if word.own and word.name not in looked_into)

    @cached_property
    def shared(self) -> tuple[str, ...]:
        """The names of the placeholders that are not a reader's own: who has the same of them gets the same mail."""
        own = {word.name for word in self._own}
        return tuple(sorted(self.placeholders - own))

    @property
    def _parts(self) -> tuple[CheckedTemplate, ...]:
        return self.subject, self.html, self.text


def compile_email(
    name: str,
    source: str,
    layout: Layout,
    *,
    brand: Brand | None = None,
    review: Review | None = None,
    station: Station | None = None,
) -> CompiledEmail:
    """Compile an email from its source: a YAML head and a Markdown body (see `front_matter` and `markdown`).

    `review` is the sign-off of exactly this version; without one the foot says nothing of a review. `station`
    draws the course under the title; messages outside the plan have none. Raises ContentError, with line and
    column where known, for whatever in the source cannot be used.
    """
    refuse_too_long(name, source)
    head, body_source = front_matter.split(name, source)
    front = front_matter.read_email_head(head)
    for part in (front.subject, front.preheader, body_source):
        check(part)
    claims.check(front, body_source)
    tags = HiddenTags()
    body = markdown.parse(
        body_source, tags.hide(body_source), tags, safety=front.safety, purpose=front.purpose
    )
    once = _filled_once(front, tags, brand or Brand(), review)
    has_tips = front.purpose == "service" and "::: tips" in body_source.text
    once |= {"station": station, "has_tips": has_tips}
    html = _html_template(name, layout, {**once, **_title_and_rest(body.html)}, tags)
    text = _text_template(name, layout, {**once, "body": plain_text.write(body.tree, tags)}, tags)
    subject = compile_template(name, front.subject.text, html=False)
    return CompiledEmail(name, front, subject, html, text, has_tips)


def _title_and_rest(html: str) -> dict[str, object]:
    """The course is drawn between the title, which comes first, and the rest. Both were made by markdown-it."""
    title, end, rest = html.partition("</h1>\n")
    return {"title": Markup(title + end), "body": Markup(rest)}  # noqa: S704


def refuse_too_long(name: str, source: str) -> None:
    """Raise ContentError when a source is over 20 KB or 1,000 lines."""
    if len(source.encode(errors="surrogatepass")) > MAX_SOURCE:
        raise ContentError(f"the source is longer than {MAX_SOURCE // 1000} KB", template=name)
    if source.count("\n") + source.count("\r") > MAX_LINES:
        raise ContentError(f"the source has more than {MAX_LINES:,} lines", template=name)


def _filled_once(
    front: FrontMatter, tags: HiddenTags, brand: Brand, review: Review | None
) -> dict[str, object]:
    """What the layout shows that does not depend on the entrant."""
    disclaimer = markdown.fragment(safety.DISCLAIMER)
    return {
        "subject": tags.hide(front.subject),
        "preheader": tags.hide(front.preheader),
        "band": brand.band,
        "logo": brand.logo,
        "stop_words": _STOP_WORDS.get(front.purpose, ""),
        "disclaimer_html": Markup(disclaimer.html) if front.health else "",  # noqa: S704 - our own fixed words
        "disclaimer_text": plain_text.write(disclaimer.tree, tags) if front.health else "",
        "sources": front.sources,
        "review": str(review) if review else "",
    }


_LAYOUTS = {
    html: Environment(
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=html,  # noqa: S701 - off for the plain text alone
        undefined=StrictUndefined,
    )
    for html in (True, False)
}


@lru_cache(maxsize=8)
def _layout(source: str, *, html: bool) -> Template:
    """A layout is the same for every message, and compiling it takes a quarter of compiling one."""
    return _LAYOUTS[html].from_string(source)


# Neither the layout nor a message may make us fetch a stylesheet or read a file.
_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True, keep_style_tags=False)


def _html_template(name: str, layout: Layout, once: dict[str, object], tags: HiddenTags) -> CheckedTemplate:
    _refuse_made_up_tags(name, f"{once['title']}{once['body']}{once['subject']}{once['preheader']}")
    page = _layout(layout.html, html=True).render(once)
    inlined = tags.show(_INLINER.inline(tags.hide_again(name, page)))
    if len(inlined.encode()) > MAX_HTML:
        raise ContentError(
            f"the email is over {MAX_HTML // 1000} KB and mail programs would cut it off; shorten it",
            template=name,
        )
    return compile_template(name, inlined, html=True)


def _text_template(name: str, layout: Layout, once: dict[str, object], tags: HiddenTags) -> CheckedTemplate:
    _refuse_made_up_tags(name, str(once["body"]))
    page = _layout(layout.text, html=False).render(once)
    return compile_template(name, tags.show(tags.hide_again(name, page)), html=False)


def _refuse_made_up_tags(name: str, text: str) -> None:
    """With all tags hidden none may be left: Markdown can make one, from `{\\{` for instance."""
    if any(beginning in text for beginning in _TAG_BEGINNINGS):
        raise ContentError("two curly brackets may only stand round a placeholder", template=name)
