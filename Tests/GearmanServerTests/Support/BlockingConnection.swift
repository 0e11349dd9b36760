import DispatchExecutor
import Foundation

/// A connection to a job server on loopback that waits for its answers: for tests that go step by step. It blocks a
/// queue of its own, and nobody else's.
actor BlockingConnection {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private nonisolated let executor = DispatchQueueExecutor(label: "test.connection")
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    private let number: Int32
    private(set) var isClosed = false

    init(port: Int) throws {
        self.number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(self.number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure(description: "connect: \(String(cString: strerror(errno)))") }
        var on: Int32 = 1
        setsockopt(self.number, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit {
        close(self.number)
    }

    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(self.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// What comes until it ends with these bytes, or the server closes the connection.
    func receive(until end: [UInt8]) throws -> [UInt8] {
        var received: [UInt8] = []
        while received.count < end.count || !received.suffix(end.count).elementsEqual(end) {
            let piece = try self.receive(upTo: 65_536)
            if piece.isEmpty { break }
            received += piece
        }
        return received
    }

    /// What is there, once something is; empty if the server has closed the connection.
    func receive(upTo limit: Int) throws -> [UInt8] {
        var descriptor = pollfd(fd: self.number, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, 10_000) == 1 else { throw Failure(description: "the server is silent") }
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(recv(self.number, buffer.baseAddress, limit, 0), 0)
        }
        if bytes.isEmpty { self.isClosed = true }
        return bytes
    }

    func ask(_ line: String, end: String) throws -> String {
        self.send(Array("\(line)\r\n".utf8))
        let answer = String(decoding: try self.receive(until: Array(end.utf8)), as: UTF8.self)
        guard !self.isClosed else { throw Failure(description: "the server closed the connection after \(answer)") }
        return answer
    }
}
