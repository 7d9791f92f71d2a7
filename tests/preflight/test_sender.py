"""The sender: what DNS says of the email domain, and what phones accept."""

import pytest

from campaigns.preflight import sender

GOOD = {
    "runreigate.com": ["v=spf1 include:example.net -all", "something else"],
    "_domainkey.runreigate.com": [],
    "_dmarc.runreigate.com": ["v=DMARC1; p=none"],
}


@pytest.fixture
def records(monkeypatch):
    known: dict[str, list[str]] = dict(GOOD)
    monkeypatch.setattr(sender, "texts", lambda name: known.get(name))
    return known


def codes(domain: str = "runreigate.com") -> list[str]:
    return [finding.code for finding in sender.email_domain(domain)]


def test_a_domain_that_is_set_up_has_no_findings(records):
    assert codes() == []


def test_a_subdomain_has_the_dmarc_record_of_its_domain(records):
    records |= {"m.runreigate.com": records["runreigate.com"], "_domainkey.m.runreigate.com": []}
    assert codes("m.runreigate.com") == []


@pytest.mark.parametrize(
    ("name", "texts", "code"),
    [
        ("runreigate.com", [], "spf"),
        ("runreigate.com", ["v=spf1 -all", "v=spf1 ~all"], "spf"),
        ("runreigate.com", ["v=spf1 +all"], "spf"),
        ("runreigate.com", ["v=spf1 all"], "spf"),
        ("_domainkey.runreigate.com", None, "dkim"),
        ("_dmarc.runreigate.com", None, "dmarc"),
        ("_dmarc.runreigate.com", ["hello"], "dmarc"),
    ],
)
def test_what_is_missing_is_named(records, name, texts, code):
    records[name] = texts
    assert codes() == [code]


@pytest.mark.parametrize("domain", ["localhost", "example.org", "runreigate.example", "mail.test"])
def test_a_name_that_is_not_public_is_not_looked_up(monkeypatch, domain):
    monkeypatch.setattr(sender, "texts", lambda name: pytest.fail(name))
    assert codes(domain) == ["not_looked_up"]


def test_without_a_name_server_it_says_that_it_could_not_look(monkeypatch):
    def away(name: str) -> list[str]:
        raise sender.CouldNotLookUp(name)

    monkeypatch.setattr(sender, "texts", away)
    [finding] = sender.email_domain("runreigate.com")
    assert finding.severity == "note"
    assert "could not be looked up" in finding.words


def test_a_resolver_that_is_not_there_is_no_answer(monkeypatch):
    import dns.resolver

    monkeypatch.setattr(
        dns.resolver, "resolve", lambda *words, **options: dns.resolver.Resolver(filename="/none")
    )
    with pytest.raises(sender.CouldNotLookUp):
        sender.texts("runreigate.com")


@pytest.mark.parametrize("name", ["RunReigate", "Run Reigate", "+447700900123", "60777", "R2"])
def test_senders_that_phones_accept(name):
    assert list(sender.text_sender(name)) == []


@pytest.mark.parametrize("name", ["RunReigate27!", "Run Reigate 27", "1234567", "Zoë", "+44"])
def test_senders_that_phones_refuse(name):
    assert [finding.severity for finding in sender.text_sender(name)] == ["error"]
