package import GearclockCore

/// What is said about one store: lines for people, members for programs, and whether all is well.
package struct StoreReport: Sendable {
    /// Without the name of the store.
    package var lines: [String] = []
    package var members: [(name: StaticString, value: JSONValue)] = []
    /// Why the command fails; `nil`: it does not.
    package var problem: String?
    package var status = ExitStatus.failed

    package init() {}

    /// Nobody answered, or not as it should.
    package init(problem: String, status: ExitStatus) {
        self.problem = problem
        self.status = status
    }

    /// The name, and below it the lines; one line stands behind the name.
    package func text(store: String) -> String {
        if self.lines.count == 1 { return "\(store): \(printable(self.lines[0]))" }
        return ([store] + self.lines.map { "  " + printable($0) }).joined(separator: "\n")
    }

    /// `{"store", …, "problem"?}`
    package func json(store: String) -> String {
        var object = JSONObject()
        object["store"] = .text(store)
        for (name, value) in self.members { object[name] = value }
        if let problem { object["problem"] = .text(problem) }
        return String(decoding: JSONWriter.stringify(.object(object), .asWritten), as: UTF8.self)
    }

    package func failure(store: String) -> CommandFailure? {
        self.problem.map { CommandFailure(self.status, "\(store): \($0)") }
    }
}

extension JSONValue {
    /// An object with these members; those without a value are left out.
    static func object(_ members: [(name: StaticString, value: JSONValue?)]) -> JSONValue {
        var object = JSONObject()
        for (name, value) in members { object[name] = value }
        return .object(object)
    }

    static func integer(_ number: some BinaryInteger) -> JSONValue {
        .numeral(Array("\(number)".utf8))
    }
}
