import GearclockCore
import Logging
import Testing
import gearclock

/// One event is one line, in both formats, whatever stands in it.
struct LogTests {
    private let time = Timestamp(microseconds: 1_790_000_000_000_001)

    /// What a logger wrote.
    private func lines(
        _ format: LogFormat, level: Logger.Level = .info, _ body: (inout Logger) -> Void
    ) async -> [String] {
        let (lines, continuation) = AsyncStream<String>.makeStream()
        let time = self.time
        let output = LineLogHandler.Output(now: { time }, write: { continuation.yield($0) })
        var logger = Logger(label: "gearclock.worker") { label in
            LineLogHandler(label: label, level: level, format: format, output: output)
        }
        body(&logger)
        continuation.finish()
        return await lines.reduce(into: []) { $0.append($1) }
    }

    @Test func `a text line has the time, the level, the label, the message and sorted metadata`() async {
        let lines = await self.lines(.text) { logger in
            logger.warning(
                "The store is away", metadata: ["server": "a:4730", "attempt": "\(3)", "error": "no such \"x\""])
        }
        let expected = #"attempt=3 error="no such \"x\"" server=a:4730"#
        #expect(lines == ["2026-09-21T14:13:20.000001Z warning gearclock.worker: The store is away \(expected)\n"])
    }

    @Test func `a JSON line is one object`() async throws {
        let lines = await self.lines(.json) { logger in
            logger.error("Lost \"it\"", metadata: ["ids": ["a", "b"], "task": ["id": "7", "due": "\(1)"]])
        }
        let line = try #require(lines.first)
        #expect(
            line == #"{"time":"2026-09-21T14:13:20.000001Z","level":"error","label":"gearclock.worker","#
                + #""message":"Lost \"it\"","metadata":{"ids":["a","b"],"task":{"due":"1","id":"7"}}}"# + "\n")
        #expect(throws: Never.self) { try JSONParser.parse(Array(line.utf8)) }
    }

    @Test func `a JSON line without metadata has none`() async {
        let lines = await self.lines(.json) { $0.info("Stopped") }
        #expect(
            lines == [
                #"{"time":"2026-09-21T14:13:20.000001Z","level":"info","label":"gearclock.worker","message":"Stopped"}"#
                    + "\n"
            ])
    }

    @Test(arguments: LogFormat.allCases, ["a\nb", "\u{0}", "tab\there", "\r\n", "\u{1b}[2J"])
    func `nothing that is logged breaks the line`(format: LogFormat, text: String) async {
        let lines = await self.lines(format) { logger in
            logger.info("\(text)", metadata: ["\(text)": "\(text)", "list": ["\(text)"]])
        }
        #expect(lines.count == 1)
        let controls = lines.joined().unicodeScalars.filter { $0.value < 0x20 }
        #expect(Array(controls) == ["\n"])
    }

    @Test func `what is below the level is not written`() async {
        let lines = await self.lines(.text, level: .warning) { logger in
            logger.info("no")
            logger.warning("yes")
            logger.logLevel = .trace
            logger.trace("now")
        }
        #expect(lines.count == 2)
    }

    @Test func `metadata of the logger, of its provider and of the event are one, the latest wins`() async {
        let lines = await self.lines(.text) { logger in
            logger[metadataKey: "a"] = "logger"
            logger[metadataKey: "b"] = "logger"
            logger.info("x", metadata: ["b": "event"])
        }
        #expect(lines.first?.hasSuffix("x a=logger b=event\n") == true)
    }
}
