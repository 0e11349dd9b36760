package import Gearman
internal import GearmanTLS

/// A job server as settings name it: `HOST[:PORT]`, or `tls://HOST[:PORT]`.
package struct JobServerLocation: Hashable, Sendable, CustomStringConvertible {
    private static let scheme = "tls://"

    package let address: GearmanServerAddress
    /// Whether it is reached by TLS.
    package let isSecured: Bool

    package init(_ address: GearmanServerAddress, isSecured: Bool = false) {
        self.address = address
        self.isSecured = isSecured
    }

    package init?(_ text: String) {
        let isSecured = text.hasPrefix(Self.scheme)
        guard let address = GearmanServerAddress(isSecured ? String(text.dropFirst(Self.scheme.count)) : text) else {
            return nil
        }
        self.init(address, isSecured: isSecured)
    }

    package var description: String { (self.isSecured ? Self.scheme : "") + self.address.description }
}

extension GearmanClient {
    /// Why its job servers cannot be reached, each in a sentence.
    var troubles: String {
        self.health.compactMap { $0.lastError.map { "\($0.message)." } }.joined(separator: " ")
    }
}

extension Settings {
    /// The job servers, for whoever is given ``makeEventLoop()`` too.
    var servers: [GearmanServerAddress] { self.gearman.value.map(\.address) }

    /// Makes the event loop on which all job servers are reached: those by TLS and the others.
    ///
    /// - Throws: ``CommandFailure`` if a file of TLS cannot be used.
    func makeEventLoop() throws -> GearmanEventLoop {
        let secured = self.gearman.value.filter(\.isSecured).map(\.address)
        guard !secured.isEmpty else { return .shared }
        var tls = GearmanTLSConfiguration()
        tls.authorityFile = self.sslCaFile.value
        tls.certificateFile = self.sslCertificate.value
        tls.keyFile = self.sslKey.value
        tls.serverName = self.sslServerName.value
        tls.securedServers = Set(secured)
        do {
            return try GearmanEventLoop(label: "gearman.io", tls: tls)
        } catch {
            throw CommandFailure(.usage, (error as? GearmanError)?.message ?? "\(error)")
        }
    }

    static func servers(_ texts: [String], _ origin: SettingOrigin) throws -> [JobServerLocation] {
        let locations = try texts.map { text in
            guard let location = JobServerLocation(text) else {
                throw CommandFailure(
                    .usage,
                    "\(origin): '\(text)' is not an address; write HOST or HOST:PORT, with tls:// before it for TLS."
                )
            }
            return location
        }
        let plain = Set(locations.filter { !$0.isSecured }.map(\.address))
        if let twice = locations.first(where: { $0.isSecured && plain.contains($0.address) }) {
            throw CommandFailure(.usage, "\(origin): \(twice.address) stands there with TLS and without it.")
        }
        return locations
    }

    /// What is said about TLS and used by nobody is a mistake: the connections would be in plain text.
    func checkTLS() throws {
        guard !self.gearman.value.contains(where: \.isSecured) else { return }
        for setting in [self.sslCaFile, self.sslCertificate, self.sslKey, self.sslServerName] {
            // What stands in the environment or the file may be for another command.
            guard case .flag = setting.origin else { continue }
            throw CommandFailure(.usage, "\(setting.origin): no job server is reached by TLS; write tls://HOST:PORT.")
        }
    }
}
