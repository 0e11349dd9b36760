internal import COpenSSL
internal import Gearman

/// One connection's encryption. It reads and writes no socket: bytes go in and come out, as with the other machines.
struct TLSSession: ~Copyable {
    /// What came of bytes from the peer.
    enum Progress: Equatable {
        /// The handshake needs more from the peer.
        case handshaking
        /// Both sides can speak; this is what the peer said.
        case open([UInt8])
        /// The peer says nothing more, after this.
        case ended([UInt8])
        case failed(TransportError)
    }

    /// Which of the two sides this is.
    enum Side {
        case client
        case server
    }

    private let ssl: OpaquePointer
    /// What came from the peer and was not decrypted; belongs to the session of OpenSSL.
    private let incoming: OpaquePointer
    /// What is to be sent to the peer; likewise.
    private let outgoing: OpaquePointer
    private(set) var isOpen = false
    /// A client begins. One that does not speak TLS is told so, which OpenSSL does not.
    private var isAwaitingFirstByte: Bool

    private static let handshakeRecord: UInt8 = 22
    /// A record with the fatal alert `protocol_version`.
    private static let refusal: [UInt8] = [21, 3, 3, 0, 2, 2, 70]

    init(owning ssl: OpaquePointer, as side: Side) {
        guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
            preconditionFailure("OpenSSL has no memory")
        }
        self.ssl = ssl
        self.incoming = incoming
        self.outgoing = outgoing
        SSL_set_bio(ssl, incoming, outgoing)
        switch side {
        case .client:
            SSL_set_connect_state(ssl)
            self.isAwaitingFirstByte = false
        case .server:
            SSL_set_accept_state(ssl)
            self.isAwaitingFirstByte = true
        }
    }

    deinit {
        SSL_free(self.ssl)
    }

    /// The connection is there, or these bytes came over it. What is to be sent then is in ``takeOutput()``.
    mutating func received(_ bytes: [UInt8]) -> Progress {
        if self.isAwaitingFirstByte, let first = bytes.first {
            self.isAwaitingFirstByte = false
            guard first == Self.handshakeRecord else { return self.refusePlainText() }
        }
        bytes.withUnsafeBytes { _ = BIO_write(self.incoming, $0.baseAddress, Int32(clamping: $0.count)) }
        ERR_clear_error()
        if !self.isOpen {
            let result = SSL_do_handshake(self.ssl)
            guard result == 1 else {
                return self.isWaiting(result) ? .handshaking : .failed(self.failure("TLS handshake"))
            }
            self.isOpen = true
        }
        return self.read()
    }

    private func refusePlainText() -> Progress {
        Self.refusal.withUnsafeBytes { _ = BIO_write(self.outgoing, $0.baseAddress, Int32($0.count)) }
        return .failed(TransportError(operation: "TLS handshake", reason: "the client does not speak TLS"))
    }

    private func read() -> Progress {
        var all: [UInt8] = []
        while true {
            var result: Int32 = 0
            // A record has at most as many.
            all += [UInt8](unsafeUninitializedCapacity: 16_384) { buffer, count in
                result = SSL_read(self.ssl, buffer.baseAddress, Int32(buffer.count))
                count = Int(max(0, result))
            }
            if result > 0 { continue }
            if self.isWaiting(result) { return .open(all) }
            return SSL_get_error(self.ssl, result) == SSL_ERROR_ZERO_RETURN ? .ended(all) : .failed(self.failure("TLS"))
        }
    }

    /// Encrypts bytes; not to be called before the session is open.
    mutating func write(_ bytes: [UInt8]) {
        precondition(self.isOpen, "A session is written to when it is open")
        bytes.withUnsafeBytes { all in
            var start = 0
            while start < all.count {
                let count = SSL_write(
                    self.ssl, all.baseAddress?.advanced(by: start), Int32(clamping: all.count - start))
                // Memory takes everything; a session that has failed is closed by what it reads.
                guard count > 0 else { return }
                start += Int(count)
            }
        }
    }

    /// Tells the peer that nothing more follows.
    mutating func end() {
        if self.isOpen { _ = SSL_shutdown(self.ssl) }
    }

    /// What is to be sent to the peer.
    mutating func takeOutput() -> [UInt8] {
        let pending = gearman_tls_pending(self.outgoing)
        guard pending > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: pending) { buffer, count in
            count = Int(max(0, BIO_read(self.outgoing, buffer.baseAddress, Int32(clamping: buffer.count))))
        }
    }

    private func isWaiting(_ result: Int32) -> Bool {
        let error = SSL_get_error(self.ssl, result)
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE
    }

    /// Why the session failed: what is wrong with the certificate, or else what OpenSSL says.
    private func failure(_ operation: String) -> TransportError {
        let verification = SSL_get_verify_result(self.ssl)
        guard SSL_get_verify_mode(self.ssl) != SSL_VERIFY_NONE, verification != Int(X509_V_OK),
            let text = X509_verify_cert_error_string(verification)
        else { return Self.error(operation) }
        return TransportError(operation: operation, reason: "the certificate is refused: \(String(cString: text))")
    }

    /// The first error that OpenSSL has kept.
    static func error(_ operation: String = "TLS") -> TransportError {
        let code = ERR_get_error()
        ERR_clear_error()
        let systemError = gearman_tls_system_error(code)
        if systemError != 0 { return TransportError(operation: operation, errorNumber: systemError) }
        guard code != 0, let text = ERR_reason_error_string(code) else {
            return TransportError(operation: operation, reason: "unknown error \(code)")
        }
        return TransportError(operation: operation, reason: String(cString: text))
    }
}
