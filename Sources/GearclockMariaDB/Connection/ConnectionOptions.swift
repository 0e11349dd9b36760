internal import CMariaDB

/// Connector/C's own state, which is made once in a process.
enum ConnectorLibrary {
    static let isReady = mysql_server_init(0, nil, nil) == 0
}

/// How a configuration is said to Connector/C.
///
/// No file of defaults is read, nothing reconnects by itself, the server can ask for no local file, and only ways to
/// log in are taken that do not send the password itself.
enum ConnectionOptions {
    static func set(
        on handle: UnsafeMutablePointer<MYSQL>, for configuration: MariaDBConfiguration
    ) throws(MariaDBFailure) {
        let connectTimeout = UInt32(configuration.connectTimeout.wholeSeconds)
        try self.set(handle, MYSQL_OPT_PROTOCOL, UInt32(MYSQL_PROTOCOL_TCP.rawValue))
        try self.set(handle, MYSQL_OPT_CONNECT_TIMEOUT, connectTimeout)
        // The handshake is read with this one; an established connection gets another.
        try self.set(handle, MYSQL_OPT_READ_TIMEOUT, connectTimeout)
        try self.set(handle, MYSQL_OPT_WRITE_TIMEOUT, UInt32(configuration.statementTimeout.wholeSeconds))
        try self.set(handle, MYSQL_OPT_LOCAL_INFILE, UInt32(0))
        try self.set(handle, MYSQL_OPT_RECONNECT, CChar(0))
        // Columns that are longer than their buffer are read again, see MariaDBStatement.
        try self.set(handle, MYSQL_REPORT_DATA_TRUNCATION, CChar(0))
        try self.set(handle, MYSQL_SET_CHARSET_NAME, text: "utf8mb4")
        try self.set(
            handle, MARIADB_OPT_RESTRICTED_AUTH, text: "mysql_native_password,client_ed25519,caching_sha2_password")
        switch configuration.tls {
        case .off:
            try self.setTLS(handle, enforced: false, verified: false)
        case .unverified:
            try self.setTLS(handle, enforced: true, verified: false)
        case .verified(let certificateAuthorities):
            try self.setTLS(handle, enforced: true, verified: true)
            if let certificateAuthorities { try self.set(handle, MYSQL_OPT_SSL_CA, text: certificateAuthorities) }
        }
    }

    static func connect(
        _ handle: UnsafeMutablePointer<MYSQL>, to node: MariaDBConfiguration.Node,
        _ configuration: MariaDBConfiguration, for purpose: MariaDBConnection.Purpose
    ) throws(MariaDBFailure) {
        let database = configuration.database.isEmpty ? nil : configuration.database
        // Without the flag an update counts only rows that look different afterwards, and a lease that is extended to
        // where it ends already would seem to be lost.
        let connected = mysql_real_connect(
            handle, node.host, configuration.user, configuration.password?.text ?? "", database, UInt32(node.port),
            nil, UInt(CLIENT_FOUND_ROWS))
        guard connected != nil else { throw MariaDBFailure(handle, step: .connect) }
        // "Enforced" is not enough for Connector/C: without verification it goes on in clear text if the server cannot
        // encrypt.
        guard configuration.tls == .off || mysql_get_ssl_cipher(handle) != nil else {
            throw MariaDBFailure(code: 2026, message: "The server does not encrypt", step: .connect)
        }
        // SET and SHOW are answered by nodes that are not ready, too.
        let (access, autocommit) = purpose == .reading ? ("READ ONLY", 1) : ("READ WRITE", 0)
        for statement in [
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, \(access)",
            "SET SESSION autocommit = \(autocommit), time_zone = '+00:00',"
                + " sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
        ] {
            guard mysql_real_query(handle, statement, UInt(statement.utf8.count)) == 0 else {
                throw MariaDBFailure(handle, step: .connect)
            }
        }
    }

    private static func setTLS(
        _ handle: UnsafeMutablePointer<MYSQL>, enforced: Bool, verified: Bool
    ) throws(MariaDBFailure) {
        try self.set(handle, MYSQL_OPT_SSL_ENFORCE, CChar(enforced ? 1 : 0))
        try self.set(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, CChar(verified ? 1 : 0))
    }

    private static func set(
        _ handle: UnsafeMutablePointer<MYSQL>, _ option: mysql_option, _ value: some BitwiseCopyable
    ) throws(MariaDBFailure) {
        let result = withUnsafePointer(to: value) { mysql_options(handle, option, $0) }
        guard result == 0 else { throw MariaDBFailure(handle, step: .connect) }
    }

    private static func set(
        _ handle: UnsafeMutablePointer<MYSQL>, _ option: mysql_option, text: String
    ) throws(MariaDBFailure) {
        guard mysql_options(handle, option, text) == 0 else { throw MariaDBFailure(handle, step: .connect) }
    }
}

extension Duration {
    /// Rounded up, at least one: Connector/C counts whole seconds, and takes 0 for "for ever".
    var wholeSeconds: Int32 {
        let (seconds, attoseconds) = self.components
        return Int32(clamping: max(1, seconds + (attoseconds > 0 ? 1 : 0)))
    }
}
