import Gearman
import Testing

@Suite struct AdminReplyTests {
    /// Reads the bytes in one piece and one by one, which must come to the same.
    private func read(_ text: String, _ forms: AdminReplyReader.Form...) throws -> [[String]] {
        var whole = AdminReplyReader()
        var slow = AdminReplyReader()
        for form in forms {
            whole.commandSent(answeredBy: form)
            slow.commandSent(answeredBy: form)
        }
        let answers = try whole.bytesReceived(bytes(text))
        let slowAnswers = try bytes(text).flatMap { try slow.bytesReceived([$0]) }
        #expect(slowAnswers == answers)
        return answers
    }

    @Test func `answers of one line and lists come in the order of their commands`() throws {
        #expect(
            try self.read("OK 1.1.20\r\nf\t1\t0\t0\n.\nOK\r\n.\n", .line, .list, .line, .list)
                == [["OK 1.1.20"], ["f\t1\t0\t0"], ["OK"], []])
    }

    @Test func `empty lines are entries of a list`() throws {
        #expect(try self.read("\nu\n\n.\n", .list) == [["", "u", ""]])
    }

    @Test func `an error ends a list`() throws {
        #expect(
            try self.read("ERR UNKNOWN_COMMAND x\r\nOK\r\n", .list, .line)
                == [["ERR UNKNOWN_COMMAND x"], ["OK"]])
    }

    @Test func `a line that nobody asked for is an error`() {
        var reader = AdminReplyReader()
        #expect(throws: GearmanError.self) { try reader.bytesReceived(bytes("OK\r\n")) }
    }

    @Test func `lines of workers are understood with every kind of name`() {
        #expect(
            GearmanWorkerStatus(line: "38 127.0.0.1 my id : g f")
                == GearmanWorkerStatus(
                    fileDescriptor: 38, address: "127.0.0.1", clientID: "my id", functions: ["g", "f"]))
        #expect(
            GearmanWorkerStatus(line: "37 ::1 - :")
                == GearmanWorkerStatus(fileDescriptor: 37, address: "::1", clientID: nil, functions: []))
        #expect(
            GearmanWorkerStatus(line: "39 127.0.0.1  :")
                == GearmanWorkerStatus(fileDescriptor: 39, address: "127.0.0.1", clientID: "", functions: []))
        #expect(GearmanWorkerStatus(line: "39 127.0.0.1  :  f")?.functions == ["", "f"])
        #expect(GearmanWorkerStatus(line: "nonsense") == nil)
        #expect(GearmanWorkerStatus(line: "") == nil)
    }

    @Test func `more fields and wrong lines are passed over`() {
        #expect(
            GearmanFunctionStatus(line: "f\t3\t1\t4294967295")
                == GearmanFunctionStatus(function: "f", total: 3, running: 1, workers: 4_294_967_295))
        #expect(GearmanFunctionStatus(line: "f\t3\t1\t2\tnew")?.workers == 2)
        #expect(GearmanFunctionStatus(line: "a\tb\t3\t1\t2")?.function == "a\tb")
        #expect(GearmanFunctionStatus(line: "f\t3") == nil)
        #expect(GearmanFunctionStatus(line: "f\tx\ty\tz") == nil)
        #expect(GearmanFunctionStatus(line: "f\t3\t1\t-1") == nil)
        #expect(GearmanFunctionPriorityStatus(line: "f\t1\t2\t3\t0")?.low == 3)
        #expect(GearmanJobEntry(line: "H:lab:2\t0\t0\t1")?.isPersistent == true)
    }
}
