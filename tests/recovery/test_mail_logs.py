"""Evidence of emails in a mail server's log."""

import gzip

import pytest

from campaigns.recovery import mail_logs
from campaigns.recovery.archive import BackupError

LINE = "Aug  3 10:00:01 mx postfix/cleanup[311]: 4F2A1: message-id=<{}>\n"
OURS = "17.4211.0123456789abcdef@example.org"


def named(tmp_path, text: str, name: str = "mail.log"):
    file = tmp_path / name
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return mail_logs.named([file], "example.org")


@pytest.mark.parametrize("name", ["mail.log", "mail.log.1.gz"])
def test_our_message_ids_are_found(tmp_path, name):
    assert named(tmp_path, LINE.format(OURS) + "noise\n" + LINE.format(OURS.replace("17.", "18.")), name) == {
        (17, 4211),
        (18, 4211),
    }


@pytest.mark.parametrize(
    "other", ["17.4211.0123456789abcdef@example.com", "abc@example.org", "17.4211.short@example.org"]
)
def test_those_of_others_are_not(tmp_path, other):
    assert named(tmp_path, LINE.format(other)) == set()


def test_one_that_lies_across_two_pieces_is_found(tmp_path):
    filler = "x" * (mail_logs._PIECE - 20)
    assert named(tmp_path, filler + OURS + "\n") == {(17, 4211)}


def test_a_file_that_is_not_there_or_cut_short_is_refused(tmp_path):
    with pytest.raises(BackupError, match="cannot be read"):
        mail_logs.named([tmp_path / "none"], "example.org")
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(OURS.encode() * 100)[:-9])
    with pytest.raises(BackupError, match="cut short"):
        mail_logs.named([cut], "example.org")
