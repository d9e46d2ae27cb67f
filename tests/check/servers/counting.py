"""Wrong: something of each client is left for the next."""
from base import answer_to, converse, listen, threads

clients = 0


def counted(head, keep):
    global clients
    clients += 1
    return answer_to(head, keep).replace(b"\r\n\r\n", b"\r\nX-Client: %d\r\n\r\n" % clients, 1)


threads(listen(), lambda client: converse(client, counted))
