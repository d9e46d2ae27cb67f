/* The model of preforkserver in plain C, to compare its price with: four workers that accept on
 * one socket, one request a connection. Its answer has the bytes of the rung's.
 *
 * cc -O2 -o preforkserver preforkserver.c && ./preforkserver PORT */
#include "peer.h"

#include <sys/wait.h>

int main(int argc, char **argv)
{
    int listener = listen_on(port_of(argc, argv, 1, "PORT"), SOCK_STREAM, 0, 1024);
    for (int worker = 0; worker < 4; worker++) {
        pid_t child = fork();
        if (child < 0)
            die("fork");
        while (child == 0) {
            int client = accept(listener, NULL, NULL);
            if (client < 0)
                _exit(1);
            answer(client);
            close(client);
        }
    }
    while (wait(NULL) > 0)
        ;
    return 0;
}
