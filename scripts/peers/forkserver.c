/* The model of concurrentserver_final in plain C, to compare its price with: a child per
 * connection, one request each, waitpid in a loop. Its answer has the bytes of the rung's.
 *
 * cc -O2 -o forkserver forkserver.c && ./forkserver PORT */
#include "peer.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

static void reap(int signal)
{
    int saved = errno;
    (void)signal;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    errno = saved;
}

int main(int argc, char **argv)
{
    int listener = listen_on(port_of(argc, argv, 1, "PORT"), SOCK_STREAM, 0, 1024);
    struct sigaction action = { .sa_handler = reap, .sa_flags = SA_NOCLDSTOP };
    sigaction(SIGCHLD, &action, NULL);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0) {
            if (errno == EINTR)
                continue;
            die("accept");
        }
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0) {
            close(listener);
            answer(client);
            _exit(0);
        }
        close(client);
    }
}
