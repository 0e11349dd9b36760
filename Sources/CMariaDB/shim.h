// MariaDB Connector/C (Debian: libmariadb-dev), and what Swift cannot import of it: macros and variadic functions.
#pragma once

#include <mariadb/errmsg.h>
#include <mariadb/mysql.h>
// After mysql.h, whose types it uses.
#include <mariadb/ma_pvio.h>

/// Whether one execution of a prepared statement may carry the parameters of many rows. Servers of MySQL cannot.
static inline int gearclock_supports_bulk(MYSQL *mysql) {
    unsigned int extended = 0;
    if (mysql->server_capabilities & CLIENT_MYSQL) return 0;
    if (mariadb_get_info(mysql, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES, &extended)) return 0;
    return (extended & (unsigned int)(MARIADB_CLIENT_STMT_BULK_OPERATIONS >> 32)) != 0;
}

/// Lets an established connection wait so long for an answer. `MYSQL_OPT_READ_TIMEOUT` is read only when connecting,
/// and holds for the handshake too, for which it may be much too long.
static inline void gearclock_set_read_timeout(MYSQL *mysql, int seconds) {
    mysql->net.pvio->methods->set_timeout(mysql->net.pvio, PVIO_READ_TIMEOUT, seconds);
}
