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


def answer_to(head, keep=False):
    good = head.startswith(b"GET / HTTP/1.")
    status = b"200 OK" if good else b"400 Bad Request"
    body = b"Hello, World!\n" if good else b"what?\n"
    stays = b"keep-alive" if keep and good else b"close"
    return (b"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%s"
            % (status, len(body), stays, body))


def serve(client):
    """One request, one answer, and the end."""
    try:
        head, _ = read_head(client)
        if head is not None:
            client.sendall(answer_to(head))
    except OSError:
        pass  # This client is gone; there are others.
    finally:
        client.close()


def wants_more(head):
    return head.startswith(b"GET / HTTP/1.1") and b"connection: close" not in head.lower()


def converse(client, answer_to=answer_to):
    """One request after another, until the client has had enough."""
    try:
        head, rest = read_head(client)
        while head is not None:
            keep = wants_more(head)
            client.sendall(answer_to(head, keep))
            if not keep:
                break
            head, rest = read_head(client, rest)
    except OSError:
        pass
    finally:
        client.close()


def threads(listener, converse=converse):
    """A thread for each connection. SIGTERM lets what has begun be finished."""
    lock, begun = threading.Lock(), set()

    def work(client):
        try:
            converse(client)
        finally:
            with lock:
                begun.discard(client)

    def stop(*_):
        listener.close()
        deadline = time.monotonic() + 8
        while begun and time.monotonic() < deadline:
            time.sleep(0.01)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    while True:
        try:
            client = listener.accept()[0]
        except OSError:
            time.sleep(0.01)  # No descriptor: one may become free.
            continue
        with lock:
            begun.add(client)
        try:
            threading.Thread(target=work, args=[client], daemon=True).start()
        except RuntimeError:
            with lock:
                begun.discard(client)
            client.close()  # No thread for this client.


def forks(listener):
    """A child for each connection. Who calls it says what becomes of the children."""
    while True:
        try:
            client = listener.accept()[0]
        except OSError:
            continue
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
