extension MariaDBConfiguration {
    /// Reads a ``MariaDBURL`` of which nothing but the configuration is wanted, and which names no file.
    package init(url: String) throws(MariaDBURLError) {
        let parsed = try MariaDBURL(url)
        guard parsed.passwordFile == nil else { throw MariaDBURLError("password_file is not read here") }
        self = parsed.configuration
    }
}

extension MariaDBURL {
    /// Reads a URL.
    ///
    /// Its parts are told apart so that no secret is taken for something else and shown: the authority ends at the
    /// first `/` or `?`, and a `@` behind that is refused, because it is more likely that of a password with a `/`.
    package init(_ text: some StringProtocol) throws(MariaDBURLError) {
        let schemes = ["mariadb://", "mysql://"]
        guard let scheme = schemes.first(where: { text.hasPrefix($0) }) else {
            throw MariaDBURLError("It begins with mariadb://")
        }
        var rest = String(text.dropFirst(scheme.count))[...]
        guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            throw MariaDBURLError("Spaces and control characters are written as %20 and the like")
        }
        guard !rest.contains("#") else { throw MariaDBURLError("A # is written as %23") }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        rest = rest[authority.endIndex...]
        guard !rest.contains("@") else {
            throw MariaDBURLError("In user and password / is written as %2F and ? as %3F; elsewhere @ as %40")
        }
        let query = rest.firstIndex(of: "?").map { rest[rest.index(after: $0)...] }
        let path = rest.prefix { $0 != "?" }

        let at = authority.lastIndex(of: "@")
        let hosts = at.map { authority[authority.index(after: $0)...] } ?? authority
        self.configuration = MariaDBConfiguration(nodes: try Self.nodes(hosts))
        self.configuration.tls =
            self.configuration.nodes.allSatisfy(\.isLoopback) ? .off : .verified(certificateAuthorities: nil)
        if let at { try self.read(credentials: authority[..<at]) }
        try self.read(path: path)
        if let query, !query.isEmpty { try self.read(query: query) }
    }

    // MARK: - Authority

    private static func nodes(_ text: Substring) throws(MariaDBURLError) -> [MariaDBConfiguration.Node] {
        var nodes: [MariaDBConfiguration.Node] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let node = try Self.node(part)
            guard !nodes.contains(node) else { throw MariaDBURLError("A host is named twice") }
            nodes.append(node)
        }
        return nodes
    }

    private static func node(_ text: Substring) throws(MariaDBURLError) -> MariaDBConfiguration.Node {
        guard !text.isEmpty else { throw MariaDBURLError("A host is missing") }
        let host: Substring
        let rest: Substring
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { throw MariaDBURLError("A ] is missing") }
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
            guard host.contains(":"), host.utf8.allSatisfy({ Self.isHexadecimal($0) || ":.".utf8.contains($0) }) else {
                throw MariaDBURLError("In brackets stands an IPv6 address")
            }
        } else {
            host = text.prefix { $0 != ":" }
            rest = text[host.endIndex...]
            guard !rest.dropFirst().contains(":") else {
                throw MariaDBURLError("An IPv6 address stands in brackets, as [::1]:3306")
            }
            guard !host.isEmpty, host.utf8.allSatisfy(Self.isHostByte) else {
                throw MariaDBURLError("A host is missing, or has characters that are in no host name")
            }
        }
        if rest.isEmpty { return MariaDBConfiguration.Node(host: String(host)) }
        guard rest.first == ":", let port = Self.integer(rest.dropFirst(), 1...65535) else {
            throw MariaDBURLError("A port is a number, 1 to 65535")
        }
        return MariaDBConfiguration.Node(host: String(host), port: UInt16(port))
    }

    private mutating func read(credentials: Substring) throws(MariaDBURLError) {
        let user = credentials.prefix { $0 != ":" }
        guard let name = PercentEncoding.decode(user) else {
            throw MariaDBURLError("The user has a % that is not followed by the two digits of a character")
        }
        if !name.isEmpty { self.configuration.user = name }
        guard user.endIndex < credentials.endIndex else { return }
        guard let password = PercentEncoding.decode(credentials[user.endIndex...].dropFirst()) else {
            throw MariaDBURLError("The password has a % that is not followed by the two digits of a character")
        }
        self.configuration.password = MariaDBConfiguration.Secret(password)
    }

    // MARK: - Path

    private mutating func read(path: Substring) throws(MariaDBURLError) {
        let name = path.dropFirst()
        if name.isEmpty { return }
        // 64 characters are what MariaDB allows.
        guard !name.contains("/"), let database = PercentEncoding.decode(name), (1...64).contains(database.count) else {
            throw MariaDBURLError("Behind the hosts stands /DATABASE, a name of at most 64 characters")
        }
        self.configuration.database = database
    }

    // MARK: - Parameters

    private enum Parameter: String, CaseIterable {
        case number
        case copies
        case onTooFew = "on_too_few"
        case tls
        case ca
        case connections
        case connectTimeout = "connect_timeout"
        case statementTimeout = "statement_timeout"
        case passwordFile = "password_file"
    }

    private mutating func read(query: Substring) throws(MariaDBURLError) {
        var values: [Parameter: String] = [:]
        for pair in query.split(separator: "&", omittingEmptySubsequences: false) {
            let name = pair.prefix { $0 != "=" }
            guard let parameter = Parameter(rawValue: String(name)) else {
                let known = Parameter.allCases.map(\.rawValue).joined(separator: ", ")
                throw MariaDBURLError("There is no such parameter; there are \(known)")
            }
            guard name.endIndex < pair.endIndex, let value = PercentEncoding.decode(pair[name.endIndex...].dropFirst()),
                !value.isEmpty
            else { throw MariaDBURLError("\(parameter.rawValue) has no value, or one with a wrong %") }
            guard values.updateValue(value, forKey: parameter) == nil else {
                throw MariaDBURLError("\(parameter.rawValue) is there twice")
            }
        }
        if values[.ca] != nil, let tls = values[.tls], tls != "verified" {
            throw MariaDBURLError("ca has a meaning with tls=verified only")
        }
        for parameter in Parameter.allCases {
            if let value = values[parameter] { try self.apply(parameter, value) }
        }
    }

    private mutating func apply(_ parameter: Parameter, _ value: String) throws(MariaDBURLError) {
        switch parameter {
        case .number:
            self.number = UInt16(try Self.number(parameter, value, 0...4095))
        case .copies:
            self.configuration.copies = try Self.number(parameter, value, 1...self.configuration.nodes.count)
        case .onTooFew:
            self.configuration.tooFewCopies = try Self.choice(parameter, value, ["refuse": .refuse, "accept": .accept])
        case .tls:
            self.configuration.tls = try Self.choice(
                parameter, value,
                ["off": .off, "verified": .verified(certificateAuthorities: nil), "unverified": .unverified])
        case .ca:
            // A file of authorities is given to verify by it, also on loopback.
            self.configuration.tls = .verified(certificateAuthorities: try Self.path(parameter, value))
        case .connections:
            self.configuration.connections = try Self.number(parameter, value, 1...64)
        case .connectTimeout:
            self.configuration.connectTimeout = .seconds(try Self.number(parameter, value, 1...3600))
        case .statementTimeout:
            self.configuration.statementTimeout = .seconds(try Self.number(parameter, value, 1...3600))
        case .passwordFile:
            guard self.configuration.password == nil else {
                throw MariaDBURLError("There is a password, and password_file: leave one of them out")
            }
            self.passwordFile = try Self.path(parameter, value)
        }
    }

    // MARK: - Values

    private static func number(
        _ parameter: Parameter, _ value: String, _ range: ClosedRange<Int>
    ) throws(MariaDBURLError) -> Int {
        guard let number = Self.integer(value, range) else {
            throw MariaDBURLError("\(parameter.rawValue) is a number, \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func choice<Value>(
        _ parameter: Parameter, _ value: String, _ choices: [String: Value]
    ) throws(MariaDBURLError) -> Value {
        guard let choice = choices[value] else {
            throw MariaDBURLError("\(parameter.rawValue) is one of \(choices.keys.sorted().joined(separator: ", "))")
        }
        return choice
    }

    /// Absolute, because daemons run in directories that nobody thinks of.
    private static func path(_ parameter: Parameter, _ value: String) throws(MariaDBURLError) -> String {
        guard value.hasPrefix("/"), !value.hasSuffix("/") else {
            throw MariaDBURLError("\(parameter.rawValue) is the absolute path of a file")
        }
        return value
    }

    private static func integer(_ text: some StringProtocol, _ range: ClosedRange<Int>) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy(isDigit), let number = Int(text), range.contains(number) else {
            return nil
        }
        return number
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || "-._".utf8.contains(byte)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }
}
