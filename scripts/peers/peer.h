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

static int listen_on(int argc, char **argv)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        exit(2);
    }
    address.sin_port = htons(atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind");
    if (listen(listener, 1024) < 0)
        die("listen");
    return listener;
}

/* Reads until the head is complete, then answers whatever was asked. */
static void answer(int client)
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
