import GearclockCore
import Testing
import gearclock

struct StoreReportTests {
    @Test func `one line stands behind the name, several below it`() {
        var report = StoreReport()
        report.lines = ["schema 1"]
        #expect(report.text(store: "main") == "main: schema 1")
        report.lines.append("a\u{1b}b")
        #expect(report.text(store: "main") == "main\n  schema 1\n  a\u{fffd}b")
    }

    @Test func `a report is one line of JSON, and a problem is in it`() {
        var report = StoreReport(problem: "it is \"gone\"", status: .unreachable)
        report.members = [("schema", .text("1"))]
        #expect(report.json(store: "main") == #"{"store":"main","schema":"1","problem":"it is \"gone\""}"#)
        #expect(report.failure(store: "main") == CommandFailure(.unreachable, "main: it is \"gone\""))
        #expect(StoreReport().failure(store: "main") == nil)
    }
}
