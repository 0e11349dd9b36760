import Foundation
import Gearman
import Testing

/// A port of this machine that nobody listens on, and that nobody else gets as long as this is kept.
final class RefusingPort: Sendable {
    let address: GearmanServerAddress
    private let socket: Int32

    init() throws {
        let number = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, size) == 0 ? getsockname(number, $0, &size) : -1
            }
        }
        self.socket = number
        self.address = GearmanServerAddress(host: "127.0.0.1", port: Int(in_port_t(bigEndian: address.sin_port)))
        try #require(result == 0, "bind: \(String(cString: strerror(errno)))")
    }

    deinit {
        close(self.socket)
    }
}
