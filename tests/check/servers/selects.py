"""Wrong: select() takes no descriptor above 1023, and this server dies of the first."""
import select
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
                pass
            continue
        heads[ready] = advance(ready, heads[ready])
        if heads[ready] is None:
            del heads[ready]
            ready.close()
