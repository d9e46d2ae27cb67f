"""Wrong: a large answer is made in memory before it is sent."""
from base import answer_to, converse, listen, threads


def answer(head, keep):
    path = head.split(b" ")[1]
    if not path.startswith(b"/bytes/"):
        return answer_to(head, keep)
    count = int(path[7:])
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % count + b"x" * count


threads(listen(), lambda client: converse(client, answer))
