"""Right: one thread that waits for all."""
import selectors
import time
from base import advance, listen


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
            heads[client] = advance(client, heads[client])
            if heads[client] is None:
                waiting.unregister(client)
                del heads[client]
                client.close()


if __name__ == "__main__":
    loop(listen())
