"""Wrong: what comes behind a request, in the same piece, is lost."""
from base import answer_to, listen, read_head, threads, wants_more


def converse(client):
    try:
        head, _ = read_head(client)
        while head is not None:
            keep = wants_more(head)
            client.sendall(answer_to(head, keep))
            if not keep:
                break
            head, _ = read_head(client)
    except OSError:
        pass
    finally:
        client.close()


threads(listen(), converse)
