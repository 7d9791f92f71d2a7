"""What organisers' Jinja may do, and, mostly, what it may not."""

from __future__ import annotations

import pytest

from campaigns.content import ContentError
from campaigns.content.errors import Source
from campaigns.content.sandbox import check, compile_template, pieces


def refused(text: str) -> ContentError:
    with pytest.raises(ContentError) as caught:
        check(Source("sample", text))
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__ }}",
        "{{ first_name.__class__ }}",
        "{{ first_name['__class__'] }}",
        "{{ first_name.upper() }}",
        "{{ first_name|attr('__class__') }}",
        "{{ first_name|map('upper') }}",
        "{{ range(10 ** 9) }}",
        "{{ 7 * 7 }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 2 ** 100000 }}",
        "{{ 'a' ~ 'b' }}",
        "{{ [1, 2] }}",
        "{{ {'a': 1} }}",
        "{{ self }}",
        "{{ cycler }}",
        "{{ loop }}",
        "{{ first_name is defined }}",
        "{% for c in first_name %}x{% endfor %}",
        "{% set bib = 1 %}",
        "{% macro m() %}{% endmacro %}",
        "{% include 'secret' %}",
        "{% import 'secret' as s %}",
        "{% extends 'secret' %}",
        "{% block b %}{% endblock %}",
        "{% filter upper %}x{% endfilter %}",
        "{% call m() %}{% endcall %}",
        "{% with a = 1 %}{% endwith %}",
        "{% autoescape false %}{{ first_name }}{% endautoescape %}",
        "{% raw %}{{ first_name }}{% endraw %}",
        "{{- first_name }}",
        "{%- if bib %}x{% endif %}",
        "{{ days_to_go|days(2) }}",
        "{{ first_name",
        "{% if bib %}",
        "{% endif %}",
        "{{ 1" + "0" * 5000 + " }}",
        "{{ " + "(" * 5000 + "bib" + ")" * 5000 + " }}",
        "{% if bib %}" * 500 + "{% endif %}" * 500,
        "{{ " + "not " * 100 + "bib }}",
    ],
)
def test_code_is_refused_in_one_sentence_with_its_place(text: str) -> None:
    error = refused(text)
    assert str(error).startswith("sample, line 1")
    assert "\n" not in str(error)


def test_what_is_allowed_is_allowed() -> None:
    text = (
        "{# note #}{% if bib and not wave %}{{ bib }}{% elif wave == 'A' or wave in 'BC' %}{{ wave }}"
        "{% else %}{{ days_to_go|days }}{% endif %}"
    )
    assert check(Source("sample", text)) == {"bib", "wave", "days_to_go"}


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("Hi\n  {{ frist_name }}", 2, 6, 'there is no placeholder "frist_name"; did you mean "first_name"?'),
        ("{{ bib }} {{ bob }}", 1, 14, 'there is no placeholder "bob"; did you mean "bib"?'),
        ("a\n b {% raw %}{{ bib }}{% endraw %}", 2, 4, "raw is not available in messages"),
        ("{{ bib|upper }}", 1, 8, 'there is no filter "upper"; the filters are: days'),
        ("a {{ bib.real }}", 1, 3, "looking inside a value is not available"),
        ("ok\n\n{% for a in bib %}{% endfor %}", 3, 1, "the Jinja feature For is not available"),
    ],
)
def test_says_where_and_what(text: str, line: int, column: int, words: str) -> None:
    error = refused(text)
    assert (error.line, error.column) == (line, column)
    assert words in str(error)


def test_the_pieces_of_a_template_are_its_source() -> None:
    text = "a {{ bib }}{# c #}\n{% if bib %}b{% endif %}\n"
    found = pieces(Source("sample", text))
    assert "".join(piece.text for piece in found) == text
    assert [piece.kind for piece in found if piece.kind != "data"] == [
        "output",
        "comment",
        "statement",
        "statement",
    ]


def test_values_are_escaped_in_html_and_nowhere_else() -> None:
    values = {"first_name": '<b>"O\'Neill" & co'}
    assert compile_template("s", "{{ first_name }}", html=False).render(values) == values["first_name"]
    escaped = compile_template("s", "{{ first_name }}", html=True).render(values)
    assert escaped == "&lt;b&gt;&#34;O&#39;Neill&#34; &amp; co"


def test_a_value_cannot_call_itself_safe() -> None:
    class Sneaky(str):
        def __html__(self) -> str:
            return "<script>"

    assert "<script>" not in compile_template("s", "{{ first_name }}", html=True).render(
        {"first_name": Sneaky("x")}
    )


def test_a_value_is_never_a_template() -> None:
    template = compile_template("s", "{{ first_name }}", html=False)
    assert template.render({"first_name": "{{ 7*7 }}"}) == "{{ 7*7 }}"


def test_a_huge_result_is_refused() -> None:
    template = compile_template("s", "{{ venue }}" * 101, html=False)
    with pytest.raises(ContentError, match="longer than 200 KB"):
        template.render({"venue": "x" * 2_000})


def test_a_huge_value_is_refused_before_it_is_repeated() -> None:
    template = compile_template("s", "{{ venue }}" * 5_000, html=True)
    with pytest.raises(ContentError, match="the value of venue is longer than 2,000 characters"):
        template.render({"venue": "x" * 10_000_000})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ minor }}", "minor is not for printing"),
        ("{{ races }}", "races is not for printing"),
        ("{{ first_timer|days }}", "first_timer is not for printing"),
        ("{% if minor == 'yes' %}x{% endif %}", "minor is asked for as {% if minor %}"),
        ("{% if races == 'half' %}x{% endif %}", 'races is asked for as {% if "word" in races %}'),
        ("{% if races in 'half' %}x{% endif %}", 'races is asked for as {% if "word" in races %}'),
        ("{% if 'half' == races %}x{% endif %}", 'races is asked for as {% if "word" in races %}'),
        ("{% if bib in races %}x{% endif %}", 'races is asked for as {% if "word" in races %}'),
        ("{% if '50+' in ages %}x{% endif %}", 'there is no "50+" in ages; the words are: under-18, 18-29'),
    ],
)
def test_a_fact_is_only_asked_for_and_only_so_that_it_can_be_true(text: str, words: str) -> None:
    assert words in str(refused(text))


def test_facts_decide_what_is_shown_and_are_never_missing() -> None:
    text = "{% if '10k' in races and '50-plus' not in ages and not minor %}10K{% elif minor %}Kids{% endif %}"
    template = compile_template("s", text, html=False)
    assert template.render({"races": "half 10k", "ages": "30-49"}) == "10K"
    assert template.render({"races": "110k", "ages": ""}) == ""
    assert template.render({"minor": "yes"}) == "Kids"
    assert template.render({}) == ""
