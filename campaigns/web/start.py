"""The first page: what this server is, for whoever finds it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """`/`: says what Aid Station is and where organisers and runners go; it asks the database nothing."""
    return render(request, "start.html")
