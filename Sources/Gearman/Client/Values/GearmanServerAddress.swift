internal import Foundation

/// Where a Gearman job server listens.
public struct GearmanServerAddress: Hashable, Sendable {
    /// The port that IANA gave to Gearman.
    public static let defaultPort = 4730

    /// A host name, an IPv4 address, or an IPv6 address without brackets.
    public let host: String

    /// The TCP port, 1 to 65,535.
    public let port: Int

    /// - Parameters:
    ///   - host: a host name, or an address without brackets.
    ///   - port: the TCP port, 4730 by default.
    public init(host: String, port: Int = GearmanServerAddress.defaultPort) {
        self.host = host
        self.port = port
    }

    /// Reads `host`, `host:port`, `[::1]`, `[::1]:port` or a bare IPv6 address; nil if the text is none of these.
    public init?(_ text: String) {
        let host: Substring
        let rest: Substring
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
        } else if let colon = text.firstIndex(of: ":"), !text[text.index(after: colon)...].contains(":") {
            host = text[..<colon]
            rest = text[colon...]
        } else {
            host = text[...]
            rest = ""
        }
        // Bytes, not characters: a colon and the mark before it may be one character.
        let isForeign = { (byte: UInt8) in !(0x21...0x7E).contains(byte) || "[]/@".utf8.contains(byte) }
        guard !host.isEmpty, !host.utf8.contains(where: isForeign) else { return nil }
        if text.hasPrefix("[") || host.utf8.contains(UInt8(ascii: ":")) {
            guard Self.isIPv6(host) else { return nil }
        }
        if rest.isEmpty {
            self.init(host: String(host))
            return
        }
        let digits = rest.dropFirst()
        guard rest.first == ":", digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(digits),
            (1...65_535).contains(port)
        else { return nil }
        self.init(host: String(host), port: port)
    }

    /// Whether it is an IPv6 address, with or without the name of an interface.
    private static func isIPv6(_ text: Substring) -> Bool {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        var address = in6_addr()
        return inet_pton(AF_INET6, String(parts[0]), &address) == 1 && parts.last?.isEmpty == false
    }
}

extension GearmanServerAddress: CustomStringConvertible {
    /// `host:port`, an IPv6 address in brackets; ``init(_:)`` reads it again.
    public var description: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}
