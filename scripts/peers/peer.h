/* What the C peers share: a listening socket, and one answer. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *operation)
{
    perror(operation);
    exit(1);
}

/* The port is the first of so many arguments, which `names` tells a user. */
static int port_of(int argc, char **argv, int arguments, const char *names)
{
    if (argc != 1 + arguments) {
        fprintf(stderr, "usage: %s %s\n", argv[0], names);
        exit(2);
    }
    return atoi(argv[1]);
}

/* `shared` is 1 if others may listen on the port too. */
static int listen_on(int port, int type, int shared, int backlog)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int listener = socket(AF_INET, type, 0), one = 1;

    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &shared, sizeof shared);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind");
    if (listen(listener, backlog) < 0)
        die("listen");
    return listener;
}

/* Reads until the head is complete, then answers whatever was asked. Inline, as a peer may have an
 * answer of its own. */
static inline void answer(int client)
{
    static const char text[] = "HTTP/1.1 200 OK\r\n"
                               "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Connection: close\r\n\r\n"
                               "Hello, World!";
    char request[4096];
    size_t size = 0;

    while (size < sizeof request - 1) {
        ssize_t got = read(client, request + size, sizeof request - 1 - size);
        if (got <= 0)
            return;
        size += got;
        request[size] = 0;
        if (strstr(request, "\r\n\r\n"))
            break;
    }
    if (write(client, text, sizeof text - 1) < 0)
        perror("write");
}
