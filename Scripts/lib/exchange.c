/* One client and one worker of a no-op function in one process, with so many jobs in flight, and nothing else: what a job
 * server lets through. Prints jobs per second.
 *
 *   exchange PORT JOBS DEPTH [FUNCTION]     on 127.0.0.1; DEPTH 1 waits for each answer
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CAN_DO = 1, PRE_SLEEP = 4, NOOP = 6, SUBMIT_JOB = 7, JOB_CREATED = 8, NO_JOB = 10, WORK_COMPLETE = 13 };
enum { GRAB_JOB_UNIQ = 30, JOB_ASSIGN_UNIQ = 31 };

struct peer {
    int socket;
    char in[1 << 20], out[1 << 20];
    size_t in_count, out_count;
};

static struct peer client, worker;
static const char *function;
static long jobs, depth, submitted, completed, grabs;
static int is_sated;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void put(struct peer *peer, uint32_t type, const char *body, size_t count) {
    uint32_t header[3] = {0, htonl(type), htonl((uint32_t)count)};
    memcpy(header, "\0REQ", 4);
    if (peer->out_count + sizeof header + count > sizeof peer->out) abort();
    memcpy(peer->out + peer->out_count, header, sizeof header);
    memcpy(peer->out + peer->out_count + sizeof header, body, count);
    peer->out_count += sizeof header + count;
}

static void flush_out(struct peer *peer) {
    size_t sent = 0;
    while (sent < peer->out_count) {
        ssize_t count = send(peer->socket, peer->out + sent, peer->out_count - sent, MSG_NOSIGNAL);
        if (count < 0) fail("send");
        sent += (size_t)count;
    }
    peer->out_count = 0;
}

static void submit(void) {
    char body[256];
    size_t name = strlen(function) + 1;
    memcpy(body, function, name);
    body[name] = 0; /* no unique */
    memcpy(body + name + 1, "0123456789abcdef", 16);
    put(&client, SUBMIT_JOB, body, name + 17);
    submitted++;
}

static void grab(void) {
    if (!is_sated)
        for (; grabs < depth; grabs++) put(&worker, GRAB_JOB_UNIQ, "", 0);
    else if (grabs == 0)
        put(&worker, PRE_SLEEP, "", 0);
}

static void received(struct peer *peer, uint32_t type, const char *body, size_t count) {
    switch (type) {
    case JOB_CREATED: break;
    case WORK_COMPLETE:
        completed++;
        if (submitted < jobs) submit();
        break;
    case NOOP: is_sated = 0; break;
    case NO_JOB:
        grabs--;
        is_sated = 1;
        break;
    case JOB_ASSIGN_UNIQ:
        grabs--;
        is_sated = 0;
        put(peer, WORK_COMPLETE, body, strnlen(body, count) + 1);
        break;
    default: fprintf(stderr, "unexpected packet %u\n", type); exit(1);
    }
}

static void readable(struct peer *peer) {
    ssize_t count = recv(peer->socket, peer->in + peer->in_count, sizeof peer->in - peer->in_count, 0);
    if (count <= 0) fail("recv");
    peer->in_count += (size_t)count;
    size_t at = 0;
    while (peer->in_count - at >= 12) {
        uint32_t type, size;
        memcpy(&type, peer->in + at + 4, 4);
        memcpy(&size, peer->in + at + 8, 4);
        size = ntohl(size);
        if (peer->in_count - at - 12 < size) break;
        received(peer, ntohl(type), peer->in + at + 12, size);
        at += 12 + size;
    }
    memmove(peer->in, peer->in + at, peer->in_count - at);
    peer->in_count -= at;
    if (peer == &worker) grab();
    if (peer->out_count > 0) flush_out(peer);
}

static void open_peer(struct peer *peer, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(peer->socket, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    setsockopt(peer->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int count, char **words) {
    if (count < 4) {
        fprintf(stderr, "usage: exchange PORT JOBS DEPTH [FUNCTION]\n");
        return 2;
    }
    jobs = atol(words[2]);
    depth = atol(words[3]);
    function = count > 4 ? words[4] : "exchange";
    open_peer(&client, atoi(words[1]));
    open_peer(&worker, atoi(words[1]));
    put(&worker, CAN_DO, function, strlen(function));
    grab();
    flush_out(&worker);
    double start = now();
    while (submitted < jobs && submitted < depth) submit();
    flush_out(&client);
    while (completed < jobs) {
        struct pollfd both[2] = {{client.socket, POLLIN, 0}, {worker.socket, POLLIN, 0}};
        if (poll(both, 2, 10000) <= 0) fail("poll");
        if (both[0].revents) readable(&client);
        if (both[1].revents) readable(&worker);
    }
    printf("%.0f\n", (double)jobs / (now() - start));
    return 0;
}
