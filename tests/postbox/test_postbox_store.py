"""The store keeps the newest, counts all, and never mixes up numbers."""

from datetime import UTC, datetime

from postbox.store import Store, Text


def add_text(store: Store, to: str) -> None:
    now = datetime.now(UTC)
    store.add_text(
        lambda number: Text(number, f"SM{number}", "AC", to, "Run", None, "x", "queued", None, 1, now, now)
    )


def test_the_newest_are_kept_and_all_are_counted():
    store = Store(keep=3)
    for n in range(1, 6):
        store.add_emails([f"{n}@example.com"], "", b"x")
    assert [email.recipient for email in store.emails()] == [
        "3@example.com",
        "4@example.com",
        "5@example.com",
    ]
    assert store.counts() == {"emails": 5, "texts": 0, "emails_kept": 3, "texts_kept": 0}
    assert store.email(2) is None
    assert store.email(3).recipient == "3@example.com"
    assert store.email(6) is None
    assert store.email(0) is None


def test_after_gives_what_came_later_even_when_some_of_it_is_gone():
    store = Store(keep=3)
    for _ in range(5):
        store.add_emails(["a@example.com"], "", b"x")
    assert [email.number for email in store.emails(after=0)] == [3, 4, 5]
    assert [email.number for email in store.emails(after=4)] == [5]
    assert store.emails(after=5) == []
    assert store.emails(after=99) == []
    assert [email.number for email in store.emails(after=2, limit=2)] == [3, 4]


def test_huge_messages_push_out_older_ones_but_the_newest_stays():
    store = Store(keep=100, keep_bytes=1000)
    for _ in range(5):
        store.add_emails(["a@example.com"], "", b"x" * 400)
    assert len(store.emails()) == 2
    store.add_emails(["a@example.com"], "", b"x" * 5000)
    assert [len(email.raw) for email in store.emails()] == [5000]


def test_numbers_go_on_after_clearing_so_that_a_script_following_along_misses_nothing():
    store = Store()
    store.add_emails(["a@example.com", "b@example.com"], "", b"x")
    store.clear()
    assert store.counts()["emails"] == 0
    store.add_emails(["c@example.com"], "", b"x")
    assert [email.number for email in store.emails(after=2)] == [3]
    assert store.email(3).recipient == "c@example.com"
    assert store.email(2) is None


def test_a_conversation_loses_its_oldest_and_then_itself():
    store = Store(keep=2)
    for to in ["+441", "+442", "+441"]:
        add_text(store, to)
    assert store.numbers(lambda _: True) == ["+441", "+442"]
    assert [text.number for text in store.conversation("+441")] == [3]
    add_text(store, "+441")
    assert store.numbers(lambda _: True) == ["+441"]
    assert store.conversation("+442") == []
    assert store.text("SM1") is None
    assert store.text("SM4").to == "+441"
