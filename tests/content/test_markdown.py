"""Markdown as organisers write it: what it becomes, in HTML and in text, and what is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from campaigns.content import CompiledEmail, ContentError

EmailOf = Callable[..., CompiledEmail]
Values = dict[str, str]

BACK = {
    "health": "true",
    "safety": "back",
    "sources": "[{title: NICE, url: 'https://a.example', read: 2026-11}]",
}


def test_a_placeholder_may_be_a_link_target_in_html_and_text(email_of: EmailOf, values: Values) -> None:
    rendered = email_of("# T\n\nSee [our **tips**]({{ info_url }}).").render(
        {**values, "info_url": "https://e.org/?a=1&b=2"}
    )
    assert '<a href="https://e.org/?a=1&amp;b=2"' in rendered.html
    assert "our tips (https://e.org/?a=1&b=2)." in rendered.text


def test_emphasis_round_a_placeholder_works(email_of: EmailOf, values: Values) -> None:
    rendered = email_of("# T\n\n**Hello {{ names }}**, *{{ bib }}*").render(values)
    assert "<strong>Hello Ana, Ben and Zoë</strong>" in rendered.html
    assert "<em>12345</em>" in rendered.html


def test_a_value_with_markdown_in_it_stays_as_it_is(email_of: EmailOf, values: Values) -> None:
    name = "**Ana** [x](https://evil.example) # {{ bib }}"
    rendered = email_of("# T\n\n{{ names }} runs").render({**values, "names": name})
    assert f"{name} runs" in rendered.html
    assert f"{name} runs" in rendered.text


def test_a_condition_alone_on_its_line_governs_whole_blocks(email_of: EmailOf, values: Values) -> None:
    email = email_of(
        "# T\n\nBefore.\n\n{% if wave %}\nWave {{ wave }}.\n\n- one\n{% else %}\nNone.\n{% endif %}\n\nEnd."
    )
    with_wave, without = email.render(values), email.render({**values, "wave": ""})
    assert "Before.\n\nWave B.\n\n- one\n\nEnd." in with_wave.text
    assert "Before.\n\nNone.\n\nEnd." in without.text
    assert "Wave" not in without.html
    assert without.html.split("Before.</p>")[1].split("None.")[0].count("<p") == 1


def test_a_condition_inside_a_sentence_stays_in_it(email_of: EmailOf, values: Values) -> None:
    email = email_of("# T\n\nHello{% if bib %}, number {{ bib }}{% endif %}.")
    assert "Hello, number 12345.</p>" in email.render(values).html
    assert "Hello.</p>" in email.render({**values, "bib": ""}).html


def test_comments_leave_no_trace_and_lines_still_count(email_of: EmailOf, values: Values) -> None:
    rendered = email_of("# T\n\n{# secret\nnote #}\n\nHello.").render(values)
    assert "secret" not in rendered.html + rendered.text
    with pytest.raises(ContentError, match=r"line 11, column 1"):
        email_of("# T\n\n{# a\nb #}\n::: dooo\n")


def test_the_do_box_is_headed_and_holds_markdown(email_of: EmailOf, values: Values) -> None:
    rendered = email_of(
        "# T\n\nLead.\n\n::: do\nTry **this**, {{ names }}.\n\n- and this\n:::\n\nAfter."
    ).render(values)
    box = rendered.html.split('class="box box-do"')[1].split("</table>")[0]
    assert "One thing to do</h2>" in box
    assert "<strong>this</strong>, Ana, Ben and Zoë." in box
    assert "and this" in box
    assert "After." not in box
    assert (
        "One thing to do\n---------------\n\nTry this, Ana, Ben and Zoë.\n\n- and this\n\nAfter."
        in rendered.text
    )


def test_a_box_right_below_a_paragraph_or_list_is_still_a_box(email_of: EmailOf, values: Values) -> None:
    for above in ("Lead.", "- point"):
        assert "box-do" in email_of(f"# T\n\n{above}\n::: do\nThis.\n:::").render(values).html


def test_the_red_flags_are_the_same_words_in_the_same_place(email_of: EmailOf, values: Values) -> None:
    one = email_of("# One\n\nA.\n\n::: get-help", **BACK).render(values)
    two = email_of("# Two\n\nB.\n\nC.\n\n::: get-help\n\n", **BACK).render(values)
    mark = 'class="box box-get-help"'
    assert one.html.split(mark)[1] == two.html.split(mark)[1]
    assert one.text.split("Get help now")[1] == two.text.split("Get help now")[1]
    assert '<a href="tel:999"' in one.html.split(mark)[1]
    assert '<a href="tel:111"' in one.html.split(mark)[1]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("# T\n\nNo flags.", "must end with the line ::: get-help"),
        ("# T\n\n::: get-help\n\nMore.", "must end with the line ::: get-help"),
        ("# T\n\n{% if bib %}\n::: get-help\n{% endif %}", "must end with the line ::: get-help"),
        ("# T\n\n::: get-help\n\n::: get-help", "comes once"),
        ("# T\n\n- a\n\n  ::: get-help", "cannot stand inside a list"),
        ("# T\n\n::: do\n::: get-help\n:::", "cannot stand inside"),
    ],
)
def test_a_message_on_backs_cannot_go_without_its_red_flags(email_of: EmailOf, body: str, words: str) -> None:
    with pytest.raises(ContentError, match=words):
        email_of(body, **BACK)


def test_red_flags_need_a_subject_they_belong_to(email_of: EmailOf) -> None:
    with pytest.raises(ContentError, match="needs a line such as safety: back"):
        email_of("# T\n\n::: get-help")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("Hello", "begins with its one title"),
        ("Hello\n\n# T", "begins with its one title"),
        ("# T\n\n# U", "begins with its one title"),
        ("# T\n\n::: do\n# U\n:::", "begins with its one title"),
        ("", "begins with its one title"),
        ("# T\n\n### Deep", "line 9: use # once"),
        ("# T\n\n![](https://tracker.example/1.gif)", r"line 9: .*\(image\)"),
        ("# T\n\n> quote", r"line 9: .*\(blockquote\)"),
        ("# T\n\n***", r"line 9: .*\(horizontal rule\)"),
        ("# T\n\n[x](javascript:alert(1))", None),
        ("# T\n\n[x](/relative)", "line 9: a link must start with"),
        ("# T\n\n[x]({{ first_name }})", "placeholder that holds a web address"),
        ("# T\n\n[x](https://e.org/{{ bib }})", "placeholder that holds a web address"),
        ("# T\n\n[x]({{ info_url }}{{ info_url }})", "placeholder that holds a web address"),
        ("# T\n\n[x]({% if bib %}a{% endif %})", "placeholder that holds a web address"),
        ('# T\n\n[x](https://e.org "{{ first_name }}")', "a link has no title"),
        ("# T\n\n::: do\nnever closed", "line 9, column 1: this box is never closed"),
        ("# T\n\n:::", "line 9, column 1: this ::: closes a box"),
        ("# T\n\n::: doo\nx\n:::", 'there is no box "doo"; did you mean "do"?'),
        ("# T\n\n{% if bib %}a\n\nb{% endif %}", "line 9: .*same paragraph, list or box"),
        ("# T\n\n- a {% if bib %}\n- b {% endif %}", "same paragraph, list or box"),
        ("# T\n\n**a {% if bib %}** b {% endif %}", "same paragraph, list or box"),
        ("# T\n\n{% if bib %}\n\n- a\n\n  {% endif %}\n", "same paragraph, list or box"),
        ("# T\n\n{\\{ bib }}", "two curly brackets"),
        ("# T\n\n{\\% if bib %} {\\% endif %}", "two curly brackets"),
        ("# T\n\nxjv00000jx {{ bib }}", "reserved"),
        ("# T\n\n{{ bob }}", r'sample, line 9, column 4: there is no placeholder "bob"'),
    ],
)
def test_what_a_message_may_not_hold_is_refused(
    email_of: EmailOf, values: Values, body: str, words: str | None
) -> None:
    if words is None:  # Markdown itself leaves such a link as plain text
        assert '<a href="javascript' not in email_of(body).render(values).html
        return
    with pytest.raises(ContentError, match=words):
        email_of(body)


def test_html_stays_visible_as_typed(email_of: EmailOf, values: Values) -> None:
    html = email_of("# T\n\nA <script>alert(1)</script> &lt;b&gt;\n\n<div>x</div>").render(values).html
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "<div>x" not in html


def test_an_entity_cannot_smuggle_a_tag_in(email_of: EmailOf, values: Values) -> None:
    html = (
        email_of("# T\n\n{{ names }} &#120;jv00000jx &#123;{ bib }}").render({**values, "bib": "B-777"}).html
    )
    assert html.count("Ana, Ben and Zoë") == 1
    assert "B-777" not in html


@pytest.mark.parametrize("line", ["[" * 20_000, "*" * 20_000, "- " * 10_000, "> " * 10_000, "![" * 10_000])
def test_hostile_markdown_is_quick_to_compile_or_refuse(email_of: EmailOf, line: str) -> None:
    with contextlib.suppress(ContentError):
        email_of(f"# T\n\n{line}")


def test_the_text_part_is_wrapped_with_full_links_and_hanging_lists(
    email_of: EmailOf, values: Values
) -> None:
    words = "word " * 30
    url = "https://example.org/" + "x" * 100
    text = (
        email_of(f"# T\n\n{words}[here]({url}) end\\\nbreak\n\n3. {words}\n4. b\n\n   c").render(values).text
    )
    assert f"({url})" in text
    assert all(len(line) <= 78 for line in text.split("\n") if url not in line)
    assert "\n3. word" in text
    assert "\n   word" in text
    assert "\n4. b\n   c" in text
    assert "\nbreak\n" in text
