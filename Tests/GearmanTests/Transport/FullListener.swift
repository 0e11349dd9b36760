import Foundation
import Gearman
import Testing

/// A port that listens and has no room for one more connection: who connects hears nothing.
final class FullListener: Sendable {
    let address: GearmanServerAddress
    private let numbers: [Int32]

    init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        var numbers = [listener]
        let isListening = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard bind(listener, pointer, length) == 0, listen(listener, 0) == 0,
                    getsockname(listener, pointer, &length) == 0
                else { return false }
                // Linux takes one more than the backlog says, and some that are not finished.
                for _ in 0..<8 {
                    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
                    _ = connect(number, pointer, length)
                    numbers.append(number)
                }
                return true
            }
        }
        try #require(isListening)
        self.numbers = numbers
        self.address = GearmanServerAddress(
            host: "127.0.0.1", port: Int(in_port_t(bigEndian: address.sin_port)))
    }

    func close() {
        for number in self.numbers { _ = Foundation.close(number) }
    }
}
