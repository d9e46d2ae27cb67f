"""What the servers of this folder have in common: a request, an answer, a listening socket.

All of it is right. What is wrong with a server, if something is, stands in its own file."""
import os
import signal
import socket
import sys
import threading
import time

LIMIT = 65536


def listen(backlog=1024, reuse=True):
    listener = socket.socket()
    if reuse:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1])))
    listener.listen(backlog)
    return listener


def read_head(client, rest=b""):
    """The head of the next request, and what came behind it; no head if there is none."""
    while b"\r\n\r\n" not in rest:
        piece = client.recv(4096)
        rest += piece
        if not piece or len(rest) > LIMIT:
            return None, b""
    head, _, rest = rest.partition(b"\r\n\r\n")
    return head, rest


def head_of(status, length, keep):
    stays = b"keep-alive" if keep else b"close"
    return (b"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n"
            % (status, length, stays))


def is_good(head):
    return head.startswith(b"GET / HTTP/1.")


def answer_to(head, keep=False):
    if not is_good(head):
        return head_of(b"400 Bad Request", 6, False) + b"what?\n"
    return head_of(b"200 OK", 14, keep) + b"Hello, World!\n"


def wants_more(head, path=b"/"):
    return head.startswith(b"GET %s HTTP/1.1" % path) and b"connection: close" not in head.lower()


def answer(client, head):
    """Answers, and tells whether another request may follow."""
    keep = wants_more(head)
    client.sendall(answer_to(head, keep))
    return keep


def answer_last(client, head):
    """Answers, and that is the end."""
    client.sendall(answer_to(head))


def converse(client, answer=answer, read_head=read_head):
    """One request after another, until the client has had enough."""
    try:
        head, rest = read_head(client)
        while head is not None and answer(client, head):
            head, rest = read_head(client, rest)
    except OSError:
        pass  # This client is gone; there are others.
    finally:
        client.close()


def serve(client):
    """One request, one answer, and the end."""
    converse(client, answer_last)


def advance(client, rest):
    """For who waits for many: takes one piece, answers what is whole, and returns what is not, or
    None at the end."""
    try:
        piece = client.recv(4096)
        rest += piece
        keep = bool(piece) and len(rest) < LIMIT
        while keep and b"\r\n\r\n" in rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            keep = answer(client, head)
    except OSError:
        keep = False
    return rest if keep else None


def clients(listener):
    """Whoever connects, one after another."""
    while True:
        try:
            yield listener.accept()[0]
        except OSError:
            time.sleep(0.01)  # No descriptor: one may become free.


def thread_for(client, converse=converse):
    try:
        threading.Thread(target=converse, args=[client], daemon=True).start()
    except RuntimeError:
        client.close()  # No thread for this client.


def threads(listener, converse=converse):
    """A thread for each connection. SIGTERM lets what has begun be finished."""

    def stop(*_):
        listener.close()
        deadline = time.monotonic() + 8
        while threading.active_count() > 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    for client in clients(listener):
        thread_for(client, converse)


def forks(listener):
    """A child for each connection. Who calls it says what becomes of the children."""
    for client in clients(listener):
        try:
            child = os.fork()
        except OSError:
            child = None  # No process for this client.
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            converse(client)
            os._exit(0)
        client.close()
