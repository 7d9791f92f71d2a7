"""The trusted Jinja environment of our own pages; it shares nothing with the one that renders messages."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse
from jinja2 import Environment, StrictUndefined

from campaigns.web.organiser import words


def trusted(**options: Any) -> Environment:
    """An environment for `templates/web`: escaping on, an unknown name is an error."""
    options = {
        **options,
        "autoescape": True,
        "undefined": StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
    }
    environment = Environment(**options)  # noqa: S701 - escaping is on, one line above
    environment.globals.update(static=static, url=reverse, words=words)
    return environment
