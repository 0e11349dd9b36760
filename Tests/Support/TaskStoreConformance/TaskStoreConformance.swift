package import GearclockCore

/// One thing that every store must do, named by a sentence that is true of it.
///
/// A test target runs all of them against its store: `@Test(arguments: TaskStoreConformance.cases)`.
package struct TaskStoreConformanceCase: Sendable, CustomStringConvertible {
    /// Opens so many connections to one new, empty database.
    package typealias MakeStores = @Sendable (_ connections: Int) async throws -> [any TaskStore]

    package let name: String
    private let body: @Sendable (_ makeStores: MakeStores) async throws -> Void

    init(_ name: String, _ body: @escaping @Sendable (_ store: any TaskStore) async throws -> Void) {
        self.name = name
        self.body = { makeStores in
            for store in try await makeStores(1) { try await body(store) }
        }
    }

    init(
        _ name: String, connections: Int,
        _ body: @escaping @Sendable (_ stores: [any TaskStore]) async throws -> Void
    ) {
        self.name = name
        self.body = { makeStores in try await body(makeStores(connections)) }
    }

    init(
        _ name: String, onNewStores count: Int,
        _ body: @escaping @Sendable (_ stores: [any TaskStore]) async throws -> Void
    ) {
        self.name = name
        self.body = { makeStores in
            var stores: [any TaskStore] = []
            for _ in 0..<count { stores += try await makeStores(1) }
            try await body(stores)
        }
    }

    /// - Throws: ``ConformanceFailure`` if the store does something else, or whatever the store throws.
    package func run(makeStores: MakeStores) async throws {
        try await self.body(makeStores)
    }

    package var description: String { self.name }
}

/// The contract of ``TaskStore``, sentence by sentence.
package enum TaskStoreConformance {
    package static let cases: [TaskStoreConformanceCase] =
        insertCases + expressCases + claimCases + laneCases + extendCases + settleCases + historyCases + rescueCases
        + cancelCases + ejectCases
        + readingCases + countCases + pruneCases + extremeCases + racingCases + sequenceCases + memberCases
        + functionCases
}

/// What a store did instead of what it must do.
package struct ConformanceFailure: Error, CustomStringConvertible {
    package let message: String
    package let file: String
    package let line: UInt

    package var description: String { "\(self.file):\(self.line): \(self.message)" }
}

/// - Parameter sentence: what should be true.
func expect(
    _ condition: Bool, _ sentence: @autoclosure () -> String, file: String = #fileID, line: UInt = #line
) throws(ConformanceFailure) {
    if !condition {
        throw ConformanceFailure(message: "It should be true that \(sentence())", file: file, line: line)
    }
}

/// - Parameter subject: what is compared.
func expect<Value: Equatable>(
    _ value: Value, is expected: Value, _ subject: @autoclosure () -> String, file: String = #fileID,
    line: UInt = #line
) throws(ConformanceFailure) {
    if value != expected {
        let (found, wanted) = (shortened(value), shortened(expected))
        throw ConformanceFailure(
            message: "\(subject()) should be \(wanted), and is \(found)", file: file, line: line)
    }
}

/// Payloads of megabytes make no readable message.
private func shortened(_ value: some Any) -> String {
    let text = String(describing: value)
    return text.utf8.count > 2000 ? "\(text.prefix(2000)) …" : text
}
