/* A server that can hold a million connections: WORKERS processes, each with a listening socket of
 * its own on the same port (SO_REUSEPORT), so that the kernel deals the connections out and each
 * needs descriptors for its share alone. It answers every read alike, and never closes first.
 *
 * cc -O2 -o holdserver holdserver.c && ./holdserver PORT WORKERS */
#define _GNU_SOURCE
#include "peer.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

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
    int listener = listen_on(port, SOCK_STREAM | SOCK_NONBLOCK, 1, 65535);
    int epoll = epoll_create1(0);

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
    int port = port_of(argc, argv, 2, "PORT WORKERS"), workers = atoi(argv[2]);
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int worker = 0; worker < workers; worker++) {
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0) {
            /* A worker must not outlive the one who can be told to stop. */
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve(port);
        }
    }
    while (wait(NULL) > 0)
        ;
    return 0;
}
