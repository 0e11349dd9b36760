import Foundation

/// Owns one file descriptor and closes it when it goes away.
///
/// Whoever watches the descriptor ends that first: the number may be used again at once.
package struct Descriptor: ~Copyable, Sendable {
    /// The number, for system calls. It is valid for as long as this value lives.
    package let number: Int32

    package init(owning number: Int32) {
        self.number = number
    }

    deinit {
        _ = close(self.number)
    }
}

/// What one non-blocking read or write came to.
enum TransferResult: Equatable {
    case transferred(Int)
    case wouldBlock
    case endOfStream
    case failed(TransportError)
}

extension Descriptor {
    /// Opens a non-blocking stream socket that is not inherited by child processes.
    static func streamSocket(family: Int32) throws(TransportError) -> Descriptor {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let number = socket(family, type, 0)
        guard number >= 0 else { throw .current("socket") }
        return Descriptor(owning: number)
    }

    /// Small packets leave at once (the sender batches what is ready together), and a dead peer's machine is noticed
    /// some day even when nobody sends.
    func configureStream() {
        self.setOption(level: Int32(IPPROTO_TCP), name: TCP_NODELAY)
        self.setOption(level: SOL_SOCKET, name: SO_KEEPALIVE)
    }

    private func setOption(level: Int32, name: Int32) {
        // A socket without these options still works, so a refusal is not an error.
        var on: Int32 = 1
        _ = setsockopt(self.number, level, name, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Begins to connect. The socket becomes writable when the attempt has ended: ``pendingError()`` tells how.
    func connect(to address: SocketAddress) throws(TransportError) {
        let result = address.withSockaddr { Foundation.connect(self.number, $0, $1) }
        guard result != 0, errno != EINPROGRESS, errno != EINTR else { return }
        throw .current("connect")
    }

    /// The error that the socket has kept for us, if any; the result of a non-blocking connect.
    func pendingError() -> TransportError? {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(self.number, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return .current("getsockopt") }
        return code == 0 ? nil : TransportError(operation: "connect", errorNumber: code)
    }

    /// Sends what the socket takes now of the bytes from `start` on. A closed peer is an error, not a signal.
    func send(_ bytes: [UInt8], from start: Int) -> TransferResult {
        bytes.withUnsafeBytes { self.send(UnsafeRawBufferPointer(rebasing: $0[start...])) }
    }

    private func send(_ bytes: UnsafeRawBufferPointer) -> TransferResult {
        while true {
            let count = Foundation.send(self.number, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .transferred(count) }
            if errno == EINTR { continue }
            return errno == EAGAIN || errno == EWOULDBLOCK ? .wouldBlock : .failed(.current("send"))
        }
    }

    /// Receives what is there now.
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> TransferResult {
        while true {
            let count = recv(self.number, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .transferred(count) }
            if count == 0 { return .endOfStream }
            if errno == EINTR { continue }
            return errno == EAGAIN || errno == EWOULDBLOCK ? .wouldBlock : .failed(.current("receive"))
        }
    }

    /// Receives what is there now, up to a number of bytes, into an empty array.
    func receive(_ bytes: inout [UInt8], capacity: Int) -> TransferResult {
        var result = TransferResult.wouldBlock
        bytes.append(addingCapacity: capacity) { room in
            room.withUnsafeMutableBufferPointer { buffer, count in
                result = self.receive(into: UnsafeMutableRawBufferPointer(buffer))
                if case .transferred(let received) = result { count = received }
            }
        }
        return result
    }

    /// Tells the peer that nothing more will come from us; we still receive.
    func shutdownSending() {
        _ = shutdown(self.number, Int32(SHUT_WR))
    }
}
