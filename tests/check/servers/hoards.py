"""Wrong: a large answer is made in memory before it is sent."""
from base import answer, converse, listen, threads


def answer_at_once(client, head):
    path = head.split(b" ")[1]
    if not path.startswith(b"/bytes/"):
        return answer(client, head)
    count = int(path[7:])
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % count + b"x" * count)


threads(listen(), lambda client: converse(client, answer_at_once))
