"""Wrong: it takes a head for text, and ends of the first that is none."""
from base import answer_last, clients, converse, listen, read_head


def read_text(client, rest=b""):
    head, rest = read_head(client, rest)
    if head is not None:
        head.decode()
    return head, rest


for client in clients(listen()):
    converse(client, answer_last, read_text)
