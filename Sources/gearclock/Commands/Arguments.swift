internal import ArgumentParser
internal import GearclockCore

/// A moment on the command line: ISO 8601.
struct TimeArgument: ExpressibleByArgument, Equatable {
    let timestamp: Timestamp

    init?(argument: String) {
        guard let timestamp = Timestamp(iso8601: argument.utf8) else { return nil }
        self.timestamp = timestamp
    }
}

/// A limit on the command line: a number, which the worker daemon checks, or `none`.
struct LimitArgument: ExpressibleByArgument, Equatable {
    /// `null` for none.
    let json: JSONValue

    init?(argument: String) {
        if argument == "none" {
            self.json = .null
        } else if let number = try? JSONParser.parse(Array(argument.utf8)), number.double != nil {
            self.json = number
        } else {
            return nil
        }
    }
}

extension DecimalSeconds: ExpressibleByArgument {
    package init?(argument: String) {
        self.init(argument)
    }
}

extension FunctionName: ExpressibleByArgument {
    package init?(argument: String) {
        self.init(argument)
    }
}

extension TaskID: ExpressibleByArgument {
    package init?(argument: String) {
        self.init(argument)
    }
}

extension TaskPriority: ExpressibleByArgument {
    package init?(argument: String) {
        guard let priority = Self.allCases.first(where: { "\($0)" == argument }) else { return nil }
        self = priority
    }

    package static var allValueStrings: [String] { Self.allCases.map { "\($0)" } }
}

extension TaskState: ExpressibleByArgument {
    package init?(argument: String) {
        guard let state = Self.allCases.first(where: { "\($0)" == argument }) else { return nil }
        self = state
    }

    package static var allValueStrings: [String] { Self.allCases.map { "\($0)" } }
}
