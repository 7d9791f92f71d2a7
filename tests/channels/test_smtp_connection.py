"""What a failed write means, on a bare pair of sockets: which bytes have left, and what was said before the end."""

import socket
import threading
from collections.abc import Iterator
from time import monotonic

import pytest

from campaigns.channels.smtp_connection import Connection, Lost, settled

MUCH = b"x" * 8_000_000


@pytest.fixture
def ends() -> Iterator[tuple[Connection, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    yield Connection(ours, frozenset()), theirs
    ours.close()
    theirs.close()


def in_time() -> float:
    return monotonic() + 0.3


def test_an_end_behind_the_data_leaves_the_data_in_doubt(ends: tuple[Connection, socket.socket]) -> None:
    connection, server = ends
    reader = threading.Thread(target=lambda: (server.recv(1000), server.close()))
    reader.start()
    with pytest.raises(Lost) as lost:
        settled(connection, connection.exchange(b"body\r\n.\r\n", in_time(), behind=MUCH))
    reader.join()
    assert lost.value.sent


def test_an_end_within_the_data_was_not_sent(ends: tuple[Connection, socket.socket]) -> None:
    connection, server = ends
    reader = threading.Thread(target=lambda: (server.recv(1000), server.close()))
    reader.start()
    with pytest.raises(Lost) as lost:
        settled(connection, connection.exchange(MUCH, in_time(), behind=b"MAIL FROM:<>\r\n"))
    reader.join()
    assert not lost.value.sent


def test_after_half_a_body_the_socket_is_closed_even_when_there_was_an_answer(
    ends: tuple[Connection, socket.socket],
) -> None:
    connection, server = ends
    answer = threading.Timer(0.05, lambda: server.sendall(b"552 5.3.4 too big\r\n"))
    answer.start()
    assert settled(connection, connection.exchange(MUCH, in_time())).status == 552
    assert connection.closed


@pytest.mark.parametrize("words", [b"250 ok\r\n", b"2", b""])
def test_nothing_is_written_once_the_other_side_has_spoken_or_ended_unasked(
    ends: tuple[Connection, socket.socket], words: bytes
) -> None:
    connection, server = ends
    server.sendall(words)
    server.shutdown(socket.SHUT_WR)
    with pytest.raises(Lost) as lost:
        settled(connection, connection.exchange(b"body\r\n.\r\n", in_time()))
    assert not lost.value.sent
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.recv(1)
