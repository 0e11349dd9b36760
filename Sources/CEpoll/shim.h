// What Linux has to wait for many descriptors at once. Swift's own Glibc module leaves it out.
#pragma once

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Declared by poll.h for _GNU_SOURCE only, which a module cannot ask for.
extern int ppoll(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);

// Takes what is ready in a set, or becomes so within so many nanoseconds, less than a second: epoll_wait counts
// milliseconds. Linux before 5.11 has no call for that, and is asked twice.
static inline int gearman_epoll_wait(int epoll, struct epoll_event *events, int count, long nanoseconds) {
    const struct timespec patience = {.tv_nsec = nanoseconds};
    int ready = (int)syscall(SYS_epoll_pwait2, epoll, events, count, &patience, NULL, (size_t)0);
    if (ready >= 0 || errno != ENOSYS) return ready;
    struct pollfd set = {.fd = epoll, .events = POLLIN};
    if (nanoseconds > 0 && ppoll(&set, 1, &patience, NULL) <= 0) return 0;
    return epoll_wait(epoll, events, count, 0);
}
