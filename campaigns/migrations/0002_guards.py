"""What the database itself refuses: illegal moves of a delivery, and changes to what must never change."""

from django.db import migrations

# The same pairs as `ledger.LEGAL_MOVES`; a test holds the two together.
MOVES = [
    ("due", "uncertain"), ("due", "sent"), ("due", "failed"), ("due", "skipped"), ("due", "held"),
    ("held", "due"), ("held", "skipped"),
    ("skipped", "due"),
    ("uncertain", "sent"), ("uncertain", "delivered"), ("uncertain", "bounced"), ("uncertain", "failed"),
    ("uncertain", "unknown"),
    ("unknown", "sent"), ("unknown", "delivered"), ("unknown", "bounced"), ("unknown", "failed"),
    ("sent", "delivered"), ("sent", "bounced"),
    ("bounced", "delivered"),
]

PAIRS = ", ".join(f"('{old}', '{new}')" for old, new in MOVES)

REFUSE_MOVE = f"""
CREATE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'delivery % may not go from % to %', OLD.id, OLD.state, NEW.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'deliveries_legal_move';
END $$;
CREATE TRIGGER deliveries_legal_move BEFORE UPDATE OF state ON deliveries FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN ({PAIRS}))
    EXECUTE FUNCTION refuse_move();
"""

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER versions_immutable BEFORE UPDATE ON versions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER consent_events_append_only BEFORE UPDATE ON consent_events FOR EACH ROW
    EXECUTE FUNCTION refuse_change();
"""

# The queue lives by many small updates and deletes: vacuum early, never wait for a fifth of the table.
QUEUE_STORAGE = """
ALTER TABLE outbox SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE deliveries SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02);
INSERT INTO stop_signal (id, epoch) VALUES (1, 0);
INSERT INTO circuits (channel, reason) VALUES ('email', ''), ('sms', '');
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_tables")]
    operations = [
        migrations.RunSQL(
            REFUSE_MOVE,
            "DROP TRIGGER deliveries_legal_move ON deliveries; DROP FUNCTION refuse_move();",
        ),
        migrations.RunSQL(
            REFUSE_CHANGE,
            "DROP TRIGGER versions_immutable ON versions; DROP TRIGGER audit_append_only ON audit;"
            "DROP TRIGGER consent_events_append_only ON consent_events; DROP FUNCTION refuse_change();",
        ),
        migrations.RunSQL(QUEUE_STORAGE, "DELETE FROM stop_signal; DELETE FROM circuits;"),
    ]
