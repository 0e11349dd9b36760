import Foundation
import Gearman
import Logging

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

/// What the process has in memory at this moment.
func residentBytes() -> Int {
    let sizes = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
    return (sizes.count > 1 ? Int(sizes[1]) ?? 0 : 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
}

/// Tests look at results, not at logs.
let silentLogger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

extension GearmanClientConfiguration {
    /// Tries again at once, so that tests do not wait for a backoff; a test that is the server may take its time.
    static var eager: GearmanClientConfiguration {
        var configuration = GearmanClientConfiguration()
        configuration.initialBackoff = .milliseconds(1)
        configuration.maximumBackoff = .milliseconds(20)
        configuration.heartbeatInterval = .seconds(600)
        configuration.heartbeatTimeout = .seconds(600)
        return configuration
    }
}

extension GearmanWorkerConfiguration {
    /// Tries again at once, so that tests do not wait for a backoff; a test that is the server may take its time.
    static func eager(concurrency: Int = 1) -> GearmanWorkerConfiguration {
        var configuration = GearmanWorkerConfiguration()
        configuration.concurrency = concurrency
        configuration.initialBackoff = .milliseconds(1)
        configuration.maximumBackoff = .milliseconds(20)
        configuration.heartbeatInterval = .seconds(600)
        configuration.heartbeatTimeout = .seconds(600)
        return configuration
    }
}

extension GearmanEventLoop {
    /// Returns when the queue has done what it had.
    func turn() async {
        await withCheckedContinuation { continuation in self.executor.execute { continuation.resume() } }
    }
}

/// What a test waits for instead of time: a list that grows, and somebody who waits for the next element.
final class Signals<Element: Sendable>: Sendable {
    private let stream: AsyncStream<Element>
    private let continuation: AsyncStream<Element>.Continuation

    init() {
        (self.stream, self.continuation) = AsyncStream.makeStream()
    }

    func send(_ element: Element) {
        self.continuation.yield(element)
    }

    /// The next element that nobody has taken.
    func next() async -> Element? {
        var iterator = self.stream.makeAsyncIterator()
        return await iterator.next()
    }
}

/// What a call comes to, for calls that are expected to fail while the test goes on.
func outcome<Value: Sendable>(_ body: @Sendable () async throws -> Value) async -> Result<Value, any Error> {
    do { return .success(try await body()) } catch { return .failure(error) }
}

extension Result {
    /// The error that the call threw, if it was one of the module's.
    var gearmanError: GearmanError? {
        switch self {
        case .success: nil
        case .failure(let error): error as? GearmanError
        }
    }
}
