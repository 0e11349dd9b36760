/*
 * The load of Scripts/bench gearman: clients and workers in one process, which do nothing but what the protocol asks for.
 *
 *   load PORT foreground|background|queued CONNECTIONS PAYLOAD-BYTES JOBS
 *   load PORT idle CONNECTIONS
 *
 * There are as many connections of clients as of workers. All clients together keep 256 jobs in flight, or four each,
 * and the workers grab as many at once. Foreground: prints jobs/s from submission to result. Background: all jobs are
 * submitted first, each with a unique of its own, also among runs, then worked off: prints both rates. Queued: they are
 * submitted only, and stay. Idle: so many workers of a function without jobs fall asleep; prints a line when the server
 * has answered all of them, and stays until its standard input ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CAN_DO = 1, PRE_SLEEP = 4, NOOP = 6, SUBMIT = 7, CREATED = 8, NO_JOB = 10, COMPLETE = 13, SUBMIT_BG = 18,
       GRAB_UNIQ = 30, ASSIGN_UNIQ = 31 };

struct connection {
    int fd, grabs;
    uint8_t *in, *out;
    size_t in_used, in_size, out_used, out_size;
};

static int epoll, depth, is_background;
static long jobs, submitted, created, completed, finished;
static size_t payload_size;
static uint8_t *payload;

static void fail(const char *what) { perror(what); exit(1); }

static void *grown(void *bytes, size_t *size, size_t needed) {
    if (needed <= *size) return bytes;
    *size = needed * 2;
    bytes = realloc(bytes, *size);
    if (!bytes) fail("realloc");
    return bytes;
}

static void packet(struct connection *c, uint32_t type, const void *first, size_t first_size, const void *data, size_t size) {
    c->out = grown(c->out, &c->out_size, c->out_used + 12 + first_size + size);
    uint32_t header[3] = {htonl(0x00524551), htonl(type), htonl((uint32_t)(first_size + size))};
    memcpy(c->out + c->out_used, header, 12);
    if (first_size) memcpy(c->out + c->out_used + 12, first, first_size);
    if (size) memcpy(c->out + c->out_used + 12 + first_size, data, size);
    c->out_used += 12 + first_size + size;
}

static void submit(struct connection *c) {
    if (submitted == jobs) return;
    char arguments[64];
    int size = snprintf(arguments, sizeof arguments, "load%cu%d.%ld%c", 0, getpid(), submitted++, 0);
    packet(c, is_background ? SUBMIT_BG : SUBMIT, arguments, (size_t)size, payload, payload_size);
}

static void grab(struct connection *c) {
    for (; c->grabs < depth; c->grabs++) packet(c, GRAB_UNIQ, NULL, 0, NULL, 0);
}

static void received(struct connection *c, uint32_t type, uint8_t *body) {
    switch (type) {
        case CREATED:
            created++;
            if (is_background) submit(c);
            break;
        case COMPLETE: completed++; submit(c); break;
        case ASSIGN_UNIQ:
            c->grabs--;
            packet(c, COMPLETE, body, strlen((char *)body) + 1, payload, payload_size);
            finished++;
            grab(c);
            break;
        case NO_JOB:
            if (--c->grabs == 0) packet(c, PRE_SLEEP, NULL, 0, NULL, 0);
            break;
        case NOOP: grab(c); break;
        default: fprintf(stderr, "unexpected packet %u\n", type); exit(1);
    }
}

static void flush(struct connection *c) {
    size_t sent = 0;
    while (sent < c->out_used) {
        ssize_t n = send(c->fd, c->out + sent, c->out_used - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) break;
        if (n < 0) fail("send");
        sent += (size_t)n;
    }
    memmove(c->out, c->out + sent, c->out_used - sent);
    c->out_used -= sent;
    struct epoll_event event = {.events = EPOLLIN | (c->out_used ? EPOLLOUT : 0), .data.ptr = c};
    static int is_waiting[65536];
    if (is_waiting[c->fd] == (c->out_used > 0)) return;
    is_waiting[c->fd] = c->out_used > 0;
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event)) fail("epoll_ctl");
}

static void readable(struct connection *c) {
    c->in = grown(c->in, &c->in_size, c->in_used + 65536);
    ssize_t n = recv(c->fd, c->in + c->in_used, c->in_size - c->in_used, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) fail("recv");
    c->in_used += (size_t)n;
    size_t at = 0;
    while (c->in_used - at >= 12) {
        uint32_t type, size;
        memcpy(&type, c->in + at + 4, 4);
        memcpy(&size, c->in + at + 8, 4);
        if (c->in_used - at - 12 < ntohl(size)) break;
        received(c, ntohl(type), c->in + at + 12);
        at += 12 + ntohl(size);
    }
    memmove(c->in, c->in + at, c->in_used - at);
    c->in_used -= at;
}

static struct connection *opened(int port) {
    struct connection *c = calloc(1, sizeof *c);
    if (!c) fail("calloc");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event)) fail("epoll_ctl");
    return c;
}

/* Workers that nobody needs; each is done when its grab was answered. */
static void rest(int port, int count) {
    uint8_t answer[12];
    for (int i = 0; i < count; i++) {
        struct connection *c = opened(port);
        packet(c, CAN_DO, "idle", 4, NULL, 0);
        packet(c, GRAB_UNIQ, NULL, 0, NULL, 0);
        packet(c, PRE_SLEEP, NULL, 0, NULL, 0);
        flush(c);
        struct epoll_event event;
        if (epoll_wait(epoll, &event, 1, 20000) != 1 || recv(c->fd, answer, sizeof answer, 0) != sizeof answer) fail("idle");
        free(c->out);
        c->out = NULL;
    }
    printf("idle %d\n", count);
    fflush(stdout);
    while (read(STDIN_FILENO, answer, sizeof answer) > 0) {}
}

static void begin(int port, int count, int is_worker) {
    for (int i = 0; i < count; i++) {
        struct connection *c = opened(port);
        if (is_worker) { packet(c, CAN_DO, "load", 4, NULL, 0); grab(c); }
        else for (int j = 0; j < depth; j++) submit(c);
        flush(c);
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Until so many have been counted; prints their rate. */
static void run(const char *name, const long *counter) {
    double start = now();
    struct epoll_event events[256];
    while (*counter < jobs) {
        int count = epoll_wait(epoll, events, 256, 20000);
        if (count == 0) { fprintf(stderr, "the server is silent\n"); exit(1); }
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & ~(uint32_t)EPOLLOUT) readable(c);
            flush(c);
        }
    }
    printf("%s %.0f\n", name, (double)jobs / (now() - start));
}

int main(int count, char **arguments) {
    int is_idle = count == 4 && !strcmp(arguments[2], "idle");
    if (count != 6 && !is_idle) { fprintf(stderr, "usage: load PORT KIND CONNECTIONS [PAYLOAD-BYTES JOBS]\n"); return 2; }
    int port = atoi(arguments[1]), connections = atoi(arguments[3]);
    epoll = epoll_create1(0);
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) { files.rlim_cur = files.rlim_max; setrlimit(RLIMIT_NOFILE, &files); }
    if (is_idle) { rest(port, connections); return 0; }
    int is_queued = !strcmp(arguments[2], "queued");
    is_background = is_queued || !strcmp(arguments[2], "background");
    payload_size = (size_t)atol(arguments[4]);
    jobs = atol(arguments[5]);
    payload = calloc(1, payload_size + 1);
    depth = 256 / connections > 4 ? 256 / connections : 4;
    if (is_background) {
        begin(port, connections, 0);
        run("submitted", &created);
        if (is_queued) return 0;
        begin(port, connections, 1);
        run("worked-off", &finished);
    } else {
        begin(port, connections, 1);
        begin(port, connections, 0);
        run("foreground", &completed);
    }
    return 0;
}
