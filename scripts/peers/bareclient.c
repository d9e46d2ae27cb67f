/* The least that a load generator on one core can be: CLIENTS kept connections, one edge-triggered
 * epoll instance, and for each event one read and one send. It neither looks at what it reads nor
 * takes any time but the end's, so its rate is what this kernel and that server leave to be reached.
 * With "timed" it takes the time before each send and after each read, and counts how long each
 * answer took, to the microsecond: the least that a client can do that measures.
 *
 * cc -O2 -o bareclient bareclient.c && ./bareclient PORT CLIENTS SECONDS [timed] */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

static void die(const char *operation)
{
    perror(operation);
    exit(1);
}

#define DESCRIPTORS 20000
#define MICROSECONDS 1000000

static int timed;
static struct timespec asked[DESCRIPTORS];
static unsigned took[MICROSECONDS];

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static void note_answer(int fd)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    long nanoseconds = (time.tv_sec - asked[fd].tv_sec) * 1000000000
                     + time.tv_nsec - asked[fd].tv_nsec;
    took[nanoseconds / 1000 % MICROSECONDS]++;
}

static void ask(int fd)
{
    if (timed)
        clock_gettime(CLOCK_MONOTONIC, &asked[fd]);
    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0)
        die("send");
}

static int open_connection(int port)
{
    struct sockaddr_in server = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    server.sin_port = htons(port);
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0)
        die("connect");
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event events[256];
    char answer[64 * 1024];
    long answered = 0;

    timed = argc == 5 && strcmp(argv[4], "timed") == 0;
    if (argc != 4 + timed) {
        fprintf(stderr, "usage: %s PORT CLIENTS SECONDS [timed]\n", argv[0]);
        return 2;
    }
    int epoll = epoll_create1(0);
    for (int client = 0; client < atoi(argv[2]); client++) {
        int fd = open_connection(atoi(argv[1]));
        if (fd >= DESCRIPTORS)
            return fprintf(stderr, "too many clients\n"), 2;
        struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.fd = fd };
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
            die("epoll_ctl");
        ask(fd);
    }
    double begin = now(), end;
    while ((end = now()) < begin + atof(argv[3])) {
        int count = epoll_wait(epoll, events, 256, 100);
        for (int i = 0; i < count; i++) {
            if (recv(events[i].data.fd, answer, sizeof answer, 0) <= 0)
                die("recv");
            if (timed)
                note_answer(events[i].data.fd);
            ask(events[i].data.fd);
            answered++;
        }
    }
    printf("%ld answers, %.1f a second\n", answered, answered / (end - begin));
    return 0;
}
