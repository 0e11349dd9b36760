import Foundation

/// One address of a socket in the operating system's own form.
struct SocketAddress: Hashable, Sendable {
    let family: Int32
    private let bytes: [UInt8]

    /// - Parameter length: the number of bytes at `pointer` that belong to the address.
    init(copying pointer: UnsafePointer<sockaddr>, length: Int) {
        self.family = Int32(pointer.pointee.sa_family)
        self.bytes = [UInt8](UnsafeRawBufferPointer(start: pointer, count: length))
    }

    /// The same address with another port, which follows the family in both kinds of Internet addresses.
    func with(port: Int) -> SocketAddress {
        SocketAddress(
            family: self.family,
            bytes: self.bytes[..<2] + [UInt8(port >> 8 & 0xff), UInt8(port & 0xff)] + self.bytes[4...])
    }

    private init(family: Int32, bytes: some Sequence<UInt8>) {
        self.family = family
        self.bytes = Array(bytes)
    }

    func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        // Copied into the system's largest address, because the bytes of an array need not be aligned for it.
        var storage = sockaddr_storage()
        let count = min(self.bytes.count, MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutableBytes(of: &storage) { $0.copyBytes(from: self.bytes.prefix(count)) }
        return withUnsafePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(count)) }
        }
    }
}

extension SocketAddress {
    /// Asks the system's resolver. Blocks for a name; does not for a literal address when `isLiteral`.
    ///
    /// - Parameter isLiteral: take `host` as a literal address only and look nothing up.
    static func resolve(host: String, port: Int, isLiteral: Bool) throws(TransportError) -> [SocketAddress] {
        // The resolver would take a larger one for its lower 16 bits.
        guard (0...65_535).contains(port) else {
            throw TransportError(operation: "resolve", reason: "there is no port \(port)")
        }
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = Int32(AI_NUMERICSERV) | (isLiteral ? Int32(AI_NUMERICHOST) : 0)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else {
            throw TransportError(operation: "resolve", reason: String(cString: gai_strerror(code)))
        }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next {
            if let address = entry.pointee.ai_addr {
                addresses.append(SocketAddress(copying: address, length: Int(entry.pointee.ai_addrlen)))
            }
            next = entry.pointee.ai_next
        }
        guard !addresses.isEmpty else { throw TransportError(operation: "resolve", reason: "no address") }
        return addresses
    }
}
