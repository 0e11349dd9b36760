// What Linux has to wait for many descriptors at once. Swift's own Glibc module leaves it out.
#pragma once

#include <sys/epoll.h>
