"""Wrong: what comes behind a request, in the same piece, is lost."""
from base import converse, listen, read_head, threads


def read_afresh(client, rest=b""):
    return read_head(client)


threads(listen(), lambda client: converse(client, read_head=read_afresh))
