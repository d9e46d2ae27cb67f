"""Wrong: select() takes no descriptor above 1023, and this server dies of the first."""
import select
from base import answer_to, listen, wants_more

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
        try:
            piece = ready.recv(4096)
            heads[ready] += piece
            keep = bool(piece) and len(heads[ready]) < 65536
            while keep and b"\r\n\r\n" in heads[ready]:
                head, _, heads[ready] = heads[ready].partition(b"\r\n\r\n")
                keep = wants_more(head)
                ready.sendall(answer_to(head, keep))
        except OSError:
            keep = False
        if not keep:
            del heads[ready]
            ready.close()
