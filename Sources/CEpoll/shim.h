// What Linux has to wait for many descriptors, events and moments at once. Swift's own Glibc module leaves it out.
#pragma once

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
