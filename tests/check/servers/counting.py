"""Wrong: something of each client is left for the next."""
from base import answer_to, converse, listen, threads, wants_more

clients = 0


def counted(client, head):
    global clients
    clients += 1
    keep = wants_more(head)
    field = b"\r\nX-Client: %d\r\n\r\n" % clients
    client.sendall(answer_to(head, keep).replace(b"\r\n\r\n", field, 1))
    return keep


threads(listen(), lambda client: converse(client, counted))
