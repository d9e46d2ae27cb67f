"""Right: an answer of HTTP/1.0, which ends with its connection and comes in pieces."""
import socket
import time
from base import answer_to, converse, is_good, listen, threads

PIECES = [b"HTTP/1.0 200", b" OK\r\nContent-Type: text/plain\r\n\r", b"\n", b"Hello, ", b"World!\n"]


def answer_in_pieces(client, head):
    # The kernel would put pieces together (tcp(7), TCP_NODELAY).
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in PIECES if is_good(head) else [answer_to(head)]:
        client.sendall(piece)
        time.sleep(0.003)


threads(listen(), lambda client: converse(client, answer_in_pieces))
