"""What every webhook must withstand. A hook's test class inherits `WebhookCases` and says how its provider calls.

    class TestStatusHook(WebhookCases):
        def genuine(self): ...

`genuine` gives a call as the provider makes it. The cases make it wrong in one way each and see that nothing is
stored, and nobody learns why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from django.test import Client
from django.urls import resolve
from reigate import dump

HUGE = 1024 * 1024


@dataclass(frozen=True)
class Call:
    """One request to a hook, as it goes over the wire. `headers` are those that prove who sends it."""

    path: str
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def send(self, method: str = "POST", host: str = "testserver", **environ: Any):
        """The hook's answer; cookies and CSRF tokens are never sent, and CSRF is enforced."""
        return Client(enforce_csrf_checks=True).generic(
            method,
            self.path,
            self.body,
            content_type=self.content_type,
            headers={**self.headers, "Host": host},
            **environ,
        )


class WebhookCases:
    """Inherit this in a test class marked with `django_db`, and fill in what differs."""

    hook = ""
    """The name of its route in `config/urls.py`."""

    signature_header = ""
    """The header that carries the proof, empty where the proof stands elsewhere (then override `unsigned`)."""

    def genuine(self) -> Call:
        """A call of the provider, rightly signed, that stores something."""
        raise NotImplementedError

    def with_other_secret(self) -> Call:
        """The same, signed with a secret that was never ours."""
        raise NotImplementedError

    def with_previous_secret(self) -> Call:
        """The same, signed with the secret before the present one, which is still believed."""
        raise NotImplementedError

    def of_other_account(self) -> Call | None:
        """The same from another account of the provider; None where calls name no account."""
        raise NotImplementedError

    def tampered(self) -> Call:
        """The genuine call with something changed after it was signed."""
        call = self.genuine()
        return replace(call, body=call.body + b"&Added=1")

    def unsigned(self) -> Call:
        call = self.genuine()
        kept = {name: value for name, value in call.headers.items() if name != self.signature_header}
        assert kept != call.headers
        return replace(call, headers=kept)

    def with_signature(self, signature: str) -> Call:
        call = self.genuine()
        return replace(call, headers={**call.headers, self.signature_header: signature})

    def refused(self, call: Call, *statuses: int, method: str = "POST", **environ: Any) -> None:
        """The call is answered with one of these statuses and leaves no trace."""
        before = dump()
        answer = call.send(method, **environ)
        assert answer.status_code in statuses
        assert dump() == before
        assert not answer.cookies

    def believed(self, call: Call, **environ: Any) -> None:
        """The call is answered with success and leaves its trace."""
        before = dump()
        answer = call.send(**environ)
        assert 200 <= answer.status_code < 300
        assert dump() != before
        assert not answer.cookies

    def test_the_call_goes_to_the_hook_it_stands_for(self):
        assert resolve(self.genuine().path).url_name == self.hook

    def test_a_genuine_call_is_believed(self):
        self.believed(self.genuine())

    def test_a_call_without_a_signature_is_refused(self):
        self.refused(self.unsigned(), 403)

    @pytest.mark.parametrize("signature", ["", "x", "é", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "x" * 10_000])
    def test_a_call_with_a_made_up_signature_is_refused(self, signature):
        self.refused(self.with_signature(signature), 403)

    def test_a_call_signed_with_another_secret_is_refused(self):
        self.refused(self.with_other_secret(), 403)

    def test_a_call_changed_after_it_was_signed_is_refused(self):
        self.refused(self.tampered(), 403)

    def test_a_call_of_another_account_is_refused(self):
        call = self.of_other_account()
        if call is not None:
            self.refused(call, 403)

    def test_the_secret_before_is_believed_while_it_is_rotated(self):
        self.believed(self.with_previous_secret())

    def test_a_replayed_call_changes_nothing_more(self):
        call = self.genuine()
        self.believed(call)
        before = dump()
        assert call.send().status_code < 300
        assert dump() == before

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
    def test_other_methods_are_refused(self, method):
        self.refused(self.genuine(), 405, method=method)

    def test_a_huge_body_is_refused(self):
        call = self.genuine()
        self.refused(replace(call, body=call.body + b"&x=" + b"y" * HUGE), 413)

    def test_a_body_that_hides_its_length_is_refused(self):
        self.refused(self.genuine(), 403, 411, 413, CONTENT_LENGTH="0")

    @pytest.mark.parametrize(
        "content_type", ["text/plain", "multipart/form-data; boundary=x", "image/png", ""]
    )
    def test_a_wrong_content_type_is_refused(self, content_type):
        self.refused(replace(self.genuine(), content_type=content_type), 400, 403, 415)

    def test_what_a_proxy_makes_of_host_and_scheme_matters_not(self):
        self.believed(self.genuine(), host="10.0.0.7:8000", **{"wsgi.url_scheme": "http"})
