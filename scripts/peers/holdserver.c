/* A server that can hold a million connections: WORKERS processes, each with a listening socket of
 * its own on the same port (SO_REUSEPORT), so that the kernel deals the connections out and each
 * needs descriptors for its share alone. It answers every read alike, and never closes first.
 *
 * cc -O2 -o holdserver holdserver.c && ./holdserver PORT WORKERS */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *operation)
{
    perror(operation);
    exit(1);
}

static int listen_on(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind");
    if (listen(listener, 65535) < 0)
        die("listen");
    return listener;
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

static void serve(int port)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!";
    struct epoll_event events[256];
    char request[4096];
    int listener = listen_on(port), epoll = epoll_create1(0);

    watch(epoll, listener);
    for (;;) {
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
                    watch(epoll, fd);
            } else if (read(fd, request, sizeof request) <= 0
                       || write(fd, text, sizeof text - 1) < 0) {
                close(fd);
            }
        }
    }
}

int main(int argc, char **argv)
{
    struct rlimit limit;

    if (argc != 3) {
        fprintf(stderr, "usage: %s PORT WORKERS\n", argv[0]);
        exit(2);
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int worker = 0; worker < atoi(argv[2]); worker++) {
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0) {
            /* A worker must not outlive the one who can be told to stop. */
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve(atoi(argv[1]));
        }
    }
    while (wait(NULL) > 0)
        ;
    return 0;
}
