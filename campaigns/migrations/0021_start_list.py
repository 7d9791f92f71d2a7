"""Finds an entrant among many by the beginning of a name, bib or address, and lists them all by name.

Accents go before letters are made small, so that no collation is asked; `start_list.words_of` does the same.
"""

from django.db import migrations

FOLDED = r"""
CREATE FUNCTION folded(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN lower(translate(regexp_replace(normalize($1, NFKD), U&'[\0300-\036F]', '', 'g'), 'ŁłØøĐđı', 'LlOoDdi'));

CREATE FUNCTION person_words(first_name text, last_name text, bib text, email text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN array_to_tsvector(array_remove(regexp_split_to_array(
    folded(first_name || ' ' || last_name || ' ' || bib || ' ' || split_part(email, '@', 1)),
    '[^[:alnum:]]+'), ''));

CREATE INDEX entrants_by_name ON entrants (event_id, folded(last_name || ' ' || first_name), id)
    WHERE erased_at IS NULL;
CREATE INDEX entrants_by_words ON entrants USING gin (person_words(first_name, last_name, bib, email))
    WHERE erased_at IS NULL;
"""

BACK = """
DROP INDEX entrants_by_words;
DROP INDEX entrants_by_name;
DROP FUNCTION person_words(text, text, text, text);
DROP FUNCTION folded(text);
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0020_errands")]
    operations = [migrations.RunSQL(FOLDED, BACK)]
