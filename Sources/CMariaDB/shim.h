// MariaDB Connector/C (Debian: libmariadb-dev), and what Swift cannot import of it: macros and variadic functions.
#pragma once

#include <mariadb/errmsg.h>
#include <mariadb/mysql.h>
