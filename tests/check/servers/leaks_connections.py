"""Wrong: it keeps a copy of each connection for good. Its answers end all the same, for they are
framed."""
from base import converse, listen, threads

kept = []


def keep(client):
    kept.append(client.dup())
    converse(client)


threads(listen(), keep)
