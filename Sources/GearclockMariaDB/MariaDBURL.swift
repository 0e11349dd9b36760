/// A store on MariaDB as one text, and what it says beside how the servers are reached.
///
/// `mariadb://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]…][/DATABASE][?NAME=VALUE&…]`; `mysql://` means the same. User,
/// password, database and values are percent-decoded; an IPv6 address stands in brackets. The parameters:
///
/// | parameter | values | default |
/// |---|---|---|
/// | `number` | 0 ... 4095, the number of the cluster | none |
/// | `copies` | 1 ... the number of hosts | 2, with one host 1 |
/// | `on_too_few` | `refuse`, `accept` | `refuse` |
/// | `tls` | `off`, `verified`, `unverified` | `off` if all hosts are loopback addresses, otherwise `verified` |
/// | `ca` | a PEM file, absolute | the system's authorities |
/// | `connections` | 1 ... 64 to each host | 4 |
/// | `connect_timeout`, `statement_timeout` | 1 ... 3600 seconds | 2, 15 |
/// | `password_file` | a file with the password, absolute | none |
package struct MariaDBURL: Equatable, Sendable, CustomStringConvertible {
    package var configuration: MariaDBConfiguration
    /// Which of several clusters it is; their ids carry it.
    package var number: UInt16?
    /// Where the password stands; whoever has files reads it into the configuration.
    package var passwordFile: String?

    /// The canonical text: what differs from the defaults, and never the password.
    package var description: String {
        let standard = MariaDBConfiguration(nodes: self.configuration.nodes)
        var text = "mariadb://\(PercentEncoding.encode(self.configuration.user))@"
        text += self.configuration.nodes.map(\.description).joined(separator: ",")
        text += "/" + PercentEncoding.encode(self.configuration.database).replacing("/", with: "%2F")
        var parameters: [String] = []
        if let number { parameters.append("number=\(number)") }
        if self.configuration.copies != standard.copies { parameters.append("copies=\(self.configuration.copies)") }
        if self.configuration.tooFewCopies == .accept { parameters.append("on_too_few=accept") }
        parameters += self.tlsParameters
        if self.configuration.connections != standard.connections {
            parameters.append("connections=\(self.configuration.connections)")
        }
        if self.configuration.connectTimeout != standard.connectTimeout {
            parameters.append("connect_timeout=\(self.configuration.connectTimeout.inWholeSeconds)")
        }
        if self.configuration.statementTimeout != standard.statementTimeout {
            parameters.append("statement_timeout=\(self.configuration.statementTimeout.inWholeSeconds)")
        }
        if let passwordFile { parameters.append("password_file=\(PercentEncoding.encode(passwordFile))") }
        return parameters.isEmpty ? text : text + "?" + parameters.joined(separator: "&")
    }

    private var tlsParameters: [String] {
        switch self.configuration.tls {
        case .off:
            self.configuration.nodes.allSatisfy(\.isLoopback) ? [] : ["tls=off"]
        case .verified(certificateAuthorities: let file?):
            ["tls=verified", "ca=\(PercentEncoding.encode(file))"]
        case .verified(certificateAuthorities: nil):
            self.configuration.nodes.allSatisfy(\.isLoopback) ? ["tls=verified"] : []
        case .unverified:
            ["tls=unverified"]
        }
    }
}

/// What is wrong with a text that should be a ``MariaDBURL``. It never contains a user, a password, or anything that
/// could be part of one.
package struct MariaDBURLError: Error, Equatable, Sendable, CustomStringConvertible {
    /// One sentence without a full stop.
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension MariaDBConfiguration.Node {
    /// Whether what is sent to it stays on this machine: `localhost`, `::1`, 127/8.
    package var isLoopback: Bool {
        if self.host == "localhost" || self.host == "::1" { return true }
        let parts = self.host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { $0.utf8.allSatisfy(isDigit) && !$0.isEmpty }
    }
}

extension Duration {
    /// The connector counts its timeouts in seconds.
    fileprivate var inWholeSeconds: Int64 { self.components.seconds }
}

/// `%` and two hexadecimal digits for a byte, as in URLs.
enum PercentEncoding {
    /// `nil` if a `%` is not followed by two digits, or the result is no UTF-8, or has a NUL.
    static func decode(_ text: some StringProtocol) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst().flatMap(Self.value), let low = rest.popFirst().flatMap(Self.value)
                else { return nil }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(byte)
            }
        }
        guard !bytes.contains(0) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Leaves letters, digits and `-._~/` as they are.
    static func encode(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            let scalar = Unicode.Scalar(byte)
            if scalar.isASCII,
                scalar.properties.isAlphabetic || isDigit(byte) || "-._~/".unicodeScalars.contains(scalar)
            {
                encoded.unicodeScalars.append(scalar)
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// `0` ... `9`
func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}
