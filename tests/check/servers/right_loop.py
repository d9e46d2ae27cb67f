"""Right: one thread that waits for all."""
import selectors
import time
from base import LIMIT, answer_to, listen, wants_more


def loop(listener):
    listener.setblocking(False)
    waiting, heads = selectors.DefaultSelector(), {}
    waiting.register(listener, selectors.EVENT_READ)
    while True:
        for ready, _ in waiting.select():
            if ready.fileobj is listener:
                try:
                    client = listener.accept()[0]
                except BlockingIOError:
                    continue  # Another process was faster.
                except OSError:
                    time.sleep(0.01)  # No descriptor: one may become free.
                    continue
                heads[client] = b""
                waiting.register(client, selectors.EVENT_READ)
                continue
            client = ready.fileobj
            try:
                piece = client.recv(4096)
                heads[client] += piece
                keep = bool(piece) and len(heads[client]) < LIMIT
                while keep and b"\r\n\r\n" in heads[client]:
                    head, _, heads[client] = heads[client].partition(b"\r\n\r\n")
                    keep = wants_more(head)
                    client.sendall(answer_to(head, keep))
            except OSError:
                keep = False
            if not keep:
                waiting.unregister(client)
                del heads[client]
                client.close()


if __name__ == "__main__":
    loop(listen())
