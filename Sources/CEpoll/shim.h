// What Linux has to wait for many descriptors at once. Swift's own Glibc module leaves it out.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

// Declared by poll.h for _GNU_SOURCE only, which a module cannot ask for.
extern int ppoll(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);

// Whether something in a set is ready within so many nanoseconds, less than a second: epoll_wait counts milliseconds.
static inline int gearman_epoll_is_ready(int epoll, long nanoseconds) {
    struct pollfd set = {.fd = epoll, .events = POLLIN};
    const struct timespec patience = {.tv_nsec = nanoseconds};
    return ppoll(&set, 1, &patience, NULL) > 0;
}
