"""Facts and where they were read: a claim without a source, or that the message no longer makes, is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from campaigns.content import CompiledEmail, ContentError, compile_email

EmailOf = Callable[..., CompiledEmail]

HEAD = """---
topic: T
purpose: tips
subject: S
preheader: P
health: true
sources:
  - id: nice
    title: NICE
    url: https://www.nice.org.uk/guidance/ng59
    read: 2026-11
{claims}
---
# T

Most **sore legs** [ease](https://example.org) in a few
days.
"""


def compiled(layout, claims: str) -> CompiledEmail:
    return compile_email("sample", HEAD.format(claims=claims), layout)


def claim(says: str, source: str) -> str:
    return f"claims:\n  - says: {says}\n    source: {source}"


def test_a_claim_is_kept_with_its_sources(layout) -> None:
    [kept] = compiled(layout, claim("Most sore legs ease in a few days.", "[nice]")).front.claims
    assert (kept.says, kept.sources) == ("Most sore legs ease in a few days.", ("nice",))


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        (
            claim("Most sore legs", "nhs"),
            'the claim "Most sore legs" names no source, or one that is not among',
        ),
        (claim("Most sore legs", "[]"), "names no source"),
        (claim("Most sore legs", "[nice, nhs]"), "not among the sources"),
        (claim("Most sore legs", "[[nice]]"), "not among the sources"),
        ("claims:\n  - says: Most sore legs", "each claim says something and names its source"),
        ("claims: Most sore legs", "claims must be a list, each with says and source"),
        (claim("All sore legs", "nice"), 'the message no longer says "All sore legs"'),
    ],
)
def test_a_claim_without_a_source_or_that_is_not_made_is_refused(layout, claims: str, words: str) -> None:
    with pytest.raises(ContentError, match=words):
        compiled(layout, claims)


@pytest.mark.parametrize("body", ["Rest your back.", "Back pain is common.", "A stiff back in the morning."])
def test_advice_about_the_back_needs_its_red_flags(email_of: EmailOf, body: str) -> None:
    sources = "[{title: a, url: 'https://a', read: 2026-11}]"
    with pytest.raises(ContentError, match="needs safety: back"):
        email_of(f"# T\n\n{body}", health="true", sources=sources)
    email_of(f"# T\n\n{body}\n\n::: get-help", health="true", sources=sources, safety="back")


def test_giving_a_place_back_is_no_advice_about_the_back(email_of: EmailOf) -> None:
    sources = "[{title: a, url: 'https://a', read: 2026-11}]"
    email_of("# T\n\nGive your place back, and run back to the park.", health="true", sources=sources)
