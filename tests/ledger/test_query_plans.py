"""How Postgres finds the rows of the hot statements: by an index, never by walking through a whole table.

Asked of its planner with and without statistics, on tables large enough for the difference to matter.
"""

import json
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from people import DUE, a_campaign, a_step, an_event, claim_at, entrant, queue, the_step, tick_at

from campaigns import ledger, people, start_list
from campaigns.api import reading
from campaigns.ledger import replaying
from campaigns.models import Delivery, Entrant, Event, Receipt, Step
from campaigns.models.words import Channel, Reason
from campaigns.receipts.storing import Reported, store_with_others


def multiply(row, count: int, changes: dict[str, str]) -> None:
    """`count` copies of a row in its table; n counts them in the SQL of `changes`."""
    fields = [field.column for field in row._meta.concrete_fields]
    columns = [name for name in fields if name != "id"]
    values = ", ".join(changes.get(name, name) for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {row._meta.db_table} ({', '.join(columns)}) "
            f"SELECT {values} FROM {row._meta.db_table}, generate_series(1, {count}) n "
            f"WHERE {row._meta.pk.column} = {row.pk}"
        )


def many_waiting(count: int) -> Step:
    """A step with so many people in its queue, copied from one inside the database."""
    event = an_event()
    step = the_step(a_campaign(event))
    person = entrant(event)
    unique = {name: f"md5(n || '{name}')" for name in ("token", "short_code")}
    hashes = dict.fromkeys(("identity", "email_hash", "mobile_hash"), "sha256(n::text::bytea)")
    multiply(person, count - 1, unique | hashes)
    queue(step, [person])
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO deliveries (step_id, entrant_id, channel, state, reason, plan_version, due_at, latest_at,"
            " message_id, attempts) SELECT d.step_id, e.id, d.channel, 'due', '', d.plan_version, d.due_at,"
            " d.latest_at, '', 0 FROM deliveries d, entrants e WHERE e.id <> d.entrant_id"
        )
        cursor.execute(
            "INSERT INTO outbox (delivery_id, channel, step_id, due_at, claim, holder)"
            " SELECT id, channel, step_id, due_at, 0, '' FROM deliveries ON CONFLICT DO NOTHING"
        )
        cursor.execute(
            "INSERT INTO suppressions (organiser_id, channel, address_hash, scope, reason, at)"
            " SELECT ev.organiser_id, 'email', sha256(('elsewhere' || n)::bytea), 'all', 'unsubscribed', now()"
            " FROM events ev, generate_series(1, %s) n",
            [count],
        )
        cursor.execute(
            "INSERT INTO consents (entrant_id, channel, purpose, granted, source, wording, at)"
            " SELECT e.id, 'email', 'tips', TRUE, '', '', now() FROM entrants e ON CONFLICT DO NOTHING"
        )
    return step


TABLES = (
    "entrants, deliveries, outbox, consents, suppressions, guardians, steps, events, campaigns, races, attempts,"
    " receipts, enquiries"
)


def analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {TABLES}")


def forget_statistics() -> None:
    """The tables as they are just after a first import, before Postgres has looked at them."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL allow_system_table_mods = on")
        these = "(SELECT oid FROM pg_class WHERE relname = ANY(%s))"
        cursor.execute(f"DELETE FROM pg_statistic WHERE starelid IN {these}", [TABLES.split(", ")])
        cursor.execute(
            f"UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE oid IN {these}", [TABLES.split(", ")]
        )


def plans(act: Callable[[], object]) -> list[tuple[str, list[dict]]]:
    """Every statement of `act`, with the nodes of its plan."""
    found = []

    def explain(execute, sql, params, many, context):
        if sql.lstrip().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")):
            with connection.connection.cursor() as cursor:
                plan = cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params).fetchone()[0]
            found.append((sql, list(walk((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        act()
    return found


def part(nodes: list[dict], name: str) -> list[dict]:
    """The nodes of one WITH query."""
    [top] = [node for node in nodes if node.get("Subplan Name") == f"CTE {name}"]
    return list(walk(top))


def ways(nodes: list[dict], table: str) -> list[str]:
    """How a table is read: by which index, or whole."""
    return [node.get("Index Name", node["Node Type"]) for node in nodes if node.get("Relation Name") == table]


def walk(node):
    yield node
    for child in node.get("Plans", ()):
        yield from walk(child)


LARGE = {"entrants", "deliveries", "outbox", "consents", "suppressions", "attempts", "receipts", "enquiries"}

statistics = pytest.mark.parametrize("statistics", [analyze, forget_statistics])


def walked_through(act: Callable[[], object]) -> list[tuple[str, str]]:
    """The large tables that a statement of `act` reads from one end to the other, with the statement."""
    return [
        (node["Relation Name"], sql)
        for sql, nodes in plans(act)
        for node in nodes
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in LARGE
    ]


def results(claim: ledger.Claim, outcome: str) -> list[ledger.Result]:
    return [
        ledger.Result(row.delivery, row.claim, row.carrier, outcome, latest_at=row.latest_at)
        for group in claim.groups
        for row in group
    ]


def settling(step: Step, outcome: str) -> Callable[[], object]:
    """Settles a block that is claimed beforehand."""
    claimed = results(claim_at(DUE, step, limit=100), outcome)
    assert len(claimed) >= 100
    return lambda: ledger.settle(Channel.EMAIL, claimed, DUE)


def opening(step: Step) -> Callable[[], object]:
    """Opens a chunk of a step that nobody has seen yet."""
    other = a_step("other")
    loaded = a_campaign(step.campaign.event, a_step(), other)
    return lambda: ledger.open_chunk(the_step(loaded, "other").id, DUE, chunk=100)


def redating(step: Step) -> Callable[[], object]:
    Event.objects.update(plan_version=2)
    Step.objects.filter(id=step.id).update(dated_version=1)
    return lambda: ledger.redate_chunk(step.id, DUE, chunk=100)


def sweeping(step: Step) -> Callable[[], object]:
    claim_at(DUE, step, limit=100)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox SET lease_until = clock_timestamp() - interval '1 h' WHERE lease_until > now()"
        )
    return lambda: ledger.sweep(DUE)


def releasing(step: Step) -> Callable[[], object]:
    fences = claim_at(DUE, step, limit=100).fences
    return lambda: ledger.release(fences)


def freeing(step: Step) -> Callable[[], object]:
    ledger.hold(claim_at(DUE, step, limit=100).fences, Reason.MISSING_VALUE, DUE)
    return lambda: (list(ledger.steps_to_free()), ledger.free_chunk(step.id, DUE, chunk=100))


def reported(step: Step, standing: str) -> Callable[[], object]:
    """Folds in a report on each delivery of a block that has been settled."""
    block = claim_at(DUE, step, limit=100)
    ledger.settle(Channel.EMAIL, results(block, "accepted"), DUE)
    ids = [delivery for delivery, _ in block.fences]
    Receipt.objects.bulk_create(
        Receipt(
            delivery=delivery, attempt=1, ref=f"R{delivery}", status=standing, provider="esp", standing=standing,
            raw={}, received_at=DUE, retry_after=60,
        )
        for delivery in ids
    )  # fmt: skip
    return lambda: ledger.fold(ids, DUE)


def storing_reports(step: Step) -> Callable[[], object]:
    """What several calls of a provider bring at once, by token as texts and mails are reported, or by id."""
    report = Reported("esp:postmark", 1, "", "delivered", "delivered")
    found = Delivery.objects.filter(step=step).values_list("token", "id")[:100]
    reports = [(key, report) for token, delivery in found for key in (token, delivery)]
    return lambda: store_with_others(reports)


def doubted(step: Step) -> Callable[[], object]:
    """Asks for a doubt and ends it, as for a text."""
    ledger.settle(Channel.EMAIL, results(claim_at(DUE, step, limit=100), "doubtful"), DUE)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO enquiries (delivery_id, attempt, ref, body_hash, since, look_at, looks)"
            " SELECT id, 1, '', '', %s, %s, 0 FROM deliveries",
            [DUE, DUE],
        )
    delivery = Delivery.objects.filter(state="uncertain").order_by("id")[0].id
    return lambda: (
        ledger.next_enquiry(DUE), ledger.at_number_of(delivery), ledger.resend_or_end(delivery, DUE),
        ledger.looked([delivery], DUE), ledger.done_asking(delivery),
    )  # fmt: skip


def behind_a_mark(step: Step) -> Callable[[], object]:
    """Asks whose turn it is and claims, both behind what was claimed before."""
    mark = claim_at(DUE, step, limit=100).mark
    assert mark is not None
    return lambda: (
        ledger.next_step(Channel.EMAIL, DUE, behind={step.id: mark}),
        claim_at(DUE, step, limit=100, behind=mark),
    )


HOT: dict[str, Callable[[Step], Callable[[], object]]] = {
    "next step": lambda step: lambda: ledger.next_step(Channel.EMAIL, DUE),
    "claim": lambda step: lambda: claim_at(DUE, step, limit=100),
    "claim behind a mark": lambda step: behind_a_mark(step),
    "settle: accepted": lambda step: settling(step, "accepted"),
    "settle: refused": lambda step: settling(step, "recipient"),
    "settle: transient": lambda step: settling(step, "transient"),
    "settle: in doubt": lambda step: settling(step, "doubtful"),
    "release": releasing,
    "take over from the dead": lambda step: lambda: replaying.replay("nobody", {}, DUE),
    "sweep": sweeping,
    "free what was held": freeing,
    "date anew": redating,
    "open": opening,
    **{
        f"receive: {standing}": lambda step, standing=standing: reported(step, standing)
        for standing in ("on_its_way", "again", "not_delivered", "expired", "delivered")
    },
    "store reports": storing_reports,
    "doubt about a text": doubted,
    "tick": lambda step: lambda: tick_at(DUE),
}
"""What happens for every block or every second: what each needs first, and then itself."""


@statistics
def test_nothing_hot_walks_through_a_large_table(db, statistics):
    step = many_waiting(10_000)
    for name, prepared in HOT.items():
        with transaction.atomic():
            act = prepared(step)
            statistics()
            assert walked_through(act) == [], name
            transaction.set_rollback(True)


@statistics
def test_a_claim_looks_at_its_block_and_not_at_the_whole_queue(db, statistics):
    step = many_waiting(10_000)
    statistics()
    [nodes] = [nodes for sql, nodes in plans(lambda: claim_at(DUE, step, limit=100)) if "SKIP LOCKED" in sql]
    first = part(nodes, "first")
    assert ways(first, "outbox") == ["outbox_waiting"]
    assert "Sort" not in {node["Node Type"] for node in first}
    siblings = part(nodes, "siblings")
    assert ways(siblings, "outbox") == ["outbox_pkey"]


@statistics
def test_behind_a_mark_nothing_in_front_of_it_is_read(db, statistics):
    act = behind_a_mark(many_waiting(10_000))
    statistics()
    found = [
        node["Index Cond"]
        for sql, nodes in plans(act)
        for node in (part(nodes, "first") if "SKIP LOCKED" in sql else nodes)
        if node.get("Index Name") == "outbox_waiting"
    ]
    assert len(found) == 2
    assert all("ROW(" in condition for condition in found), found


@statistics
def test_an_opening_reads_each_entrant_of_its_chunk_once_and_in_order(db, statistics):
    step = many_waiting(10_000)
    act = opening(step)
    statistics()
    [nodes] = [nodes for sql, nodes in plans(act) if "INSERT INTO deliveries" in sql]
    assert ways(nodes, "entrants") in (["entrants_by_event"], ["entrants_pkey"])
    assert "Sort" not in {node["Node Type"] for node in part(nodes, "batch")}


@statistics
def test_an_opening_asks_once_for_its_chunk_who_has_a_row_already(db, statistics):
    act = opening(many_waiting(10_000))
    statistics()
    [nodes] = [nodes for sql, nodes in plans(act) if "INSERT INTO deliveries" in sql]
    assert "deliveries_one_a_step_and_entrant" in ways(nodes, "deliveries")
    assert [node["Filter"] for node in nodes if "hashed SubPlan" in node.get("Filter", "")]


@statistics
def test_an_opening_of_a_small_event_does_not_walk_through_a_large_one(db, statistics):
    many_waiting(10_000)
    small = the_step(a_campaign(event := an_event()))
    entrant(event)
    statistics()
    [nodes] = [
        nodes for sql, nodes in plans(lambda: ledger.open_chunk(small.id, DUE)) if "INSERT INTO del" in sql
    ]
    assert ways(nodes, "entrants") == ["entrants_by_event"]


@statistics
def test_a_sweep_reads_what_is_leased_alone(db, statistics):
    """Not the queue in the order of its key: a million that wait would be read at every tick."""
    act = sweeping(many_waiting(10_000))
    statistics()
    [nodes] = [nodes for sql, nodes in plans(act) if "expired" in sql]
    assert ways(part(nodes, "expired"), "outbox") == ["outbox_leased"]


@statistics
def test_the_page_of_one_entrant_asks_for_their_own_rows_alone(db, statistics):
    many_waiting(10_000)
    person = Entrant.objects.order_by("id")[5_000]
    statistics()
    assert walked_through(lambda: ledger.prospects(person, DUE)) == []


@statistics
def test_whose_message_waits_for_a_value_is_found_among_the_held(db, statistics):
    event = many_waiting(10_000).campaign.event
    statistics()
    [nodes] = [nodes for sql, nodes in plans(lambda: people.waiting(event)) if "missing_value" in sql]
    assert "deliveries_held" in {node.get("Index Name") for node in nodes}
    assert "Seq Scan" not in ways(nodes, "deliveries")


@pytest.mark.parametrize("state", ["", "failed", "claimed"])
def test_a_page_of_the_ledger_is_read_in_its_own_order(db, state, monkeypatch):
    monkeypatch.setattr(reading, "LOOKED_AT", 1_000)
    event = many_waiting(10_000).campaign.event
    analyze()
    asked = plans(lambda: reading.deliveries(event, after=None, limit=100, step="", state=state))
    [nodes] = [nodes for sql, nodes in asked if "looked AS" in sql]
    assert ways(nodes, "deliveries") == ["deliveries_one_a_step_and_entrant"]
    assert "Sort" not in {node["Node Type"] for node in part(nodes, "looked")}


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("zoe", "entrants_by_words"),
        ("zoe@example.org", "entrants_by_email"),
        ("07700 900123", "entrants_by_mobile"),
    ],
)
def test_a_search_reads_an_index(db, text, index):
    event = many_waiting(10_000).campaign.event
    analyze()
    (_, nodes), *_ = plans(lambda: start_list.search(event, text))
    assert index in {node.get("Index Name") for node in nodes}
    assert "Seq Scan" not in ways(nodes, "entrants")
