"""Wrong: select() takes no descriptor above 1023, and this server dies of the first."""
import select
import time
from base import advance, listen

listener = listen()
listener.setblocking(False)
heads = {}
while True:
    for ready in select.select([listener, *heads], [], [])[0]:
        if ready is listener:
            try:
                heads[listener.accept()[0]] = b""
            except OSError:
                time.sleep(0.01)  # No descriptor: one may become free.
            continue
        heads[ready] = advance(ready, heads[ready])
        if heads[ready] is None:
            del heads[ready]
            ready.close()
