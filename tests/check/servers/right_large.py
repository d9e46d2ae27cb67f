"""Right: it has a large answer, GET /bytes/N, and one that takes its time, GET /sleep/MS."""
import re
import time
from base import answer, converse, head_of, listen, threads, wants_more

PIECE = b"x" * 65536


def answer_any(client, head):
    request = re.match(rb"GET (/(?:(bytes|sleep)/(\d{1,12})|\S+)) HTTP/1\.", head)
    if request is None:
        return answer(client, head)  # GET /, or no good request.
    path, what, number = request.groups()
    keep = wants_more(head, path)
    if what is None:
        client.sendall(head_of(b"404 Not Found", 0, keep))
    elif what == b"sleep":
        time.sleep(int(number) / 1000)
        client.sendall(head_of(b"200 OK", 6, keep) + b"awake\n")
    else:
        left = int(number)
        client.sendall(head_of(b"200 OK", left, keep))
        while left:
            left -= client.send(PIECE[:left])
    return keep


threads(listen(), lambda client: converse(client, answer_any))
