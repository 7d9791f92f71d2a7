"""Addresses under /api/: the one version there is, its document, and the page that shows it."""

from typing import cast

from django.urls import URLPattern, URLResolver, include, path, re_path

from campaigns.api import docs, service
from campaigns.api.problems import View, in_one_shape

_acts, _, _namespace = service.api.urls
for _act in _acts:
    _act.callback = in_one_shape(cast(View, _act.callback))

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/docs", docs.page, name="api-docs"),
    path("v1/", include((_acts, "api"), namespace=_namespace)),
    re_path(r"^(?P<path>.*)$", service.nothing_here, name="api-nothing"),
]
